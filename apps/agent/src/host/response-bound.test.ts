import { expect, test } from 'vitest';
import { createResponseBound } from './response-bound.ts';

class Late extends Error {}

function responseBound() {
  const clock = { now: 0 };
  const made = createResponseBound({
    minMs: 10_000,
    maxMs: 60_000,
    now: () => clock.now,
    isLate: (error) => error instanceof Late,
  });
  /** A call that takes so long, if it is let. */
  const call = (ms: number): Promise<string> =>
    made.watch(async (boundMs) => {
      clock.now += Math.min(ms, boundMs);
      if (ms > boundMs) throw new Late();
      return 'answer';
    });
  return { made, clock, call };
}

test('a host that takes 25 s to answer is given up once or twice, then waited for', async () => {
  const { made, call } = responseBound();
  await expect(call(25_000)).rejects.toThrow(Late);
  await expect(call(25_000)).rejects.toThrow(Late);
  await expect(call(25_000)).resolves.toBe('answer');
  // Quick answers in between do not undo it.
  for (let n = 0; n < 50; n += 1) await call(1);
  await expect(call(25_000)).resolves.toBe('answer');
  expect(made.boundMs()).toBe(60_000);
});

test('calls that are given up together raise the bound once', async () => {
  const { made } = responseBound();
  const held = Promise.withResolvers<never>();
  const calls = Array.from({ length: 20 }, () => made.watch(() => held.promise).catch(() => undefined));
  held.reject(new Late());
  await Promise.all(calls);
  expect(made.boundMs()).toBe(20_000);
});

test('the bound stays within its limits, and goes back once answers have been quick for a while', async () => {
  const { made, clock, call } = responseBound();
  for (let n = 0; n < 10; n += 1) await call(1e9).catch(() => undefined);
  expect(made.boundMs()).toBe(60_000);
  clock.now += 10 * 60_000;
  await call(1);
  expect(made.boundMs()).toBe(10_000);
});

test('an answer that took a good part of the bound raises it before anything is given up', async () => {
  const { made, call } = responseBound();
  await call(8_000);
  expect(made.boundMs()).toBe(32_000);
});

test('other failures say nothing about time', async () => {
  const { made } = responseBound();
  await expect(made.watch(() => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  expect(made.boundMs()).toBe(10_000);
});
