import { expect, test } from 'vitest';
import { keptLook } from './kept-look.ts';

/** A look that takes `tookMs` of a clock of its own, and sees how often it was made. */
function lookOf(tookMs: () => number) {
  let nowMs = 1_000_000;
  let made = 0;
  const look = keptLook(
    async () => {
      made += 1;
      nowMs += tookMs();
      return made;
    },
    { now: () => new Date(nowMs), patienceMs: 1_000 },
  );
  return { look, advance: (ms: number) => void (nowMs += ms) };
}

test('what was seen is shown for 5 s, then there is another look', async () => {
  const { look, advance } = lookOf(() => 10);
  expect(await look()).toBe(1);
  advance(4_999);
  expect(await look()).toBe(1);
  advance(1);
  expect(await look()).toBe(2);
});

test('a look that takes 1 s is made every 20 s, and none is shown for more than a minute', async () => {
  let tookMs = 1_000;
  const { look, advance } = lookOf(() => tookMs);
  await look();
  advance(19_999);
  expect(await look()).toBe(1);
  advance(1);
  tookMs = 15_000;
  expect(await look()).toBe(2);
  advance(59_999);
  expect(await look()).toBe(2);
  advance(1);
  expect(await look()).toBe(3);
});

test('a clock that is set back makes nothing last longer', async () => {
  const { look, advance } = lookOf(() => 10);
  await look();
  advance(-3_600_000);
  expect(await look()).toBe(2);
});

test('a look that fails shows nothing, and the next one is made at once', async () => {
  let fails = true;
  const look = keptLook(
    async () => {
      if (fails) throw new Error('no database');
      return 'seen';
    },
    { now: () => new Date(), patienceMs: 1_000 },
  );
  expect(await look()).toBeUndefined();
  fails = false;
  expect(await look()).toBe('seen');
});

test('who asks meanwhile gets the same look; one that takes too long shows nothing and is not made twice', async () => {
  let made = 0;
  const { promise, resolve } = Promise.withResolvers<string>();
  const look = keptLook(
    () => {
      made += 1;
      return promise;
    },
    { now: () => new Date(), patienceMs: 20 },
  );
  expect(await Promise.all([look(), look()])).toEqual([undefined, undefined]);
  expect(await look()).toBeUndefined();
  expect(made).toBe(1);
  const last = look();
  resolve('seen');
  expect(await last).toBe('seen');
  expect(await look()).toBe('seen');
  expect(made).toBe(1);
});
