import { expect, test } from 'vitest';
import { createPlaces, createRate } from './places.ts';

test('a key has so many places, and all keys have so many together', () => {
  const places = createPlaces({ perKey: 2, inAll: 3 });
  const first = places.take('a');
  const second = places.take('a');
  expect(places.take('a')).toBe('key');
  expect(places.take('b')).toBeTypeOf('function');
  expect(places.take('c')).toBe('all');
  if (typeof first !== 'function' || typeof second !== 'function') throw new Error('no place');
  first();
  first();
  expect(places.taken()).toBe(2);
  expect(places.take('c')).toBeTypeOf('function');
  second();
  expect(places.take('a')).toBeTypeOf('function');
});

test('a rate allows a burst, and then as much as time brings', () => {
  let now = 0;
  const rate = createRate({ burst: 3, perSecond: 2 }, () => now);
  for (let n = 0; n < 3; n += 1) {
    expect(rate.waitSeconds('a')).toBe(0);
    rate.count('a');
  }
  expect(rate.waitSeconds('a')).toBe(1);
  expect(rate.waitSeconds('b')).toBe(0);
  now = 500;
  expect(rate.waitSeconds('a')).toBe(0);
  rate.count('a');
  expect(rate.waitSeconds('a')).toBe(1);
  now = 60_000;
  for (let n = 0; n < 3; n += 1) rate.count('a');
  expect(rate.waitSeconds('a')).toBe(1);
});

test('a clock that is set back gives nothing and takes nothing', () => {
  let now = 10_000;
  const rate = createRate({ burst: 1, perSecond: 1 }, () => now);
  rate.count('a');
  now = 0;
  expect(rate.waitSeconds('a')).toBe(1);
});
