import { expect, test } from 'vitest';
import { hostPreflight } from './network-preflight.ts';

const now = new Date('2026-11-25T09:30:00.000Z');
const lastSeenAt = new Date('2026-11-25T08:00:00.000Z');
const at = { now, waited: 10_000 };
const host = { host: 'docker01', lastSeenAt };
const found = { observedAt: '2026-11-25T09:29:59.000Z', actions: ['create Docker network'], conditions: [] };

test('what the agent found is passed on, with when it looked', () => {
  expect(hostPreflight(host, { result: found }, at)).toEqual({ host: 'docker01', answered: true, ...found });
});

test('promise 9: an agent whose clock is ahead did not look later than now', () => {
  const result = { ...found, observedAt: '2026-11-25T10:30:00.000Z' };
  expect(hostPreflight(host, { result }, at).observedAt).toBe(now.toISOString());
});

test.each([
  [
    'is silent',
    'silent',
    'HostSilent',
    /silent since 2026-11-25T08:00:00\.000Z.*make sure that its agent runs/,
  ],
  ['did not answer in time', 'noAnswer', 'NoAnswer', /within 10 s: repeat the request with a longer wait/],
  ['was not asked', 'notAsked', 'NotAsked', /repeat the request with a wait/],
  ['could not look', { failed: 'no Docker' }, 'PreflightFailed', /could not look: no Docker/],
] as const)('a host that %s is said to be unknown, and what to do', (_what, answer, reason, message) => {
  expect(hostPreflight(host, answer, at)).toEqual({
    host: 'docker01',
    answered: false,
    observedAt: null,
    actions: [],
    conditions: [
      {
        type: 'Ready',
        status: 'Unknown',
        reason,
        message: expect.stringMatching(message),
        observedGeneration: 0,
        lastTransitionTime: now.toISOString(),
      },
    ],
  });
});
