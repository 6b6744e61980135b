import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { id, network } from '../reconcile/subjects.fixture.ts';
import { temporaryFolder } from '../lib/temporary-folder.fixture.ts';
import { openTrialStore, readTrials } from './trial-store.ts';
import type { NetworkRecord } from './trials.ts';

const log = pino({ level: 'silent' });
const record: NetworkRecord = {
  confirmed: network(),
  trial: { generation: 2, deadline: null, windowMs: 60_000, rolledBackAt: 5, setUp: ['ens34'] },
};

test('promise 5: what is on trial survives a restart, and changes come one after the other', async () => {
  await using folder = await temporaryFolder();
  const store = await openTrialStore(folder.path, log);
  expect(store.all()).toEqual({});
  await Promise.all([
    store.change((before) => ({ ...before, [id(1)]: record })),
    store.change((before) => ({ ...before, [id(2)]: { ...record, trial: null } })),
  ]);
  expect(Object.keys(store.all())).toEqual([id(1), id(2)]);
  expect((await openTrialStore(folder.path, log)).all()).toEqual(store.all());
});

test('what could not be written down is not so, and the next change goes on from what is', async () => {
  await using folder = await temporaryFolder();
  const store = await openTrialStore(folder.path, log);
  // A folder in the way of the file that is written beside.
  const obstacle = join(folder.path, 'trials.json.new', 'x');
  await mkdir(obstacle, { recursive: true });
  await expect(store.change(() => ({ [id(1)]: record }))).rejects.toThrow('trials.json.new');
  expect(store.all()).toEqual({});
  await rm(join(folder.path, 'trials.json.new'), { recursive: true });
  await store.change((before) => ({ ...before, [id(2)]: record }));
  expect(await readTrials(folder.path, log)).toEqual({ [id(2)]: record });
});

test('a change that makes no difference writes nothing', async () => {
  await using folder = await temporaryFolder();
  const store = await openTrialStore(folder.path, log);
  await store.change((before) => before);
  await expect(readFile(join(folder.path, 'trials.json'))).rejects.toThrow('ENOENT');
});

test('a trial that an older agent wrote down goes on, without links to set down', async () => {
  await using folder = await temporaryFolder();
  const { setUp: _, ...trial } = record.trial!;
  await writeFile(join(folder.path, 'trials.json'), JSON.stringify({ [id(1)]: { ...record, trial } }));
  expect(await readTrials(folder.path, log)).toEqual({
    [id(1)]: { ...record, trial: { ...trial, setUp: [] } },
  });
});

test('a file that cannot be read, or a record in it, costs that and no more', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'trials.json');
  await writeFile(
    path,
    JSON.stringify({ [id(1)]: record, [id(7)]: { confirmed: {}, trial: null }, [id(8)]: 3 }),
  );
  expect(await readTrials(folder.path, log)).toEqual({ [id(1)]: record });
  for (const torn of ['', '{', '[]', 'null', '{"x":1}']) {
    await writeFile(path, torn);
    expect(await readTrials(folder.path, log)).toEqual({});
  }
});
