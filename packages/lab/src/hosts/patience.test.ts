import { expect, test } from 'vitest';
import { patient } from './patience.ts';

test.each([
  [undefined, 30],
  ['1', 30],
  ['2.5', 75],
])('patience %s makes 30 ms %s', (variable, expected) => {
  expect(patient(30, variable)).toBe(expected);
});

test.each(['', '0', '-1', 'ten'])('patience %j is refused', (variable) => {
  expect(() => patient(30, variable)).toThrow('TRUNKLINE_LAB_PATIENCE');
});
