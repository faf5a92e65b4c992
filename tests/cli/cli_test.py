#!/usr/bin/env python3
"""The millrace program from outside: what it prints, and its exit codes. Usage: cli_test.py path/to/millrace."""
import base64
import json
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv.pop(1)


class Cli(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.data = self.directory.name + '/data'

    def tearDown(self):
        self.directory.cleanup()

    def run_it(self, *arguments, given='', code=0):
        given = given if isinstance(given, bytes) else given.encode()
        done = subprocess.run([PROGRAM, '--data-dir', self.data, *arguments], input=given, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, code, f'{arguments}: {done.stdout} {done.stderr}')
        return (done.stdout if code == 0 else done.stderr).decode()

    def consume(self, topic, *arguments):
        return self.run_it('consume', topic, '--from-beginning', '--exit-at-end', *arguments)

    def test_topics_are_made_listed_described_and_deleted(self):
        self.run_it('topics', 'create', 'a', '--partitions', '3', '--config', 'cleanup.policy=compact')
        self.assertIn('TOPIC_ALREADY_EXISTS', self.run_it('topics', 'create', 'a', code=1))
        self.run_it('topics', 'create', 'a', '--if-not-exists')
        self.assertEqual(self.run_it('topics', 'list'), 'a\n')
        described = self.run_it('topics', 'describe', 'a')
        self.assertIn('partitions: 3', described)
        self.assertIn('cleanup.policy=compact', described)
        self.assertEqual(len(described.splitlines()), 5)
        self.run_it('topics', 'delete', 'a')
        self.assertEqual(self.run_it('topics', 'list'), '')
        self.assertIn('UNKNOWN_TOPIC_OR_PARTITION', self.run_it('topics', 'describe', 'a', code=1))

    def test_partitions_are_not_bound_by_the_shells_limit_on_open_files(self):
        def few_files():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        subprocess.run([PROGRAM, '--data-dir', self.data, 'topics', 'create', 'wide', '--partitions', '100'], check=True,
                       preexec_fn=few_files)
        self.assertIn('not in range 1 to 100000', self.run_it('topics', 'create', 'none', '--partitions', '0', code=2))

    def test_a_wrong_configuration_names_the_nearest_key(self):
        self.assertIn('retention.ms', self.run_it('topics', 'create', 'a', '--config', 'retension.ms=1', code=1))

    def test_lines_go_in_and_come_out(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', '--key-separator', ':', given='k1:v1\nk2:v:2\n')
        self.assertEqual(self.consume('a'), 'v1\nv:2\n')
        self.assertEqual(self.consume('a', '--print-key', '--separator', '='), 'k1=v1\nk2=v:2\n')
        self.assertEqual(self.consume('a', '--max-messages', '1'), 'v1\n')
        self.assertEqual(self.run_it('consume', 'a', '--offset', '1', '--exit-at-end'), 'v:2\n')
        self.assertEqual(self.run_it('consume', 'a', '--exit-at-end'), '', 'without --from-beginning: only what is to come')

    def test_json_has_all_of_a_record_and_goes_in_again(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('topics', 'create', 'b')
        self.run_it('produce', 'a', '--header', 'h=x', given=b'plain\n\xff\xfe\n')
        lines = [json.loads(line) for line in self.consume('a', '--format', 'json').splitlines()]
        self.assertEqual(list(lines[0]), ['topic', 'partition', 'offset', 'timestamp', 'key', 'value', 'headers'])
        self.assertEqual((lines[0]['topic'], lines[0]['partition'], lines[0]['offset'], lines[0]['key']), ('a', 0, 0, None))
        self.assertEqual(lines[0]['headers'], [{'key': 'h', 'value': 'x'}])
        self.assertEqual(lines[1]['value'], {'base64': base64.b64encode(b'\xff\xfe').decode()})
        self.run_it('produce', 'b', '--format', 'json', given=self.consume('a', '--format', 'json'))
        again = [json.loads(line) for line in self.consume('b', '--format', 'json').splitlines()]
        self.assertEqual([dict(line, topic='a') for line in again], lines)

    def test_every_format_comes_out_as_it_went_in(self):
        for format, value in [('string', 'x'), ('json', '{"a":[1,null]}'), ('long', '-5'), ('int', '7'), ('double', '0.1'),
                              ('hex', 'ff00'), ('base64', '/wA=')]:
            self.run_it('topics', 'create', format)
            self.run_it('produce', format, '--value-format', format, '--key-separator', '|', '--key-format', format,
                        given=f'{value}|{value}\n')
            self.assertEqual(self.consume(format, '--value-format', format, '--key-format', format, '--print-key'),
                             f'{value}\t{value}\n')
            shown = json.loads(self.consume(format, '--value-format', format, '--format', 'json', '--key-format', 'hex'))
            self.assertEqual(shown['value'], json.loads(value) if format in ('json', 'long', 'int', 'double') else value)
        self.assertIn('1 bytes are not a long', self.run_it('consume', 'string', '--from-beginning', '--exit-at-end',
                                                           '--value-format', 'long', code=1))
        self.assertIn('line 2: x is not an int', self.run_it('produce', 'int', '--value-format', 'int', given='8\nx\n9\n', code=1))
        self.assertEqual(self.consume('int', '--value-format', 'int'), '7\n8\n', 'what came before it is written')

    def test_nulls_are_written_and_shown(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', '--key-separator', ':', '--null', 'NULL', given='k:NULL\n')
        self.assertEqual(self.consume('a', '--print-key'), 'k\tnull\n')
        self.assertIsNone(json.loads(self.consume('a', '--format', 'json'))['value'])

    def test_a_transaction_is_all_or_nothing(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', '--transactional-id', 't', '--value-format', 'int', given='1\nx\n', code=1)
        self.assertEqual(self.consume('a', '--isolation', 'read_committed'), '')
        self.run_it('produce', 'a', '--transactional-id', 't', given='good\n')
        self.assertEqual(self.consume('a', '--isolation', 'read_committed'), 'good\n')

    def interrupt_between_two_lines(self, *arguments):
        """What an interrupted `produce a` has said."""
        with subprocess.Popen([PROGRAM, '--data-dir', self.data, 'produce', 'a', *arguments], stdin=subprocess.PIPE,
                              stderr=subprocess.PIPE) as producer:
            lock = pathlib.Path(self.data, 'millrace.lock')
            while str(producer.pid) not in lock.read_text():  # it watches for interrupts before it opens the log
                time.sleep(0.01)
            producer.stdin.write(b'one\n')
            producer.stdin.flush()
            producer.send_signal(signal.SIGINT)
            time.sleep(0.1)
            _, said = producer.communicate(b'two\n', timeout=60)
        self.assertEqual(producer.returncode, 1)
        return said.decode()

    def test_what_is_interrupted_says_what_it_has_written_and_leaves_no_half_transaction(self):
        self.run_it('topics', 'create', 'a')
        self.assertIn('nothing is written', self.interrupt_between_two_lines('--transactional-id', 't'))
        self.assertEqual(self.consume('a', '--isolation', 'read_committed'), '')
        said = self.interrupt_between_two_lines()
        written = self.consume('a', '--isolation', 'read_committed')
        self.assertIn(f'interrupted: {len(written.splitlines())} lines are written', said)

    def test_a_group_goes_on_where_it_committed_and_its_lag_is_shown(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', given='1\n2\n3\n')
        self.assertEqual(self.consume('a', '--group', 'g', '--max-messages', '2'), '1\n2\n')
        row = self.run_it('groups', 'describe', 'g').splitlines()[1].split()
        self.assertEqual(row, ['g', 'a', '0', '2', '3', '1'])
        self.assertEqual(self.run_it('groups', 'list'), 'g\n')
        self.assertEqual(self.consume('a', '--group', 'g'), '3\n')
        self.assertIn('GROUP_ID_NOT_FOUND', self.run_it('groups', 'describe', 'none', code=1))

    def test_log_dump_prints_batches_and_records(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', '--key-separator', ':', '--header', 'h=x', given='k:v\n')
        printed = self.run_it('log', 'dump', 'a-0', '--records')
        self.assertIn('baseOffset: 0 lastOffset: 0 count: 1', printed)
        self.assertIn('isvalid: true', printed)
        self.assertIn('headers: [h:x] key: k payload: v', printed)
        segment = next(pathlib.Path(self.data).glob('a-0/*.log'))
        with segment.open('ab') as file:
            file.write(b'torn')
        self.assertIn('a torn tail of 4 bytes', self.run_it('log', 'dump', str(segment), code=1))

    def test_log_dump_names_damage_and_goes_on_behind_it(self):
        self.run_it('topics', 'create', 'a')
        for value in ['one', 'two', 'three']:
            self.run_it('produce', 'a', given=value + '\n')
        segment = next(pathlib.Path(self.data).glob('a-0/*.log'))
        whole = segment.read_bytes()
        second = 12 + int.from_bytes(whole[8:12], 'big')

        def dump(content):
            segment.write_bytes(content)
            done = subprocess.run([PROGRAM, 'log', 'dump', str(segment), '--records'], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            return done.stdout, done.stderr
        out, err = dump(whole[:second + 65] + b'\xaa' + whole[second + 66:])
        self.assertIn(f'byte {second}: a batch whose CRC does not fit', err)
        self.assertIn('payload: one', out)
        self.assertNotIn('payload: two', out)
        self.assertIn('payload: three', out)
        out, err = dump(whole[:second + 8] + b'\x7f\xff\xff\xff' + whole[second + 12:])
        self.assertIn('bytes that are no batch', err)
        self.assertIn('payload: three', out)
        out, err = dump(whole + bytes(100))
        self.assertIn('a torn tail of 100 zero bytes', err)

    def test_log_dump_reads_a_whole_data_directory_while_it_is_held(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('topics', 'create', 'b')
        self.run_it('produce', 'a', '--transactional-id', 't', given='v\n')
        self.run_it('produce', 'b', given='v\n')
        self.consume('b', '--group', 'g')
        with subprocess.Popen([PROGRAM, '--data-dir', self.data, 'consume', 'b', '--from-beginning'],
                              stdout=subprocess.PIPE) as holder:
            self.assertEqual(holder.stdout.readline(), b'v\n')
            printed = self.run_it('log', 'dump', self.data, '--records')
            holder.terminate()
        self.assertIn('/a-0/', printed)
        self.assertIn('/b-0/', printed)
        self.assertIn('endTxnMarker: COMMIT', printed)
        self.assertIn('group: g partition: b-0 offset: 1', printed)

    def test_a_reader_that_goes_away_is_no_error(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', given='a line of some length\n' * 20000)
        process = subprocess.Popen([PROGRAM, '--data-dir', self.data, 'consume', 'a', '--from-beginning', '--exit-at-end'],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b'')
        self.assertEqual(process.wait(timeout=30), 0)
        process.stderr.close()
        self.assertEqual(len(self.consume('a').splitlines()), 20000)

    def test_what_cannot_be_written_is_an_error(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', given='v\n')
        for command in [['topics', 'list'], ['consume', 'a', '--from-beginning', '--exit-at-end']]:
            with open('/dev/full', 'w') as full:
                done = subprocess.run([PROGRAM, '--data-dir', self.data, *command], stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn('No space left on device', done.stderr)

    def run_with_closed(self, streams, *arguments):
        """The exit code, and what it said on standard error."""
        closed = ' '.join(f'{stream}>&-' for stream in streams)
        done = subprocess.run(['/bin/sh', '-c', f'exec "$@" {closed}', 'sh', PROGRAM, '--data-dir', self.data, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    def test_a_closed_standard_stream_is_no_file_of_the_data_directory(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', given='1\n2\n')
        segment = pathlib.Path(self.data, 'a-0', '0' * 20 + '.log')
        before = segment.read_bytes()
        consume = ['consume', 'a', '--from-beginning', '--exit-at-end', '--group', 'g']
        for streams, command in [((1,), consume), ((0, 1), consume), ((0, 1, 2), consume), ((0,), ['produce', 'a'])]:
            code, said = self.run_with_closed(streams, *command)
            self.assertEqual(code, 1, f'{streams} {command}')
            if 2 not in streams:
                self.assertIn('Bad file descriptor', said)
            self.assertEqual(segment.read_bytes(), before)
            self.assertRegex(pathlib.Path(self.data, 'millrace.lock').read_text(), r'^\d+\n$')
        self.run_with_closed((2,), 'consume', 'none')
        self.assertEqual(pathlib.Path(self.data, 'synced-offsets').stat().st_size % 32, 0)
        self.assertEqual(self.run_it('consume', 'a', '--from-beginning', '--exit-at-end', '--group', 'g'), '1\n2\n')

    def test_lines_are_written_as_they_come(self):
        self.run_it('topics', 'create', 'a')
        with subprocess.Popen([PROGRAM, '--data-dir', self.data, 'produce', 'a'], stdin=subprocess.PIPE) as producer:
            producer.stdin.write(b'first\n')
            producer.stdin.flush()
            segment = pathlib.Path(self.data, 'a-0', '0' * 20 + '.log')
            deadline = time.monotonic() + 30
            while not (segment.exists() and b'first' in segment.read_bytes()):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            producer.stdin.close()
            self.assertEqual(producer.wait(timeout=30), 0)

    def test_json_names_the_partition_and_odd_values_come_back(self):
        self.run_it('topics', 'create', 'a', '--partitions', '3')
        odd = [{'key': None, 'value': None, 'partition': 0}, {'key': 'k', 'value': '"quoted\\\n\t\u0001ü"', 'partition': 2},
               {'key': {'base64': '/w=='}, 'value': '', 'partition': 1,
                'headers': [{'key': 'h', 'value': None}], 'timestamp': 5}]
        self.run_it('produce', 'a', '--format', 'json', given=''.join(json.dumps(r) + '\n' for r in odd))
        got = [json.loads(line) for line in self.consume('a', '--format', 'json').splitlines()]
        for record in odd:
            self.assertTrue(any(all(g[name] == record[name] for name in record) for g in got), (record, got))
        self.assertEqual(self.consume('a', '--partition', '2'), '"quoted\\\n\t\u0001ü"\n')
        self.run_it('produce', 'a', '--format', 'json', given='{"value": "v", "partition": 9}', code=1)
        self.assertIn('no field valu', self.run_it('produce', 'a', '--format', 'json', given='{"valu": "v"}', code=1))
        self.run_it('topics', 'create', 'numbers')
        self.run_it('produce', 'numbers', '--value-format', 'double', given='nan\n-inf\n0.5\n')
        got = [json.loads(l)['value'] for l in self.consume('numbers', '--value-format', 'double', '--format', 'json').splitlines()]
        self.assertEqual(got, ['nan', '-inf', 0.5])

    def test_json_of_too_many_levels_is_refused(self):
        self.run_it('topics', 'create', 'a')
        deep, shallow = '[' * 300000 + ']' * 300000, '{"a":' * 1000 + '"]\\"["' + '}' * 1000
        self.run_it('produce', 'a', given=f'{deep}\n')
        for arguments, given in [(['--value-format', 'json'], deep), (['--format', 'json'], f'{{"value":{deep}}}')]:
            self.assertIn('1000 levels', self.run_it('produce', 'a', *arguments, given=f'{given}\n', code=1))
        for format in ['text', 'json']:
            self.assertIn('a-0 offset 0: 600000 bytes are not JSON of at most 1000 levels', self.run_it(
                'consume', 'a', '--from-beginning', '--exit-at-end', '--value-format', 'json', '--format', format, code=1))
        self.run_it('produce', 'a', '--value-format', 'json', given=f'{shallow}\n')
        self.run_it('produce', 'a', '--value-format', 'json', '--format', 'json', given=f'{{"value":{shallow}}}\n')
        self.assertEqual(self.run_it('consume', 'a', '--offset', '1', '--exit-at-end', '--value-format', 'json'), f'{shallow}\n' * 2)

    def test_the_brokers_own_topics_are_not_written_to(self):
        self.run_it('topics', 'create', 'a')
        for topic in ['__consumer_offsets', '__transaction_state']:
            self.assertIn("broker's own", self.run_it('produce', topic, '--key-separator', ':', given='k:v\n', code=1))
        self.assertEqual(self.run_it('topics', 'list'), 'a\n')

    def test_a_string_that_is_json_text_stays_a_string(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', given='{"b": 1}\n')
        self.assertEqual(json.loads(self.consume('a', '--format', 'json'))['value'], '{"b": 1}')
        self.assertEqual(json.loads(self.consume('a', '--format', 'json', '--value-format', 'json'))['value'], {'b': 1})

    def test_an_unknown_topic_is_named_with_what_makes_it(self):
        self.run_it('topics', 'create', 'a')
        self.assertIn('millrace topics create b', self.run_it('produce', 'b', given='v\n', code=1))
        self.assertIn('UNKNOWN_TOPIC_OR_PARTITION', self.run_it('consume', 'b', code=1))
        self.assertIn('OFFSET_OUT_OF_RANGE', self.run_it('consume', 'a', '--offset', '7', code=1))

    def test_a_folder_of_something_else_is_left_alone(self):
        with tempfile.TemporaryDirectory() as other:
            done = subprocess.run([PROGRAM, 'topics', 'list', '--data-dir', other], capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn('is no data directory', done.stderr)
            self.assertEqual(list(pathlib.Path(other).iterdir()), [])

    def test_a_locked_directory_is_answered_with_who_holds_it(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', given='first\n')
        holder = subprocess.Popen([PROGRAM, '--data-dir', self.data, 'consume', 'a', '--from-beginning'],
                                  stdout=subprocess.PIPE)
        try:
            self.assertEqual(holder.stdout.readline(), b'first\n')  # so it has the directory open
            done = subprocess.run([PROGRAM, '--data-dir', self.data, 'topics', 'list'], capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f'held by process {holder.pid} (millrace)', done.stderr)
        finally:
            holder.terminate()
            self.assertEqual(holder.wait(timeout=30), 0, 'it closes what it has open and ends well')
            holder.stdout.close()

    def test_a_wrong_command_line_is_code_2_and_help_has_examples(self):
        self.run_it('topics', 'create', code=2)
        self.run_it('consume', 'a', '--format', 'xml', code=2)
        self.run_it('topics', 'create', 'a', '--config', 'cleanup.policy', code=2)
        self.run_it('produce', 'a', '--header', 'h', code=2)
        self.run_it(code=2)
        for command in [[], ['consume'], ['produce'], ['topics', 'create'], ['log', 'dump']]:
            self.assertIn('Example', self.run_it(*command, '--help'))

    def test_a_command_that_there_is_not_is_named_with_the_nearest(self):
        self.assertIn('there is no command tpoics; did you mean topics?', self.run_it('tpoics', 'list', code=2))
        self.assertIn('there is no command topics lst; did you mean list?', self.run_it('topics', 'lst', code=2))
        self.assertIn('there is no command groups xyzzy; the commands are',
                      self.run_it('groups', 'xyzzy', code=2))
        self.assertIn('topic is required', self.run_it('topics', 'create', code=2))

    def test_every_command_has_help_of_its_own(self):
        for command in [('topics',), ('topics', 'list'), ('topics', 'describe'), ('topics', 'delete'), ('groups',), ('log',)]:
            help = self.run_it(*command, '--help')
            self.assertIn('millrace ' + ' '.join(command), help[help.index('Example'):])
            self.assertNotIn('Exit codes', help)

    def test_what_must_not_be_empty_is_wrong_usage(self):
        self.run_it('topics', 'create', 'a')
        for option in ['--transactional-id', '--key-separator']:
            self.assertIn('it is empty', self.run_it('produce', 'a', option, '', given='x\n', code=2))
        self.assertEqual(self.consume('a'), '')

    def test_an_offset_behind_the_end_is_an_error(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', given='x\n')
        self.assertEqual(self.run_it('consume', 'a', '--offset', '1', '--exit-at-end'), '')
        self.assertIn('it ends at 1', self.run_it('consume', 'a', '--offset', '2', '--exit-at-end', code=1))
        self.run_it('topics', 'create', 'b', '--partitions', '2')
        self.run_it('produce', 'b', '--partition', '0', given='x\ny\nz\n')
        self.run_it('produce', 'b', '--partition', '1', given='x\n')
        self.assertEqual(self.run_it('consume', 'b', '--offset', '2', '--max-messages', '1'), 'z\n')

    def test_a_limit_on_the_size_of_files_is_an_error_that_is_told(self):
        self.run_it('topics', 'create', 'a')
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        done = subprocess.run([PROGRAM, '--data-dir', self.data, 'produce', 'a'], input=b'x' * 99 + b'\n' + (b'y' * 99 + b'\n') * 9999,
                              capture_output=True, preexec_fn=limit, timeout=60)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(b'File too large', done.stderr)

    def test_options_of_text_are_refused_with_json(self):
        self.run_it('topics', 'create', 'a')
        for command in [('consume', '--null', 'x'), ('consume', '--print-key', '--separator', 'x'), ('produce', '--null', 'x'),
                        ('produce', '--key-separator', ':')]:
            said = self.run_it(command[0], 'a', '--format', 'json', *command[1:], code=2)
            self.assertIn('it belongs to --format text', said)
        self.assertIn('--print-key', self.run_it('consume', 'a', '--separator', ':', code=2))

    def test_consume_says_that_it_waits_for_what_nobody_else_can_write(self):
        self.run_it('topics', 'create', 'a')
        with subprocess.Popen([PROGRAM, '--data-dir', self.data, 'consume', 'a'], stderr=subprocess.PIPE) as consumer:
            self.assertIn(b'no other program can write', consumer.stderr.readline())
            consumer.terminate()
            self.assertEqual(consumer.wait(timeout=30), 0)

    def test_log_dump_takes_no_index_for_a_segment(self):
        self.run_it('topics', 'create', 'a')
        self.run_it('produce', 'a', given='v\n')
        index = next(pathlib.Path(self.data).glob('a-0/*.timeindex'))
        self.assertIn('name the .log file beside it', self.run_it('log', 'dump', str(index), code=1))

    def test_a_missing_data_directory_is_named_and_not_made(self):
        self.assertIn(self.data, self.run_it('topics', 'list', code=1))
        self.assertFalse(pathlib.Path(self.data).exists())


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
