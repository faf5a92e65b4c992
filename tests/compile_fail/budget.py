#!/usr/bin/env python3
"""Fails if HEADER is more than LINES preprocessed lines, or reaches one that it must not.

Usage: budget.py HEADER LINES COMPILER FLAG…
"""
import re
import subprocess
import sys

header, limit, compiler, *flags = sys.argv[1:]
BANNED = ['functional', 'iostream', 'regex', 'ranges', 'filesystem', 'rocksdb/', 'tbb/', 'google/protobuf', 'asio', 'spdlog',
          'nlohmann']
done = subprocess.run([compiler, '-std=c++20', '-E', *flags, '-x', 'c++', '-'], input=f'#include "{header}"\n',
                      capture_output=True, text=True, check=False)
if done.returncode:
    sys.exit(done.stderr)
lines = done.stdout.count('\n')
reached = set(re.findall(r'^# \d+ "([^"]+)"', done.stdout, re.M))
found = sorted(r for r in reached for b in BANNED if re.search(rf'/{re.escape(b)}' + ('' if b.endswith('/') or '/' in b else '$'), r))
print(f'{lines} lines')
if lines > int(limit):
    sys.exit(f'{header} is {lines} preprocessed lines; at most {limit}')
if found:
    sys.exit(f'{header} reaches ' + ', '.join(found))
