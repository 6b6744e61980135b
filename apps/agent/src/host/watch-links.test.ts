import { expect, it } from 'vitest';
import { watchLinks } from './watch-links.ts';
import type { SpawnedProcess } from './watch-links.ts';

it('starts a dead monitor again, waiting longer each time, and shorter once one has spoken', async () => {
  const stop = new AbortController();
  const waits: number[] = [];
  let starts = 0;
  let changes = 0;
  const monitors: ((this: void) => AsyncIterable<unknown>)[] = [dies, dies, dies, speaksThenDies, dies];
  const spawn = (): SpawnedProcess => ({ output: (monitors[starts++] ?? dies)(), stop: () => {} });
  const delay = async (ms: number): Promise<void> => {
    waits.push(ms);
    if (waits.length === 5) stop.abort();
  };
  await watchLinks(spawn, () => (changes += 1), stop.signal, { delay, random: () => 1 });
  expect(waits).toEqual([500, 1000, 2000, 500, 1000]);
  // Five starts and one change.
  expect(changes).toBe(6);
});

it('stops its monitor when aborted, and starts none afterwards', async () => {
  const stop = new AbortController();
  let stopped = 0;
  const ended = Promise.withResolvers<void>();
  const spawn = (): SpawnedProcess => ({
    output: endsWhen(ended.promise),
    stop: () => {
      stopped += 1;
      ended.resolve();
    },
  });
  const watching = watchLinks(spawn, () => {}, stop.signal, { delay: async () => {}, random: () => 1 });
  stop.abort();
  await watching;
  expect(stopped).toBeGreaterThan(0);
});

async function* dies(): AsyncGenerator<string> {
  yield* [];
  throw new Error('no ip here');
}

async function* speaksThenDies(): AsyncGenerator<string> {
  yield 'changed';
}

async function* endsWhen(end: Promise<void>): AsyncGenerator<string> {
  yield* [];
  await end;
}
