import type pg from 'pg';
import { expect, test } from 'vitest';
import { createAllocator } from './allocator.ts';
import type { AllocationRequest } from './allocation-batch.ts';

interface Call {
  /** Owners asked for, with their network. */
  asked: string[];
  finish: () => void;
}

/** A database that answers when the test lets it; networks named `locked` and owners named `bad` make it fail. */
function setup() {
  const calls: Call[] = [];
  const log: string[] = [];
  const waiters: (() => void)[] = [];
  const query = async ({
    text,
    values,
  }: {
    text: string;
    values: unknown[];
  }): Promise<{ rows: unknown[] }> => {
    const groups = text.includes('allocate_next(')
      ? [
          {
            network: values[0] as string,
            items: (values[2] as string[]).map((owner, n) => ({ pos: n + 1, owner })),
          },
        ]
      : (JSON.parse(values[0] as string) as { network: string; items: { pos: number; owner: string }[] }[]);
    // A pool of `pg` hands out its connection in the next tick.
    await new Promise<void>((resolve) => {
      process.nextTick(resolve);
    });
    const asked = groups.flatMap(({ network, items }) => items.map(({ owner }) => `${network} ${owner}`));
    await new Promise<void>((resolve) => {
      calls.push({ asked, finish: resolve });
      log.push(`asked ${asked.join(', ')}`);
      waiters.splice(0).forEach((wake) => wake());
    });
    if (asked.some((one) => one.startsWith('locked')))
      throw Object.assign(new Error('locked'), { code: '55P03' });
    if (asked.some((one) => one.endsWith('bad'))) throw Object.assign(new Error('bad'), { code: '23514' });
    const rows = groups.flatMap(({ items }) =>
      items.map(({ pos }) => ({ pos, outcome: 'created', ip: '10.0.0.1' })),
    );
    return { rows };
  };
  const metric = { inc() {}, observe() {} };
  const allocator = createAllocator({
    pool: { query } as unknown as pg.Pool,
    metrics: { allocations: metric, allocationBatch: metric } as never,
    reply: () => ({ status: 201 }),
  });
  const ask = async (network: string, owner: string): Promise<string> => {
    const request: AllocationRequest = { network, family: null, item: { count: 1, owner }, actor: 'token:t' };
    const outcome = await allocator.allocate(request).then(
      () => 'given',
      (error: { code?: string }) => error.code ?? 'failed',
    );
    log.push(`${owner} ${outcome}`);
    return outcome;
  };
  /** The nth call, once it was made. */
  const call = async (n: number): Promise<Call> => {
    for (;;) {
      const made = calls[n];
      if (made !== undefined) return made;
      await new Promise<void>((resolve) => {
        waiters.push(resolve);
      });
    }
  };
  return { ask, call, calls, log };
}

test('what comes while a batch is with the database goes together in the next', async () => {
  const { ask, call, calls } = setup();
  const first = ask('net', 'a');
  const { finish } = await call(0);
  const later = ['b', 'c', 'd'].map((owner) => ask('net', owner));
  finish();
  (await call(1)).finish();
  expect(await Promise.all([first, ...later])).toEqual(['given', 'given', 'given', 'given']);
  expect(calls.map(({ asked }) => asked)).toEqual([['net a'], ['net b', 'net c', 'net d']]);
});

test('of many who ask, half are with the database while the other half are answered', async () => {
  const { ask, call, calls } = setup();
  const asked = Array.from({ length: 40 }, (_, n) => ask('net', `o${n}`));
  for (const n of [0, 1]) (await call(n)).finish();
  await Promise.all(asked);
  expect(calls.map((one) => one.asked.length)).toEqual([20, 20]);
});

test('a few who ask go together', async () => {
  const { ask, call, calls } = setup();
  const asked = Array.from({ length: 16 }, (_, n) => ask('net', `o${n}`));
  (await call(0)).finish();
  await Promise.all(asked);
  expect(calls).toHaveLength(1);
});

test('enough who want the next free address of one network go without the others, who come next', async () => {
  const { ask, call, calls } = setup();
  const asked = Array.from({ length: 24 }, (_, n) => ask(n % 3 === 1 ? 'other' : 'net', `o${n}`));
  for (const n of [0, 1]) (await call(n)).finish();
  await Promise.all(asked);
  const networks = calls.map((one) => new Set(one.asked.map((text) => text.split(' ')[0])));
  expect(networks).toEqual([new Set(['net']), new Set(['other'])]);
});

test('the next batch is with the database before the answers to the last are given', async () => {
  const { ask, call, log } = setup();
  const first = ask('net', 'a');
  const { finish } = await call(0);
  const second = ask('net', 'b');
  finish();
  await first;
  (await call(1)).finish();
  await second;
  expect(log).toEqual(['asked net a', 'asked net b', 'a given', 'b given']);
});

test('a second request of one owner waits for the answer to the first', async () => {
  const { ask, call, calls } = setup();
  const asked = [ask('net', 'a'), ask('net', 'a'), ask('net', 'b')];
  (await call(0)).finish();
  (await call(1)).finish();
  await Promise.all(asked);
  expect(calls.map((one) => one.asked)).toEqual([['net a', 'net b'], ['net a']]);
});

test('a network that cannot be locked fails alone, and is waited for once more only', async () => {
  const { ask, call, calls } = setup();
  const asked = [ask('net', 'a'), ask('locked', 'b'), ask('locked', 'c')];
  for (const n of [0, 1, 2]) (await call(n)).finish();
  expect(await Promise.all(asked)).toEqual(['given', 'allocator_busy', 'allocator_busy']);
  expect(calls.slice(1).map((one) => one.asked)).toEqual([['net a'], ['locked b', 'locked c']]);
});

test('a row that the database refuses fails alone', async () => {
  const { ask, call } = setup();
  const asked = ['a', 'bad', 'c'].map((owner) => ask('net', owner));
  for (const n of [0, 1, 2, 3]) (await call(n)).finish();
  const [a, bad, c] = await Promise.all(asked);
  expect([a, c]).toEqual(['given', 'given']);
  expect(bad).not.toBe('given');
});
