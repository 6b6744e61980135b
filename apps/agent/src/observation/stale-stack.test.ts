import { expect, test } from 'vitest';
import { failedToJoin, isStale } from './stale-stack.ts';

const id = 'a'.repeat(64);
const early = '2026-11-24T09:30:00.000000001Z';
const late = '2026-11-24T09:30:01Z';

test.each<[string, string | null, string | null, Record<string, number>, boolean]>([
  ['started after the other', late, early, {}, false],
  ['started before the other', early, late, {}, true],
  ['started before the other, in another namespace', early, late, { s: 1, o: 2 }, true],
  ['by the clock before the other, in one namespace with it', early, late, { s: 1, o: 1 }, false],
  ['by the clock before the other, one namespace unknown', early, late, { o: 1 }, true],
  ['started after the other, in a namespace of its own making', late, early, { s: 1, o: 2 }, false],
  ['never started', null, late, {}, false],
  ['started, the other never', late, null, {}, false],
])('stale: %s', (_, sharer, owner, sandboxes, stale) => {
  expect(
    isStale(
      { id: 's', startedAt: sharer },
      { id: 'o', startedAt: owner },
      new Map(Object.entries(sandboxes)),
    ),
  ).toBe(stale);
});

test.each<[string | null, boolean]>([
  [`cannot join network of a non running container: ${id}`, true],
  ['cannot join network namespace of a non running container: container t1 is exited', true],
  [`Container ${id} is restarting, wait until the container is running`, true],
  ['OCI runtime create failed: lstat /proc/4711/ns/net: no such file or directory: unknown', true],
  [`No such container: ${id}`, false],
  [`joining network namespace of container: No such container: ${id}`, false],
  ['exec: "nosuchprogram": executable file not found in $PATH', false],
  [null, false],
])('a start that failed with %j is one that lacked the other container: %s', (error, expected) => {
  expect(failedToJoin({ error })).toBe(expected);
});
