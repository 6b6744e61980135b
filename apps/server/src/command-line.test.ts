/** The command line of the server: what it does not know is refused, and its help names every variable that is read. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readCommandLine, UsageError } from './command-line.ts';

test('without arguments it runs', () => {
  expect(readCommandLine([], '1.2.3')).toEqual({ do: 'run' });
});

test('--version prints the version alone', () => {
  expect(readCommandLine(['--version'], '1.2.3')).toEqual({ do: 'print', text: '1.2.3\n' });
});

test.each([['backup'], ['restore']] as const)('%s takes one file', (command) => {
  expect(readCommandLine([command, 'fleet.tgz'], '1.2.3')).toEqual({ do: command, file: 'fleet.tgz' });
  expect(() => readCommandLine([command], '1.2.3')).toThrow('takes the name of one file');
  expect(() => readCommandLine([command, 'a', 'b'], '1.2.3')).toThrow(UsageError);
});

test.each([['--port'], ['start'], ['-x'], ['--help=yes']])('%s is refused, with what to do', (argument) => {
  expect(() => readCommandLine([argument], '1.2.3')).toThrow(UsageError);
  expect(() => readCommandLine([argument], '1.2.3')).toThrow('--help shows what there is');
});

test('--help names each variable that the settings read, and no other', async () => {
  const printed = readCommandLine(['--help'], '1.2.3');
  const config = await readFile(new URL('config.ts', import.meta.url), 'utf8');
  const read = [...config.matchAll(/(?:read|numberOf)\('([A-Z_]+)'/g)].map(([, name]) => name ?? '');
  const named = printed.do === 'print' ? [...printed.text.matchAll(/^ {2}([A-Z_]{5,}) /gm)] : [];
  expect(named.map(([, name]) => name ?? '').toSorted()).toEqual(
    [...new Set(read)].filter((name) => name !== 'XDG_DATA_HOME').toSorted(),
  );
});
