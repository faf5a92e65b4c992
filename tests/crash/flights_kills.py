#!/usr/bin/env python3
"""Kills the flights example with SIGKILL at named places of the log, the state and the commit, starts it again until it is done, and
compares every output topic with an oracle that is computed from the CSV files alone: nothing lost, nothing twice.

  flights_kills.py BIN_DIRECTORY DATA_DIRECTORY [--kills N] [--seed S] [--only PREFIX] [--part I/N]

--kills: how often at each place, before and after it each (1 in CI, 20 in a soak). --part: the I-th of N parts of the kills.
Exactly once, a commit every 5 ms.
"""
import argparse
import collections
import csv
import io
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile

COMMIT = ('commit.', 'transactions.', 'log.filesystem.sync')
CHAIN = 10  # kills in one life of a data directory


def rows(data, name):
    text = subprocess.run(['zstd', '-dc', data / f'{name}.csv.zst'], check=True, capture_output=True).stdout.decode()
    for row in csv.DictReader(io.StringIO(text)):
        yield {k: None if v == 'NA' else v for k, v in row.items()}


def hour_ms(iso):
    import calendar
    import time
    return calendar.timegm(time.strptime(iso, '%Y-%m-%dT%H:%M:%SZ')) * 1000


def oracle(data):
    """What must be in the topics: last values by key, and for flights-weather every record."""
    weather = {f"{r['origin']}|{r['time_hour']}": r for r in rows(data, 'weather')}
    names = {r['carrier']: r['name'] for r in rows(data, 'airlines')}
    models = {r['tailnum']: r['model'] for r in rows(data, 'planes')}
    hourly, dests, joined = collections.Counter(), collections.Counter(), collections.Counter()
    carriers, aircraft = {}, {}
    for f in rows(data, 'flights'):
        carrier = carriers.setdefault(f['carrier'], collections.Counter())
        carrier['flights'] += 1
        if f['dep_time'] is None:
            carrier['cancelled'] += 1
        else:
            carrier['dep_delay_minutes'] += int(float(f['dep_delay']))
            at = hour_ms(f['time_hour']) + int(f['minute']) * 60000
            hourly[f"{f['origin']}@{at - at % 3600000}"] += 1
            dests[f['dest']] += 1
            if f['tailnum']:
                plane = aircraft.setdefault(f['tailnum'], {'tailnum': f['tailnum'], 'legs': 0, 'miles': 0})
                plane['legs'] += 1
                plane['miles'] += int(float(f['distance']))
                plane['airport'] = f['dest']
                plane['model'] = models.get(f['tailnum'])
        hour = weather.get(f"{f['origin']}|{f['time_hour']}")
        if hour:
            joined[(f['tailnum'], f['carrier'], int(f['flight']), f['origin'], f['dest'], f['time_hour'],
                    number(hour['temp']), number(hour['wind_speed']))] += 1
    return {
        'departures-hourly': {k: {'origin': k.split('@')[0], 'window_start': int(k.split('@')[1]), 'departures': n}
                              for k, n in hourly.items()},
        'carrier-delays': {k: {'carrier': k, 'name': names[k], 'flights': c['flights'], 'cancelled': c['cancelled'],
                               'dep_delay_minutes': c['dep_delay_minutes']} for k, c in carriers.items()},
        'aircraft': aircraft,
        'top-destinations': {'all': [list(x) for x in sorted(dests.items(), key=lambda x: (-x[1], x[0]))[:10]]},
        'flights-weather': joined,
    }


def number(text):
    return None if text is None else float(text)


def consumed(millrace, directory, topic):
    command = [millrace, 'consume', topic, '--data-dir', directory, '--from-beginning', '--exit-at-end', '--format', 'json',
               '--isolation', 'read_committed']
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        record = json.loads(line)
        value = record['value']
        yield record['key'], json.loads(value) if isinstance(value, str) else value


def compare(millrace, directory, expected):
    wrong = []
    for topic, want in expected.items():
        if topic == 'flights-weather':
            got = collections.Counter((k, v['carrier'], v['flight'], v['origin'], v['dest'], v['time_hour'], number(v['temp']),
                                       number(v['wind_speed'])) for k, v in consumed(millrace, directory, topic))
        else:
            got = dict(consumed(millrace, directory, topic))
        if got != want:
            keys = [k for k in want.keys() | got.keys() if want.get(k) != got.get(k)]
            wrong.append(f'{topic}: {len(keys)} differ, such as {keys[0]!r}: want {want.get(keys[0])!r}, got {got.get(keys[0])!r}')
    return wrong


class Kills:
    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.flights = args.bin / 'flights'
        self.killed = self.in_commit = self.missed = self.lives = 0
        self.work = pathlib.Path(tempfile.mkdtemp(prefix='millrace-kills-'))

    def run(self, directory, extra):
        command = [self.flights, '--data-dir', directory, '--input', self.args.data, '--config', 'commit.interval.ms=5']
        return subprocess.run(command, env={**os.environ, **extra}, capture_output=True, text=True)

    def passes(self):
        """How often each place is passed in an undisturbed run."""
        directory, counts = self.work / 'undisturbed', self.work / 'passes'
        done = self.run(directory, {'MILLRACE_FAULT_LOG': str(counts)})
        if done.returncode != 0:
            sys.exit(f'flights failed undisturbed: {done.stderr}')
        shutil.rmtree(directory)
        found = dict(line.rsplit(' ', 1) for line in counts.read_text().splitlines())
        return {site: int(n) for site, n in found.items() if site.startswith(self.args.only)}

    def kill(self, directory, site, side, count):
        """One start that is killed at `site`; whether it was. A place that was not passed so often lets the run end."""
        at = self.random.randint(1, max(1, count // (CHAIN + 1)))
        done = self.run(directory, {'MILLRACE_FAULT': f'{site}:{side}:{at}'})
        if done.returncode == -signal.SIGKILL:
            self.killed += 1
            self.in_commit += site.startswith(COMMIT)
            return True
        if done.returncode != 0:
            sys.exit(f'{site}:{side}:{at}: flights failed instead of being killed: {done.stderr}')
        return False

    def life(self, orders, counts, expected):
        """Kills one data directory again and again, lets it finish, compares."""
        directory = self.work / f'life-{self.lives}'
        self.lives += 1
        story = []
        while orders and len(story) < CHAIN:
            site, side = orders[-1]
            was_killed = self.kill(directory, site, side, counts[site])
            if was_killed or not story:  # not passed even from the start: nothing to kill there in this run
                orders.pop()
                self.missed += not was_killed
            story.append(f'{site}:{side}')
            if not was_killed:
                break
        done = self.run(directory, {})
        if done.returncode != 0:
            sys.exit(f'flights did not come back after {story}: {done.stderr}\nkept: {directory}')
        wrong = compare(self.args.bin / 'millrace', directory, expected)
        if wrong:
            sys.exit('after kills at ' + ', '.join(story) + ':\n  ' + '\n  '.join(wrong) + f'\nkept: {directory}')
        shutil.rmtree(directory)
        if self.lives % 20 == 0:
            print(self.sum(), flush=True)

    def sum(self):
        return f'{self.killed} kills, {self.in_commit} of them inside a commit, {self.missed} orders that no run reached, {self.lives} data ' \
               'directories: every output topic as the oracle says'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('bin', type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument('data', type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument('--kills', type=int, default=1)
    parser.add_argument('--seed', type=int, default=int(os.environ.get('MILLRACE_SEED', '1')))
    parser.add_argument('--only', default='')
    parser.add_argument('--part', default='1/1')
    kills = Kills(parser.parse_args())
    counts = kills.passes()
    expected = oracle(kills.args.data)
    orders = [(site, side) for site in counts for side in ('before', 'after')] * kills.args.kills
    kills.random.shuffle(orders)
    part, parts = (int(n) for n in kills.args.part.split('/'))
    orders = orders[part - 1::parts]
    while orders:
        kills.life(orders, counts, expected)
    shutil.rmtree(kills.work)
    print(f'{len(counts)} places, {kills.sum()}')
    if kills.killed == 0:
        sys.exit('nothing was killed')


if __name__ == '__main__':
    main()
