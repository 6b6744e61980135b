import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../lib/temporary-folder.fixture.ts';
import { markDisowned, markNotCopied, markStatePast, readStatePast } from './state-past.ts';

const host = '0198c0de-0000-7000-8000-000000000001';

test('a folder that was never marked, or whose record somebody edited, has continued', async () => {
  await using folder = await temporaryFolder();
  await expect(readStatePast(folder.path, 'a', host)).resolves.toBe('continued');
  await markStatePast(folder.path, 'a', host);
  await writeFile(join(folder.path, 'past.json'), '{"mark":');
  await expect(readStatePast(folder.path, 'a', host)).resolves.toBe('continued');
});

test('another boot of the machine is seen, an agent that was restarted is not one', async () => {
  await using folder = await temporaryFolder();
  await markStatePast(folder.path, 'a', host);
  await expect(readStatePast(folder.path, 'a', host)).resolves.toBe('continued');
  await expect(readStatePast(folder.path, 'b', host)).resolves.toBe('rebooted');
  await markStatePast(folder.path, 'b', host);
  await expect(readStatePast(folder.path, 'b', host)).resolves.toBe('continued');
});

test('a folder that was put back from a copy is seen until it is marked, also after the agent ended again', async () => {
  await using folder = await temporaryFolder();
  const [state, copy] = [join(folder.path, 'state'), join(folder.path, 'copy')];
  await mkdir(state);
  await markStatePast(state, 'a', host);
  await cp(state, copy, { recursive: true, preserveTimestamps: true });
  await rm(state, { recursive: true });
  await cp(copy, state, { recursive: true, preserveTimestamps: true });
  await expect(readStatePast(state, 'a', host)).resolves.toBe('restored');
  await expect(readStatePast(state, 'b', host)).resolves.toBe('restored');
  await markStatePast(state, 'b', host);
  await expect(readStatePast(state, 'b', host)).resolves.toBe('continued');
});

test('a folder whose mark is gone was put back; one that was moved as a whole was not', async () => {
  await using folder = await temporaryFolder();
  const [state, moved] = [join(folder.path, 'state'), join(folder.path, 'moved')];
  await mkdir(state);
  await markStatePast(state, 'a', host);
  await rename(state, moved);
  await expect(readStatePast(moved, 'a', host)).resolves.toBe('continued');
  await rm(join(moved, 'past.mark'));
  await expect(readStatePast(moved, 'a', host)).resolves.toBe('restored');
});

test('promise 1: a folder that a server did not know the host of stays so over restarts, and no operator makes it its own', async () => {
  await using folder = await temporaryFolder();
  await markStatePast(folder.path, 'a', host);
  await markDisowned(folder.path);
  await expect(readStatePast(folder.path, 'a', host)).resolves.toBe('disowned');
  await markNotCopied(folder.path, 'a');
  await expect(readStatePast(folder.path, 'b', host)).resolves.toBe('disowned');
  await markStatePast(folder.path, 'b', host);
  await expect(readStatePast(folder.path, 'b', host)).resolves.toBe('continued');
});

test('promise 1: what another host held is not given by one that joined with the same folder', async () => {
  await using folder = await temporaryFolder();
  await markStatePast(folder.path, 'a', null);
  // Its first join is no other identity.
  await expect(readStatePast(folder.path, 'a', host)).resolves.toBe('continued');
  await markStatePast(folder.path, 'a', host);
  await expect(readStatePast(folder.path, 'a', null)).resolves.toBe('disowned');
  await markNotCopied(folder.path, 'a');
  await expect(readStatePast(folder.path, 'a', host.replace(/1$/, '2'))).resolves.toBe('disowned');
});

test('what an earlier agent recorded names no host', async () => {
  await using folder = await temporaryFolder();
  await markStatePast(folder.path, 'a', host);
  const path = join(folder.path, 'past.json');
  const { mark, boot } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  await writeFile(path, JSON.stringify({ mark, boot }));
  await expect(readStatePast(folder.path, 'a', host)).resolves.toBe('continued');
});
