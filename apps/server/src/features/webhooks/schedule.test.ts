import { expect, test } from 'vitest';
import { maxAttempts, pauseAfter } from './schedule.ts';

test('a message is sent ten times: at once, after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h', () => {
  const pauses = Array.from({ length: maxAttempts - 1 }, (_, n) => pauseAfter(n + 1, 0, undefined));
  const minutes = 60_000;
  const hours = 60 * minutes;
  expect(pauses).toEqual([
    5_000,
    5 * minutes,
    30 * minutes,
    2 * hours,
    5 * hours,
    10 * hours,
    14 * hours,
    20 * hours,
    24 * hours,
  ]);
  expect(maxAttempts).toBe(10);
  expect(pauseAfter(maxAttempts, 0, undefined)).toBeUndefined();
});

test('a pause is lengthened by a tenth at most, so that messages do not come together again', () => {
  expect(pauseAfter(2, 1, undefined)).toBe(330_000);
});

test('what the target asks for lengthens a pause, within a day, and never shortens one', () => {
  expect(pauseAfter(1, 0, 90)).toBe(90_000);
  expect(pauseAfter(2, 0, 1)).toBe(300_000);
  expect(pauseAfter(1, 0, 10 ** 9)).toBe(86_400_000);
});
