#!/usr/bin/env python3
"""Runs the simulated application's seeds twice, in two processes, and compares everything that must be the same:
the trace of all calls, the logs, the outputs, the committed offsets, the rows of the stores, the files.

same_seed_twice.py PROGRAM [COUNT]
"""
import subprocess
import sys


def facts(program: str, count: int) -> list[str]:
    run = subprocess.run([program, '1', '--count', str(count), '--facts'], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f'{program} failed:\n{run.stdout[-2000:]}{run.stderr[-2000:]}')
    return run.stdout.splitlines()


def main() -> None:
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    first, second = facts(program, count), facts(program, count)
    if len(first) < 50 * count:
        sys.exit(f'only {len(first)} lines to compare')
    for number, (a, b) in enumerate(zip(first, second), 1):
        if a != b:
            sys.exit(f'two processes differ in line {number}:\n  {a}\n  {b}')
    if len(first) != len(second):
        sys.exit(f'two processes differ: {len(first)} and {len(second)} lines')
    print(f'{count} seeds, {len(first)} lines the same in both processes')


if __name__ == '__main__':
    main()
