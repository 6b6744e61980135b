import { expect, test } from 'vitest';
import { age } from './age.ts';

const now = new Date('2026-11-24T12:00:00Z');

test.each([
  ['2026-11-24T11:59:48.000Z', '12s'],
  ['2026-11-24T11:59:00.000Z', '1m'],
  ['2026-11-24T09:00:00.000Z', '3h'],
  ['2026-10-15T12:00:00.000Z', '40d'],
  ['2026-11-24T12:00:09.000Z', '0s'],
  [null, '-'],
])('%s is %s ago', (instant, shown) => {
  expect(age(instant, now)).toBe(shown);
});
