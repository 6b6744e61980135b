import { expect, test } from 'vitest';
import { CommandFailed } from '../host/command.ts';
import { pingFailure } from './ping.ts';

const failed = (stderr: string): CommandFailed =>
  new CommandFailed({
    argv: ['nsenter', '--net=/proc/7/ns/net', '--', 'ping', '-n', '172.16.100.20'],
    kind: 'exit',
    code: 2,
    reason: 'exit code 2',
    stdout: '',
    stderr,
  });

test.each([
  ['ping: connect: Network is unreachable\n', 'ping: connect: Network is unreachable'],
  [
    'ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n',
    'ping: the kernel refuses to send there (EACCES): a route or a rule forbids it',
  ],
])('what ping said is said, and not how it was started: %j', (stderr, words) => {
  expect(pingFailure(failed(stderr))).toBe(words);
});

test('what others said keeps who said it', () => {
  expect(pingFailure(failed('nsenter: cannot open /proc/7/ns/net: No such file or directory'))).toContain(
    'nsenter --net=/proc/7/ns/net',
  );
});
