/** What a person reads about a host, and what makes the command fail. */
import type { Host } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { isWell, statusLines, type HostStatus } from './status.ts';

const condition = (type: string, status: string) =>
  ({
    type,
    status,
    reason: 'Because',
    message: 'of that',
    lastTransitionAt: '',
  }) as unknown as Host['conditions'][0];
const host = {
  name: 'docker01',
  labels: { rack: 'a3' },
  online: true,
  lastSeenAt: '2026-11-30T12:00:00.000Z',
  conditions: [condition('DockerReachable', 'True')],
  desiredRevision: '1042',
  observedRevision: '1042',
} as unknown as Host;
const of = (change: Partial<Host>): HostStatus => ({
  server: 'https://s:7400',
  reached: true,
  problem: null,
  host: { ...host, ...change },
});
const at = Date.parse('2026-11-30T12:00:05Z');

test('what the server says about the host', () => {
  expect(statusLines(of({}), at)).toBe(`server      https://s:7400, reached
host        docker01
labels      rack=a3
online      yes, heard 5 s ago
revision    1042, carried out
condition   DockerReachable is True
`);
});

test('what is to be mended stands there', () => {
  const ill = of({ observedRevision: '1041', conditions: [condition('DockerReachable', 'False')] });
  expect(statusLines(ill, at)).toContain('1041 of 1042 carried out');
  expect(statusLines(ill, at)).toContain('DockerReachable is False (Because): of that');
});

test('a server that is not reached says nothing', () => {
  const silent = { server: 'https://s:7400', reached: false, problem: 'nobody listens', host: null };
  expect(statusLines(silent, at)).toBe(
    'server      https://s:7400, not reached\nproblem     nobody listens\n',
  );
  expect(isWell(silent)).toBe(false);
});

test.each([
  ['all is as it should be', of({}), true],
  ['it is silent', of({ online: false }), false],
  ['a condition does not hold', of({ conditions: [condition('DockerReachable', 'False')] }), false],
  ['a condition is good when it is false', of({ conditions: [condition('PoolNearlyFull', 'False')] }), true],
])('%s', (_, status, expected) => {
  expect(isWell(status)).toBe(expected);
});
