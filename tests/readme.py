#!/usr/bin/env python3
"""README.md keeps its word: its program is examples/word_count, and every file that a paper points to exists."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def program_differs():
    """The program in README.md, against the example that is built; comments apart."""
    bare = lambda text: [line for line in (re.sub(r'\s*//.*', '', line).rstrip() for line in text.split('\n')) if line]
    shown = re.search(r'```cpp\n(.*?)```', (ROOT / 'README.md').read_text(encoding='utf-8'), re.S).group(1)
    built = (ROOT / 'examples/word_count/word_count.cc').read_text(encoding='utf-8')
    if bare(shown) != bare(built):
        yield 'README.md: its program is not examples/word_count/word_count.cc'


def missing_files():
    """Paths in back quotes that begin with a folder of the project, and relative links."""
    folders = {p.name for p in ROOT.iterdir() if p.is_dir()} - {'build'}
    papers = [*ROOT.glob('*.md'), *ROOT.glob('*/*.md'), *ROOT.glob('docs/**/*.md'), *ROOT.glob('examples/*/*.md')]
    for paper in sorted({p for p in papers if 'build' not in p.relative_to(ROOT).parts}):
        text = re.sub(r'```.*?```', '', paper.read_text(encoding='utf-8'), flags=re.S)
        named = [ROOT / path for path in re.findall(r'`((?:\w+/)+[\w./-]*)`', text) if path.split('/')[0] in folders]
        linked = [paper.parent / path for path in re.findall(r'\]\(([\w./-]+)\)', text)]
        for path in named + linked:
            if not path.exists() and not path.parent.joinpath(path.name + '.h').exists():
                yield f'{paper.relative_to(ROOT)}: there is no {path.relative_to(ROOT)}'


if __name__ == '__main__':
    errors = [*program_differs(), *missing_files()]
    print('\n'.join(errors) or 'the papers point to what exists')
    sys.exit(1 if errors else 0)
