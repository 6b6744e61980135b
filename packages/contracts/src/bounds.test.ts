import { expect, test } from 'vitest';
import { isInstant, isStorableText, storableText } from './bounds.ts';

test.each([
  '2026-11-24T09:30:00.000Z',
  '2026-11-24t09:30:00z',
  '2028-02-29T23:59:59.999999999+14:00',
  '1970-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999Z',
])('%s is an instant', (text) => {
  expect(isInstant(text)).toBe(true);
});

test.each([
  ['a leap second', '2036-12-31T23:59:60Z'],
  ['a year that only UTC makes too large', '9999-12-31T23:59:59-23:59'],
  ['a year that only UTC makes too small', '1970-01-01T00:00:00+00:01'],
  ['year 0', '0000-01-01T00:00:00Z'],
  ['a year of six digits', '+010000-01-01T00:00:00Z'],
  ['a day that the month does not have', '2026-02-29T00:00:00Z'],
  ['an offset of 24 hours', '2026-11-24T09:30:00+24:00'],
  ['an hour of 24', '2026-11-24T24:00:00Z'],
  ['no time zone', '2026-11-24T09:30:00'],
  ['a date alone', '2026-11-24'],
  ['more digits than anybody reads', `2026-11-24T09:30:00.${'0'.repeat(30)}Z`],
  ['something behind it', '2026-11-24T09:30:00Z\n'],
])('%s is none', (_what, text) => {
  expect(isInstant(text)).toBe(false);
});

test('halves of a surrogate pair and U+0000 cannot be stored, all else can', () => {
  for (const text of ['', 'abc', 'ä€😀', '\u0001', '\uFFFE']) expect(isStorableText(text)).toBe(true);
  for (const text of ['\ud800', 'a\udfff', '\udc00\ud800', 'a\0']) {
    expect(isStorableText(text)).toBe(false);
    expect(isStorableText(storableText(text))).toBe(true);
  }
});
