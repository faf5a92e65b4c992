#!/usr/bin/env python3
"""The millrace program from outside: what it prints, and its exit codes. Usage: cli_test.py path/to/millrace."""
import base64
import json
import pathlib
import subprocess
import sys
import tempfile
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
        self.assertIn('line 1: x is not an int', self.run_it('produce', 'int', '--value-format', 'int', given='x\n', code=1))

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
        self.run_it(code=2)
        for command in [[], ['consume'], ['produce'], ['topics', 'create'], ['log', 'dump']]:
            self.assertIn('Example', self.run_it(*command, '--help'))

    def test_a_missing_data_directory_is_named_and_not_made(self):
        self.assertIn(self.data, self.run_it('topics', 'list', code=1))
        self.assertFalse(pathlib.Path(self.data).exists())


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
