import { expect, test } from 'vitest';
import { createCallerCache, maxTrustMs, revalidateMs } from './caller-cache.ts';
import type { TokenRow } from './tokens.store.ts';

function setup() {
  let row: TokenRow | null = {
    id: 'id',
    name: 'terraform',
    role: 'operator',
    expiresAt: null,
    previousUntil: null,
    lastUsedAt: null,
    createdAt: new Date(0),
  };
  const state = { now: 600_000, lookups: 0, uses: [] as string[] };
  const cache = createCallerCache({
    find: async () => {
      state.lookups += 1;
      return row;
    },
    noteUse: (_id, minute) => void state.uses.push(minute.toISOString()),
    now: () => new Date(state.now),
  });
  const find = () => cache.find('hash');
  return {
    cache,
    state,
    find,
    change: (change: Partial<TokenRow> | null) =>
      void (row = change === null || row === null ? null : { ...row, ...change }),
  };
}

test('many requests of one caller cost one lookup and one note of use a minute', async () => {
  const { state, find } = setup();
  for (let n = 0; n < 100; n += 1) expect((await find())?.role).toBe('operator');
  expect([state.lookups, state.uses.length]).toEqual([1, 1]);
  state.now += 60_000;
  await find();
  expect(state.uses).toHaveLength(2);
});

test('requests that come at once, before anything is known of their caller, cost one lookup', async () => {
  const { state, find } = setup();
  const callers = await Promise.all(Array.from({ length: 64 }, find));
  expect(callers.map((caller) => caller?.role)).toEqual(Array(64).fill('operator'));
  expect(state.lookups).toBe(1);
});

test('after a revocation here nobody shares a lookup that began before it', async () => {
  const { cache, state, find, change } = setup();
  const underWay = find();
  change(null);
  cache.clear();
  expect(await find()).toBeUndefined();
  await underWay;
  expect(state.lookups).toBe(2);
});

test('a token is trusted for seconds only, and after a change anywhere for a fraction of one', async () => {
  const { cache, state, find, change } = setup();
  await find();
  change(null);
  state.now += maxTrustMs - 1;
  expect(await find()).toBeDefined();
  state.now += 1;
  expect(await find()).toBeUndefined();

  const other = setup();
  await other.find();
  other.change(null);
  other.cache.changed();
  other.state.now += revalidateMs;
  expect(await other.find()).toBeUndefined();
  expect(cache).toBeDefined();
});

test('a token that was revoked here is not trusted for a moment, nor put back by a lookup that was under way', async () => {
  const { cache, state, find, change } = setup();
  const underWay = find();
  change(null);
  cache.clear();
  await underWay;
  expect(await find()).toBeUndefined();
  expect(state.lookups).toBe(2);
});

test('a token stops working when it expires, though it is in the cache', async () => {
  const { state, find, change } = setup();
  change({ expiresAt: new Date(state.now + 1_000) });
  expect(await find()).toBeDefined();
  state.now += 1_000;
  expect(await find()).toBeUndefined();
});
