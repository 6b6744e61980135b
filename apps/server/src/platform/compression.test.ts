import { expect, test } from 'vitest';
import { takesGzip } from './compression.ts';

test.each([
  [undefined, false],
  ['', false],
  ['gzip', true],
  ['deflate, GZIP;q=0.5', true],
  ['br;q=1.0, *;q=0.1', true],
  ['*', true],
  ['gzip;q=0', false],
  ['gzip; q=0.0, *', false],
  ['gzip;q=x', false],
  ['br', false],
  ['identity', false],
])('Accept-Encoding: %s', (header, takes) => {
  expect(takesGzip(header)).toBe(takes);
});
