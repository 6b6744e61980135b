import { expect, test, vi } from 'vitest';
import { runStages, type Stage } from './stages.ts';

const never = (): Promise<void> => new Promise(() => {});
const quiet = () => ({ warn: vi.fn() });

function stage(name: string, done: string[], run: () => Promise<void> = async () => {}): Stage {
  return {
    name,
    boundMs: 20,
    run: () => {
      done.push(name);
      return run();
    },
  };
}

test('a stage that hangs or fails does not keep the last one from running', async () => {
  const done: string[] = [];
  const log = quiet();
  await runStages(
    [
      stage('hangs', done, never),
      stage('fails', done, () => Promise.reject(new Error('no'))),
      stage('last', done),
    ],
    log,
  );
  expect(done).toEqual(['hangs', 'fails', 'last']);
  expect(log.warn.mock.calls.map(([data]) => data.stage)).toEqual(['hangs', 'fails']);
});

test('a second signal cuts short what is not essential, and the essential is still waited for', async () => {
  const done: string[] = [];
  const hurry = new AbortController();
  const database = Promise.withResolvers<void>();
  let ended = false;
  const ending = runStages(
    [
      { ...stage('hangs', done, never), boundMs: 3_600_000 },
      { ...stage('database', done, () => database.promise), boundMs: 3_600_000, essential: true },
    ],
    quiet(),
    hurry.signal,
  ).then(() => {
    ended = true;
    return undefined;
  });
  hurry.abort();
  await vi.waitFor(() => expect(done).toEqual(['hangs', 'database']));
  expect(ended).toBe(false);
  database.resolve();
  await ending;
});
