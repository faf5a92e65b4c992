#!/usr/bin/env python3
"""Runs the examples over their data and shows what they found. Usage: demo.py BIN_DIRECTORY [word_count|users|flights].

Everything is kept in build/demo, which is emptied first; needs the standard library alone.
"""
import collections
import datetime
import json
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / 'build/demo'
BAR_WIDTH = 40
CPP = set('class const constexpr false namespace return static struct template typename using virtual override include'.split())


class Programs:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory).resolve()

    def run(self, name, *arguments, **options):
        """Runs a program over the demo's data directory; the seconds it took. Ends the demo if it fails."""
        start = time.monotonic()
        done = subprocess.run([self.directory / name, *arguments, '--data-dir', DATA], **options)
        if done.returncode:
            sys.exit(f'{name} ended with code {done.returncode}')
        return time.monotonic() - start

    def consume(self, topic, *arguments):
        """The committed records of a topic, as dicts."""
        process = subprocess.Popen(
            [self.directory / 'millrace', 'consume', topic, '--data-dir', DATA, '--from-beginning', '--exit-at-end', '--format', 'json',
             '--isolation', 'read_committed', *arguments], stdout=subprocess.PIPE, text=True, encoding='utf-8')
        for line in process.stdout:
            yield json.loads(line)
        if process.wait():
            sys.exit(f'millrace consume {topic} ended with code {process.returncode}')

    def table(self, topic, *arguments):
        """The last value of every key, read as JSON."""
        rows = {}
        for record in self.consume(topic, *arguments):
            rows[record['key']] = record['value']
        return rows


def heading(text):
    print(f'\n\033[1m{text}\033[0m' if sys.stdout.isatty() else f'\n== {text}', flush=True)


def bars(rows, unit=''):
    """(label, number) pairs as bars in eighths of a character."""
    largest = max(number for _, number in rows)
    width = max(len(label) for label, _ in rows)
    for label, number in rows:
        eighths = round(number / largest * BAR_WIDTH * 8)
        bar = '█' * (eighths // 8) + ('', *'▏▎▍▌▋▊▉')[eighths % 8]
        shown = f'{number:,.1f}' if isinstance(number, float) else f'{number:,}'
        print(f'  {label:<{width}}  {bar:<{BAR_WIDTH}} {shown:>9}{unit}')


def spent(count, what, seconds):
    print(f'{count:,} {what} in {seconds:.2f} s, from start to exit')


def own_text():
    """The lines of the project's own papers and headers: what word_count reads here."""
    files = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md'), *ROOT.glob('*/*.h'), *ROOT.glob('*/*/*.h')])
    files = [f for f in files if 'build' not in f.relative_to(ROOT).parts]
    text = ''.join(f.read_text(encoding='utf-8').rstrip('\n') + '\n' for f in files)
    return files, text


def word_count(programs):
    heading('word_count: which words this project is made of')
    files, text = own_text()
    programs.run('millrace', 'topics', 'create', 'lines', '--partitions', '4')
    programs.run('millrace', 'produce', 'lines', input=text.encode())
    seconds = programs.run('word_count', '--until-end-of-input')
    counts = programs.table('counts', '--value-format', 'long')
    spent(sum(counts.values()), f'words in {text.count(chr(10)):,} lines of {len(files)} files', seconds)
    words = collections.Counter({w: n for w, n in counts.items() if len(w) > 4 and w.isalpha() and w not in CPP})
    bars(words.most_common(10))


def users(programs):
    heading('users: state is the fold of events; its directory is deleted half-way')
    seconds = programs.run('users')
    spent(sum(1 for _ in programs.consume('user-events')), 'events, five starts', seconds)


def new_york_hour(ms):
    """The hour of the day in New York, in 2013: summer time from 10 March 7:00 to 3 November 6:00, UTC."""
    utc = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).replace(tzinfo=None)
    summer = datetime.datetime(2013, 3, 10, 7) <= utc < datetime.datetime(2013, 11, 3, 6)
    return (utc.hour - (4 if summer else 5)) % 24


def flights(programs):
    heading('flights: every departure from New York in 2013, through joins, windows and tables')
    seconds = programs.run('flights', '--input', ROOT / 'examples/flights/data')
    carriers = [json.loads(v) for v in programs.table('carrier-delays').values()]
    spent(sum(c['flights'] for c in carriers), 'flights', seconds)
    hours = collections.Counter()
    for value in programs.table('departures-hourly').values():
        row = json.loads(value)
        hours[new_york_hour(row['window_start'])] += row['departures']
    print('\nDepartures by hour of the day (hourly windows)')
    bars([(f'{hour:02}:00', n) for hour, n in sorted(hours.items())])
    print('\nMinutes late, on average, by carrier (global table join, aggregate)')
    late = [(c['name'].removesuffix(' Inc.').removesuffix(' Co.'), c['dep_delay_minutes'] / (c['flights'] - c['cancelled']))
            for c in carriers if c['flights'] > c['cancelled']]
    bars(sorted(late, key=lambda row: -row[1])[:8])
    print('\nTop destinations (count, then a ranking of the counts)')
    bars([tuple(row) for row in json.loads(programs.table('top-destinations')['all'])])
    aircraft = [json.loads(v) for v in programs.table('aircraft').values()]
    far = max(aircraft, key=lambda a: a['miles'])
    print(f'\n{far["tailnum"]} flew furthest: {far["miles"]:,} miles in {far["legs"]:,} legs, {far["miles"] / 238855:.1f} times to the Moon.')


EXAMPLES = {'word_count': word_count, 'users': users, 'flights': flights}
NEXT = """
Try next:
  {bin}/millrace topics list --data-dir {data}
  {bin}/millrace groups describe --data-dir {data}
  {bin}/millrace consume users --data-dir {data} --from-beginning --exit-at-end --print-key
  echo 'to be or not to be' | {bin}/millrace produce lines --data-dir {data}
  {bin}/word_count --data-dir {data} --until-end-of-input     # counts on where it stopped
  {bin}/flights --data-dir {data} --input examples/flights/data --describe
  {bin}/millrace log dump aircraft-0 --data-dir {data} --records | less"""


def main():
    if not 2 <= len(sys.argv) <= 3 or sys.argv[2:] and sys.argv[2] not in EXAMPLES:
        print(__doc__, file=sys.stderr)
        return 2
    sys.stdout.reconfigure(encoding='utf-8')  # bars, whatever the locale
    programs = Programs(sys.argv[1])
    shutil.rmtree(DATA, ignore_errors=True)
    start = time.monotonic()
    for name, example in EXAMPLES.items():
        if sys.argv[2:] in ([], [name]):
            example(programs)
    print(f'\nAll of it in {time.monotonic() - start:.1f} s; the data stay in {DATA.relative_to(ROOT)}.')
    if not sys.argv[2:]:
        print(NEXT.format(bin=sys.argv[1], data=DATA.relative_to(ROOT)))
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except BrokenPipeError:  # `| head`
        sys.stderr.close()
        sys.exit(0)
