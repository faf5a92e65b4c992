#!/usr/bin/env python3
"""Compiles FILE twice: as it is it must compile; with -DMISTAKE it must not, and the first error must hold the words after `expect:`.

Usage: check.py FILE COMPILER FLAG…
"""
import re
import subprocess
import sys

file, compiler, *flags = sys.argv[1:]
comment = []
for line in open(file, encoding='utf-8'):
    if not line.startswith('//'):
        break
    comment.append(line[2:].strip())
expected = ' '.join(comment).split('expect: ', 1)[1]


def compiles(*more):
    command = [compiler, '-std=c++20', '-fsyntax-only', *flags, *more, file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


good = compiles()
if good.returncode:
    sys.exit(f'{file} does not compile without its mistake:\n{good.stderr}')
bad = compiles('-DMISTAKE')
errors = re.findall(r'error: (.*)', bad.stderr)
if not bad.returncode or not errors:
    sys.exit(f'{file} compiles with its mistake')


def plain(text):
    return re.sub(r'[‘’\'`]', "'", text.replace('static assertion failed: ', ''))


if plain(expected) not in plain(errors[0]):
    sys.exit(f'the first error of {file} is\n  {errors[0]}\nexpected\n  {expected}')
