#!/usr/bin/env python3
"""docs/formats/durability.md lists every place that syncs, and nothing else.

A place that syncs is a call of one of SYNCS with a site, a string literal such as "log.segment.sync"; a site that is handed on in a table
or a variable is found by its ending.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAYERS = ['base', 'broker', 'connectors', 'statestore', 'dsl', 'runtime', 'millrace']
SYNCS = ['sync', 'sync_directory', 'sync_filesystem', 'write_file_atomically', 'make_durable_directories', 'write_offsets']
SITE = r'"([a-z_]+(?:\.[a-z_]+)+)"'
# Calls that hand a site on: the literal stands where they are called. (file, the argument)
HANDED_ON = {('base/env.cc', 'site'), ('base/files_posix.cc', 'site'), ('broker/log/entry_file.cc', 'site'),
             ('broker/log/log_directory.cc', 'site'), ('statestore/rocksdb/rocksdb_env.cc', 'sites_.sync')}


def without_comments(text):
    return re.sub(r'//[^\n]*', '', text)


def sites_in_code():
    sites, unclear = {}, []
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob('*.cc')):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith('base/sim/'):  # the disk itself
                continue
            text = without_comments(path.read_text(encoding='utf-8'))
            for found in re.finditer(SITE, text):
                if found.group(1).endswith('.sync'):
                    sites.setdefault(found.group(1), name)
            for call in re.finditer(r'(?:->|\.|\s|\()(' + '|'.join(SYNCS) + r')\(', text):
                argument = last_argument(text, call.end())
                site = re.fullmatch(SITE, argument)
                if site:
                    sites.setdefault(site.group(1), name)
                elif re.fullmatch(r'[a-z_.]*site[a-z_.]*', argument) and (name, argument) not in HANDED_ON:
                    unclear.append(f'{name}: {call.group(1)}(… {argument}): a site that is no literal; say in {__file__} who gives it')
    return sites, unclear


def last_argument(text, start):
    """Of the call whose '(' ends at `start`."""
    depth, at, begin = 1, start, start
    while depth:
        char = text[at]
        depth += char in '({['
        depth -= char in ')}]'
        if char == ',' and depth == 1:
            begin = at + 1
        at += 1
    return ' '.join(text[begin:at - 1].split())


def main():
    code, errors = sites_in_code()
    page = (ROOT / 'docs/formats/durability.md').read_text(encoding='utf-8')
    listed = re.findall(r'^\| `([a-z_.]+)` \|', page, re.M)
    errors += [f'{code[site]}: {site} syncs and is not in docs/formats/durability.md' for site in sorted(code) if site not in listed]
    errors += [f'docs/formats/durability.md: {site}: no such place syncs' for site in listed if site not in code]
    errors += [f'docs/formats/durability.md: {site} is listed twice' for site in sorted(set(listed)) if listed.count(site) > 1]
    print('\n'.join(errors) or f'{len(listed)} places sync, and all are listed')
    return 1 if errors else 0


if __name__ == '__main__':
    sys.exit(main())
