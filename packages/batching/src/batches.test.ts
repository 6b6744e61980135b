import { expect, test } from 'vitest';
import { createBatches, inOrder, type BatchesOptions } from './batches.ts';

interface Question {
  readonly key: string;
  readonly n: number;
}

const of = (key: string, ...ns: number[]): Question[] => ns.map((n) => ({ key, n }));
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
};

/** Batches that are answered when the test ends them, with ten times the question. */
function rig(options: Partial<BatchesOptions<Question, number>> = {}) {
  const runs: { asked: string; end: () => void; fail: (error: Error) => void }[] = [];
  const batches = createBatches<Question, number>({
    keyOf: ({ key }) => key,
    most: 3,
    atOnce: 1,
    run: inOrder(async (questions) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      runs.push({ asked: questions.map(({ key, n }) => `${key}${n}`).join(' '), end: resolve, fail: reject });
      await promise;
      return questions.map(({ n }) => n * 10);
    }),
    ...options,
  });
  return { batches, runs, asked: () => runs.map(({ asked }) => asked) };
}

test('questions of one key that come in one turn go together, up to a bound, and each gets its own answer', async () => {
  const { batches, runs, asked } = rig();
  const answers = Promise.all([...of('a', 1, 2, 3, 4), ...of('b', 5)].map(batches.ask));
  await turns(1);
  expect(asked()).toEqual(['a1 a2 a3', 'b5']);
  runs[0]?.end();
  await turns(1);
  expect(asked()).toEqual(['a1 a2 a3', 'b5', 'a4']);
  for (const { end } of runs) end();
  expect(await answers).toEqual([10, 20, 30, 40, 50]);
});

test('what comes while as many run as may goes together, in order', async () => {
  const { batches, runs, asked } = rig({ atOnce: 2 });
  const answers: Promise<number>[] = [];
  for (const n of [1, 2, 3, 4, 5, 6, 7]) {
    answers.push(batches.ask({ key: 'a', n }));
    await turns(2);
  }
  expect(asked()).toEqual(['a1', 'a2']);
  expect(batches.waiting()).toBe(5);
  runs[1]?.end();
  await turns(1);
  expect(asked()).toEqual(['a1', 'a2', 'a3 a4 a5']);
  expect(batches.waiting()).toBe(2);
  runs[0]?.end();
  await turns(1);
  expect(asked().at(-1)).toBe('a6 a7');
  expect(batches.waiting()).toBe(0);
  for (const { end } of runs) end();
  expect(await Promise.all(answers)).toEqual([10, 20, 30, 40, 50, 60, 70]);
});

test('a batch waits as long as it gathers, also while nothing runs', async () => {
  const gather = Promise.withResolvers<void>();
  const { batches, runs, asked } = rig({ gather: () => gather.promise });
  const answers = [batches.ask({ key: 'a', n: 1 })];
  await turns(3);
  answers.push(batches.ask({ key: 'a', n: 2 }));
  expect(asked()).toEqual([]);
  gather.resolve();
  await turns(1);
  expect(asked()).toEqual(['a1 a2']);
  runs[0]?.end();
  expect(await Promise.all(answers)).toEqual([10, 20]);
});

test('a run that fails fails its own questions, and the next runs', async () => {
  const { batches, runs } = rig({ most: 2 });
  const answers = Promise.allSettled(of('a', 1, 2, 3).map(batches.ask));
  await turns(1);
  runs[0]?.fail(new Error('lost'));
  await turns(1);
  runs[1]?.end();
  expect(await answers).toMatchObject([
    { reason: { message: 'lost' } },
    { reason: { message: 'lost' } },
    { value: 30 },
  ]);
});

test('gathering that fails fails what was gathered, and what comes afterwards is gathered again', async () => {
  const gathers = [Promise.reject(new Error('ended')), Promise.resolve()];
  const { batches, runs } = rig({ gather: () => gathers.shift() ?? Promise.resolve() });
  await expect(batches.ask({ key: 'a', n: 1 })).rejects.toThrow('ended');
  expect(batches.waiting()).toBe(0);
  const answer = batches.ask({ key: 'a', n: 2 });
  await turns(1);
  runs[0]?.end();
  expect(await answer).toBe(20);
});

test('an answer does not wait for the rest of its run, and a question that a run forgets fails', async () => {
  const rest = Promise.withResolvers<void>();
  const batches = createBatches<number, number>({
    most: 2,
    atOnce: 1,
    run: async ([first]) => {
      first?.resolve(1);
      await rest.promise;
    },
  });
  const [first, second] = [batches.ask(1), batches.ask(2)];
  expect(await first).toBe(1);
  rest.resolve();
  await expect(second).rejects.toThrow('a question was not answered');
});

test('of one key no more run than may, also where one ends while a full batch gathers', async () => {
  const gathers: (() => void)[] = [];
  const { batches, runs, asked } = rig({
    most: 2,
    gather: () => new Promise((resolve) => void gathers.push(resolve)),
  });
  const answers = Promise.all([1, 2, 3, 4, 5].map((n) => batches.ask({ key: 'a', n })));
  gathers[0]?.();
  await turns(1);
  runs[0]?.end();
  await turns(1);
  const last = batches.ask({ key: 'a', n: 6 });
  for (const gathered of gathers) gathered();
  await turns(1);
  expect(asked()).toEqual(['a1 a2', 'a3 a4']);
  runs[1]?.end();
  await turns(1);
  expect(asked()).toEqual(['a1 a2', 'a3 a4', 'a5 a6']);
  runs[2]?.end();
  expect(await answers).toEqual([10, 20, 30, 40, 50]);
  expect(await last).toBe(60);
});
