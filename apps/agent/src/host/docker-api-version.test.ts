import { expect, it } from 'vitest';
import { isAtLeast, negotiate, parseApiVersion } from './docker-api-version.ts';

it.each([
  ['1.41', '1.12', { major: 1, minor: 41 }],
  ['1.47', '1.24', { major: 1, minor: 47 }],
  ['1.52', '1.44', { major: 1, minor: 52 }],
  ['1.55', '1.40', { major: 1, minor: 55 }],
  ['1.60', '1.44', { major: 1, minor: 55 }],
  ['1.41', null, { major: 1, minor: 41 }],
])('speaks the lower of our newest and the daemon’s (%s, at least %s)', (newest, oldest, expected) => {
  expect(negotiate({ newest, oldest })).toEqual(expected);
});

it.each([
  ['1.40', '1.12', 'update Docker'],
  ['1.70', '1.56', 'update the agent'],
  [null, null, 'names no API version'],
])('says who has to be updated where no version fits (%s, at least %s)', (newest, oldest, said) => {
  expect(negotiate({ newest, oldest })).toEqual({ unsupported: expect.stringContaining(said) });
});

it('compares versions as numbers, not as text', () => {
  expect(isAtLeast({ major: 1, minor: 100 }, { major: 1, minor: 44 })).toBe(true);
  expect(isAtLeast({ major: 1, minor: 43 }, { major: 1, minor: 44 })).toBe(false);
  expect(parseApiVersion('1.41; id')).toBeUndefined();
});
