import { expect, test } from 'vitest';
import { createManualTime, turns } from '../lib/manual-time.fake.ts';
import { createWorkQueue, type WorkOutcome } from './queue.ts';

/** A queue whose work is ended by the test. */
function setup(concurrency = 4) {
  const time = createManualTime(1);
  const started: string[] = [];
  const ends = new Map<string, (outcome: WorkOutcome) => void>();
  const errors: unknown[] = [];
  const queue = createWorkQueue<string>({
    concurrency,
    timing: time,
    onError: (_key, error) => errors.push(error),
    work: (key) => {
      started.push(key);
      return new Promise((resolve) => ends.set(key, resolve));
    },
  });
  const end = async (key: string, outcome: WorkOutcome) => {
    ends.get(key)!(outcome);
    await turns();
  };
  return { queue, time, started, end, errors };
}

test('a key that is put on the queue many times is worked on once', async () => {
  const { queue, started, end } = setup(1);
  queue.add('other', 'seen');
  for (let time = 0; time < 5; time += 1) queue.add('a', 'seen');
  await end('other', 'done');
  await end('a', 'done');
  expect(started).toEqual(['other', 'a']);
  expect(queue.isIdle()).toBe(true);
});

test('a key is never worked on twice at once; what comes meanwhile runs once more afterwards', async () => {
  const { queue, started, end } = setup();
  queue.add('a', 'changed');
  queue.add('a', 'changed');
  queue.add('a', 'seen');
  await turns();
  expect(started).toEqual(['a']);
  await end('a', 'done');
  expect(started).toEqual(['a', 'a']);
  await end('a', 'done');
  expect(started).toEqual(['a', 'a']);
});

test('one key that hangs does not block the others, and no more run at once than allowed', async () => {
  const { queue, started, end } = setup(2);
  for (const key of ['hangs', 'b', 'c']) queue.add(key, 'seen');
  expect(started).toEqual(['hangs', 'b']);
  await end('b', 'done');
  expect(started).toEqual(['hangs', 'b', 'c']);
});

test('failures back off from 0.5 s, doubled each time, to 5 min; success begins again', async () => {
  const { queue, time, started, end } = setup();
  queue.add('a', 'changed');
  const waits: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    await end('a', 'retry');
    waits.push(time.waits()[0]!);
    await time.advance(time.waits()[0]!);
  }
  expect(waits).toEqual([
    500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
  ]);
  expect(started.length).toBe(13);
  await end('a', 'done');
  queue.add('a', 'seen');
  await end('a', 'retry');
  expect(time.waits()).toEqual([500]);
});

test('what happens on the host does not cut a wait short, a change of what is wanted does', async () => {
  const { queue, time, started, end } = setup();
  queue.add('a', 'changed');
  await end('a', 'retry');
  queue.add('a', 'seen');
  queue.add('a', 'resync');
  await turns();
  expect(started).toEqual(['a']);
  queue.add('a', 'changed');
  await turns();
  expect(started).toEqual(['a', 'a']);
  expect(time.waits()).toEqual([]);
});

test('what cannot be mended by trying again waits for a change or the next resync', async () => {
  const { queue, time, started, end } = setup();
  queue.add('a', 'changed');
  await end('a', 'parked');
  expect(time.waits()).toEqual([]);
  queue.add('a', 'seen');
  expect(started).toEqual(['a']);
  queue.add('a', 'resync');
  expect(started).toEqual(['a', 'a']);
});

test('work that throws is reported and tried again', async () => {
  const time = createManualTime(1);
  const errors: unknown[] = [];
  let calls = 0;
  const queue = createWorkQueue<string>({
    concurrency: 1,
    timing: time,
    onError: (_key, error) => errors.push(error),
    work: async () => {
      calls += 1;
      if (calls === 1) throw new Error('broken');
      return 'done';
    },
  });
  queue.add('a', 'changed');
  await turns();
  expect(errors).toHaveLength(1);
  await time.advance(500);
  expect(calls).toBe(2);
});

test('a closed queue lets running work end and begins no more', async () => {
  const { queue, started, end } = setup(1);
  queue.add('a', 'changed');
  queue.add('b', 'changed');
  const closed = queue.close();
  await end('a', 'retry');
  await closed;
  queue.add('c', 'changed');
  expect(started).toEqual(['a']);
});
