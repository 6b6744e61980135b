import { expect, test } from 'vitest';
import { createRateLimit } from './rate-limit.ts';

function limited() {
  let now = 10_000;
  const limit = createRateLimit({ perSource: 3, inTotal: 5 }, () => now);
  const taken = (source: string, times: number): number =>
    Array.from({ length: times }, () => limit.take(source)).filter(Boolean).length;
  return { taken, pass: (ms: number) => (now += ms) };
}

test('a source gets its share of a second, and the others still get theirs', () => {
  const { taken } = limited();
  expect([taken('a', 10), taken('b', 1)]).toEqual([3, 1]);
});

test('addresses that somebody makes up get no more than all may have', () => {
  const { taken } = limited();
  expect(Array.from({ length: 20 }, (_, at) => taken(`made-up-${at}`, 1)).reduce((a, b) => a + b)).toBe(5);
});

test('the next second is a new one', () => {
  const { taken, pass } = limited();
  expect(taken('a', 10)).toBe(3);
  pass(1000);
  expect(taken('a', 10)).toBe(3);
});
