#!/usr/bin/env python3
"""The rules of this house that a compiler can't check. Usage: tests/tidy.py [root | --fixtures | --tighten].

Each rule is a function that yields (file, line, what is wrong). --fixtures runs every rule on tests/tidy_fixtures/<rule>/, a small
tree that must fail by exactly that rule. Exceptions, each with its reason, stand in tests/tidy_exceptions.txt; one that is not needed
any more is itself an error, and --tighten lowers the limits to what is left: the list can only shrink.
"""
import collections
import pathlib
import re
import sys

LAYERS = {  # folder: what it may include, besides itself
    'base': [], 'broker': ['base'], 'connectors': ['base'], 'connectors/embedded': ['connectors', 'broker'],
    'connectors/simulated': ['connectors', 'connectors/embedded'], 'statestore': ['base'],
    'statestore/rocksdb': ['statestore'], 'dsl': ['statestore'],
    'runtime': ['dsl', 'connectors', 'statestore', 'statestore/rocksdb'], 'millrace': ['runtime', 'connectors/embedded'],
}
PROGRAMS = ['cli', 'examples', 'bench', 'tests']
# Third-party headers, and where they may be included. None of them in a layer's headers.
THIRD_PARTY = [
    (r'rocksdb/', ['statestore/rocksdb/', 'bench/', 'tests/statestore/', 'tests/formats/']),
    (r'(one)?api/tbb|tbb/', ['base/executor_tbb.cc', 'bench/']),
    (r'spdlog/|fmt/', ['base/']),
    (r'asio', []),
    (r'librdkafka/', ['connectors/kafka/']),
    (r'google/protobuf/', ['dsl/serdes/protobuf', 'examples/', 'tests/', 'bench/']),
    (r'absl/', []),
    (r'CLI/', ['cli/', 'millrace/', 'bench/', 'examples/']),
    (r'nlohmann/', ['cli/', 'dsl/', 'runtime/', 'millrace/', 'connectors/', 'bench/', 'tests/', 'examples/']),
    (r'(zstd|lz4\w*|snappy\S*|zlib|isa-l\S*|igzip_lib)\.h', ['base/', 'connectors/', 'tests/', 'bench/']),
]
# Headers that bring a third party with them, to who includes them: a folder of its own target, and what users opt into.
OPT_IN_HEADERS = ('statestore/rocksdb/', 'dsl/serdes/protobuf.h')
BANNED = [  # outside base/: all of it comes from Env
    (r'\b(system|steady|high_resolution)_clock::now', 'the clock is Env\'s'),
    (r'\bstd::(jthread|thread)\b(?!::hardware)', 'threads are Env\'s executors'),
    (r'\bstd::async\b', 'threads are Env\'s executors'),
    (r'\b(std::)?random_device\b', 'chance is Env\'s'),
    (r'(?<![\w.:>])(std::)?s?rand\s*\(', 'chance is Env\'s'),
    (r'(?<![\w.>])(::|std::)?fopen\s*\(|(?<![\w.>:])::open\s*\(|\bstd::(o|i)?fstream\b', 'files are Env\'s'),
    (r'\bsleep_(for|until)\b|(?<![\w.>])(::)?u?sleep\s*\(', 'nothing sleeps: use Executor::post_at'),
]
PRINTING = r'\bstd::(cout|cerr)\b|(?<![\w:.>])(std::)?printf\s*\('
MAX_LINES, MAX_COLUMNS, MAX_FUNCTION = 600, 120, 70
BAD_FILE_NAMES = r'(^|_)(utils?|helpers?|managers?|common|misc)(_|\.|$)'
BAD_TYPE_NAMES = r'\b(class|struct)\s+(\w*(Impl|Base|Internal|Abstract|Manager|Helper|Utils?))\b(?!\s*::)'


class Tree:
    """The files of a checkout, read once."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = {}
        for folder in list({name.split('/')[0] for name in LAYERS}) + PROGRAMS + ['docs', 'cmake']:
            for path in sorted((self.root / folder).rglob('*')):
                name = path.relative_to(self.root).as_posix()
                if name.startswith(('tests/tidy', 'tests/compile_fail/')) or '__pycache__' in name or not path.is_file():
                    continue
                if path.suffix in ('.h', '.cc', '.py', '.md', '.cmake', '.txt', '.sh'):
                    self.files[name] = path.read_text(encoding='utf-8')
        for name in ['dev', '.ci/run', 'CMakeLists.txt', 'README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'ROADMAP.md',
                     'CHANGELOG.md']:
            if (self.root / name).is_file():
                self.files[name] = (self.root / name).read_text(encoding='utf-8')
        self.code = {n: text for n, text in self.files.items() if n.endswith(('.h', '.cc'))}
        self.bare = {n: without_comments_and_strings(text) for n, text in self.code.items()}

    def lines(self, name):
        return enumerate(self.files[name].split('\n'), 1)


def without_comments_and_strings(text):
    """The code alone; every line stays where it is."""
    token = re.compile(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match):
        kept = '""' if match.group().startswith(('"', 'R"')) else "' '" if match.group().startswith("'") else ''
        return kept + '\n' * match.group().count('\n')
    return token.sub(blank, text)


def layer_of(name):
    fitting = [layer for layer in LAYERS if name.startswith(layer + '/')]
    return max(fitting, key=len) if fitting else None


def reachable(layer):
    seen, todo = set(), [layer]
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo += LAYERS[at]
    return seen


def rule_layers(tree):
    for name in tree.code:
        layer = layer_of(name)
        for number, line in tree.lines(name):
            include = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not include:
                continue
            target = include.group(1)
            if not target.startswith(('millrace/', 'tests/')) and layer:
                yield name, number, f'"{target}" must be spelled millrace/<layer>/<file>.h'
            if layer and target.startswith('tests/'):
                yield name, number, f'a layer includes {target}'
            if layer and target.startswith('millrace/'):
                wanted = layer_of(target[len('millrace/'):])
                if wanted is None and target.count('/') == 1:
                    wanted = 'millrace'  # millrace/run.h: the top layer's own headers have no folder
                if wanted is None:
                    yield name, number, f'{target} is in no layer'
                elif wanted not in reachable(layer):
                    yield name, number, f'{layer} must not include {wanted} ({target})'
                elif '/internal/' in target and wanted != layer:
                    yield name, number, f'{target} is internal to {wanted}'


def rule_third_party(tree):
    for name in tree.code:
        for number, line in tree.lines(name):
            include = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            for pattern, places in THIRD_PARTY if include else []:
                if re.match(pattern, include.group(1)):
                    if not name.startswith(tuple(places)) if places else True:
                        yield name, number, f'{include.group(1)} belongs to {", ".join(places) or "nobody yet"}'
                    elif name.endswith('.h') and layer_of(name) and not name.startswith(OPT_IN_HEADERS):
                        yield name, number, f'{include.group(1)} in a header: third-party headers stay in .cc files'


def rule_banned_calls(tree):
    for name, text in tree.bare.items():
        if name.startswith(('base/', 'tests/', 'bench/')):
            continue
        for number, line in enumerate(text.split('\n'), 1):
            for pattern, why in BANNED:
                if re.search(pattern, line):
                    yield name, number, f'{line.strip()}: {why}'
            if not name.startswith(('cli/', 'examples/', 'millrace/')) and re.search(PRINTING, line):
                yield name, number, f'{line.strip()}: only programs print; see base/log.h'


def rule_file_length(tree):
    for name in tree.files:
        if name.endswith(('.h', '.cc', '.py')) or name == 'dev':
            count = tree.files[name].count('\n')
            if count > MAX_LINES:
                yield name, 1, f'{count} lines; at most {MAX_LINES}: split it by meaning'


def rule_line_length(tree):
    for name in tree.code:
        for number, line in tree.lines(name):
            if len(line) > MAX_COLUMNS:
                yield name, number, f'{len(line)} columns; at most {MAX_COLUMNS}'


def functions(text):
    """(first line, count of lines) of every function body: outermost blocks behind a parameter list."""
    depth_of_function, blocks, head, line, head_line = None, [], '', 1, 1
    for char in text:
        if char == '\n':
            line += 1
        if char == '{':
            outside = depth_of_function is None
            named = re.match(r'\s*(inline\s+)?(namespace|class|struct|enum|union|extern)\b', head)
            if outside and ')' in head and not named and not re.search(r'=\s*$', head):
                depth_of_function = len(blocks)
                blocks.append(head_line)
            else:
                blocks.append(None)
            head = ''
        elif char == '}':
            start = blocks.pop() if blocks else None
            if depth_of_function is not None and len(blocks) == depth_of_function:
                depth_of_function = None
                yield start, line - start + 1
            head = ''
        elif char == ';':
            head = ''
        else:
            if not head.strip():
                head_line = line
            head += char


def rule_function_length(tree):
    for name, text in tree.bare.items():
        without_macros = re.sub(r'^\s*#(.*\\\n)*.*$', lambda m: '\n' * m.group().count('\n'), text, flags=re.M)
        for start, count in functions(without_macros):
            if count > MAX_FUNCTION:
                yield name, start, f'a function of {count} lines; at most {MAX_FUNCTION}: split it by meaning'


def rule_file_names(tree):
    for name in tree.files:
        stem = name.split('/')[-1]
        if re.search(BAD_FILE_NAMES, stem):
            yield name, 1, 'a file is a noun that says what is in it'
        elif name.endswith(('.h', '.cc')) and not re.fullmatch(r'[a-z0-9_]+\.(h|cc)', stem):
            yield name, 1, 'file names are snake_case, .h and .cc'


def rule_type_names(tree):
    for name, text in tree.bare.items():
        for number, line in enumerate(text.split('\n'), 1):
            bad = re.search(BAD_TYPE_NAMES, line)
            if bad:
                yield name, number, f'{bad.group(2)}: an interface has the plain noun, an implementation says how'


def rule_header_comments(tree):
    for name in tree.code:
        if name.endswith('.h') and layer_of(name):
            text = tree.files[name]
            if not text.startswith('//'):
                yield name, 1, 'a header begins with what it is for'
            if '#pragma once' not in text:
                yield name, 1, '#pragma once is missing'


def rule_tests_exist(tree):
    tests = {pathlib.PurePath(name).name for name in tree.code if name.startswith('tests/')}
    for name in tree.code:
        if layer_of(name) and name.endswith('.cc'):
            test = pathlib.PurePath(name).stem + '_test.cc'
            if test not in tests:
                yield name, 1, f'has no test: no {test} under tests/'


def rule_test_names(tree):
    for name, text in tree.bare.items():
        if name.startswith('tests/'):
            for match in re.finditer(r'\b(TYPED_)?TEST(_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)', text):
                if not re.fullmatch(r'[a-z0-9]+(_[a-z0-9]+)+', match.group(4)):
                    yield name, text[:match.start()].count('\n') + 1, f'{match.group(4)}: a test is a sentence in snake_case'


def rule_outside_paths(tree):
    for name in tree.files:
        for number, line in tree.lines(name):
            if re.search(r'(?<![\w/])/work/|\.\./shared\b|/home/\w', line):
                yield name, number, 'names a path outside the project'


def rule_unfinished(tree):
    for name in tree.code:
        for number, line in tree.lines(name):
            if re.search(r'\b(TODO|FIXME|XXX|HACK)\b', line):
                yield name, number, 'what is not done stands in ROADMAP.md'


RULES = {name[len('rule_'):]: rule for name, rule in globals().items() if name.startswith('rule_')}


def read_exceptions(path):
    """'rule file limit reason' a line: at most `limit` breaches of the rule there."""
    exceptions = {}
    for number, line in enumerate(path.read_text(encoding='utf-8').split('\n') if path.is_file() else [], 1):
        if line.strip() and not line.startswith('#'):
            rule, file, limit, reason = (line.split(None, 3) + ['', '', ''])[:4]
            if rule not in RULES or not limit.isdigit() or not reason:
                sys.exit(f'{path}:{number}: expected: rule file limit reason')
            exceptions[rule, file] = int(limit)
    return exceptions


def breaches(root):
    tree = Tree(root)
    for rule, check in RULES.items():
        for file, line, what in check(tree):
            yield rule, file, line, what


def check_tree(root):
    exceptions = read_exceptions(pathlib.Path(root) / 'tests/tidy_exceptions.txt')
    found = collections.defaultdict(list)
    for rule, file, line, what in breaches(root):
        found[rule, file].append(f'{file}:{line}: {what} [{rule}]')
    errors = []
    for key, messages in sorted(found.items()):
        if len(messages) > exceptions.get(key, 0):
            errors += messages
    for key, limit in sorted(exceptions.items()):
        if not found[key]:
            errors.append(f'tests/tidy_exceptions.txt: {key[1]} keeps {key[0]} now: take its line out')
    print('\n'.join(errors) or 'tidy')
    return 1 if errors else 0


def tighten(root):
    path = pathlib.Path(root) / 'tests/tidy_exceptions.txt'
    counts = collections.Counter((rule, file) for rule, file, _, _ in breaches(root))
    kept = []
    for line in path.read_text(encoding='utf-8').splitlines():
        if line.strip() and not line.startswith('#'):
            rule, file, limit, reason = line.split(None, 3)
            if not counts[rule, file]:
                continue
            line = f'{rule} {file} {min(int(limit), counts[rule, file])} {reason}'
        kept.append(line)
    path.write_text('\n'.join(kept) + '\n', encoding='utf-8')
    return 0


def check_fixtures(root):
    errors = []
    for rule in RULES:
        fixture = pathlib.Path(root) / 'tests/tidy_fixtures' / rule
        broken = {found[0] for found in breaches(fixture)} if fixture.is_dir() else None
        if broken != {rule}:
            errors.append(f'{fixture}: expected a breach of {rule} alone, found {broken or "none"}')
    print('\n'.join(errors) or f'{len(RULES)} rules fail where they must')
    return 1 if errors else 0


if __name__ == '__main__':
    here = pathlib.Path(__file__).resolve().parent.parent
    if sys.argv[1:] == ['--fixtures']:
        sys.exit(check_fixtures(here))
    if sys.argv[1:] == ['--tighten']:
        sys.exit(tighten(here))
    sys.exit(check_tree(sys.argv[1] if len(sys.argv) > 1 else here))
