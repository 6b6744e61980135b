import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DesiredDocument } from '@trunkline/contracts';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { openDesiredCache } from './desired-cache.ts';
import { loadIdentity, saveHostId, UnreadableIdentity } from '../machine/identity.ts';
import { lockStateFolder, startTimeOf, StateFolderBusy } from './state-lock.ts';
import { temporaryFolder } from '../lib/temporary-folder.fixture.ts';

const hostId = '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11';
const log = pino({ level: 'silent' });

test('the key is on disk before it is used, readable by nobody else, and the same after a restart', async () => {
  await using folder = await temporaryFolder();
  const made = await loadIdentity(folder.path);
  expect(made).toMatchObject({ hostId: null, publicKey: expect.stringMatching(/^[\w-]{43}$/) });
  expect((await stat(join(folder.path, 'identity.json'))).mode & 0o777).toBe(0o600);
  expect((await loadIdentity(folder.path)).publicKey).toBe(made.publicKey);
  await saveHostId(folder.path, made, hostId);
  expect(await loadIdentity(folder.path)).toMatchObject({ hostId, publicKey: made.publicKey });
});

test('an identity that cannot be read is an error, and never written over with a new key', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'identity.json');
  for (const broken of ['', '{"privateKey":"x","hostId":null}', '{"hostId":null}']) {
    await writeFile(path, broken);
    await expect(loadIdentity(folder.path)).rejects.toBeInstanceOf(UnreadableIdentity);
    expect(await readFile(path, 'utf8')).toBe(broken);
  }
});

test('two agents on one state folder are refused; the lock of a dead one, or of a reused process id, is taken over', async () => {
  await using folder = await temporaryFolder();
  const alive = new Map([
    [1001, 'a'],
    [1002, 'b'],
  ]);
  const lookUp = (pid: number) => Promise.resolve(alive.get(pid) ?? null);
  await lockStateFolder(folder.path, 1001, lookUp);
  await expect(lockStateFolder(folder.path, 1002, lookUp)).rejects.toBeInstanceOf(StateFolderBusy);
  alive.set(1001, 'another process with the same id');
  const unlock = await lockStateFolder(folder.path, 1002, lookUp);
  alive.delete(1002);
  alive.set(1003, 'c');
  const unlockThird = await lockStateFolder(folder.path, 1003, lookUp);
  // The one that lost its lock does not take away that of its follower.
  await unlock();
  alive.set(1004, 'd');
  await expect(lockStateFolder(folder.path, 1004, lookUp)).rejects.toBeInstanceOf(StateFolderBusy);
  await unlockThird();
  await lockStateFolder(folder.path, 1004, lookUp);
  expect(await readdir(folder.path)).toEqual(['agent.lock']);
});

test('the lock that an earlier version wrote is respected while its process runs', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'agent.lock'), JSON.stringify({ pid: 1001, startTime: 'a' }));
  const alive = new Map([[1001, 'a']]);
  const lookUp = (pid: number) => Promise.resolve(alive.get(pid) ?? null);
  await expect(lockStateFolder(folder.path, 1002, lookUp)).rejects.toBeInstanceOf(StateFolderBusy);
  alive.clear();
  await lockStateFolder(folder.path, 1002, lookUp);
});

test('a process is distinguished from a later one by its start time', async () => {
  expect(await startTimeOf(process.pid)).toMatch(/^\d+$/);
  expect(await startTimeOf(2 ** 30)).toBeNull();
});

const documentOf = (revision: string, change: Partial<DesiredDocument> = {}): DesiredDocument => ({
  hostId,
  revision,
  heartbeatSeconds: 10,
  networks: [],
  containers: [],
  recalls: [],
  checks: [],
  ...change,
});

test('promise 5: desired state survives a restart without a server', async () => {
  await using folder = await temporaryFolder();
  const cache = await openDesiredCache({ stateFolder: folder.path, hostId, log });
  expect(cache.current()).toBeNull();
  expect(await cache.accept(documentOf('5'))).toBeNull();
  expect((await openDesiredCache({ stateFolder: folder.path, hostId, log })).current()).toEqual(
    documentOf('5'),
  );
});

test('promise 6: an older document, or one for another host, changes nothing', async () => {
  await using folder = await temporaryFolder();
  const cache = await openDesiredCache({ stateFolder: folder.path, hostId, log });
  await cache.accept(documentOf('10'));
  expect(await cache.accept(documentOf('9'))).toEqual({ reason: 'older', have: '10', got: '9' });
  const other = '0192f0c1-6d7e-7a52-9c1b-000000000000';
  expect(await cache.accept(documentOf('11', { hostId: other }))).toEqual({
    reason: 'foreign',
    hostId: other,
  });
  expect(cache.current()?.revision).toBe('10');
  expect((await openDesiredCache({ stateFolder: folder.path, hostId, log })).current()?.revision).toBe('10');
});

test('promise 6: a file that is cut off, changed, or of another host means that nothing is known', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'desired.json');
  const cache = await openDesiredCache({ stateFolder: folder.path, hostId, log });
  await cache.accept(documentOf('10'));
  const good = await readFile(path, 'utf8');
  for (let cut = 0; cut < good.length; cut += 7) {
    await writeFile(path, good.slice(0, cut));
    expect((await openDesiredCache({ stateFolder: folder.path, hostId, log })).current()).toBeNull();
  }
  await writeFile(path, good.replace('"10"', '"99"'));
  expect((await openDesiredCache({ stateFolder: folder.path, hostId, log })).current()).toBeNull();
  await writeFile(path, good);
  const stranger = { stateFolder: folder.path, hostId: '0192f0c1-6d7e-7a52-9c1b-000000000000', log };
  expect((await openDesiredCache(stranger)).current()).toBeNull();
});
