import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../sync/temporary-folder.ts';
import { markStatePast, readStatePast } from './state-past.ts';

test('a folder that was never marked, or whose record somebody edited, has continued', async () => {
  await using folder = await temporaryFolder();
  await expect(readStatePast(folder.path, 'a')).resolves.toBe('continued');
  await markStatePast(folder.path, 'a');
  await writeFile(join(folder.path, 'past.json'), '{"mark":');
  await expect(readStatePast(folder.path, 'a')).resolves.toBe('continued');
});

test('another boot of the machine is seen, an agent that was restarted is not one', async () => {
  await using folder = await temporaryFolder();
  await markStatePast(folder.path, 'a');
  await expect(readStatePast(folder.path, 'a')).resolves.toBe('continued');
  await expect(readStatePast(folder.path, 'b')).resolves.toBe('rebooted');
  await markStatePast(folder.path, 'b');
  await expect(readStatePast(folder.path, 'b')).resolves.toBe('continued');
});

test('a folder that was put back from a copy is seen until it is marked, also after the agent ended again', async () => {
  await using folder = await temporaryFolder();
  const [state, copy] = [join(folder.path, 'state'), join(folder.path, 'copy')];
  await mkdir(state);
  await markStatePast(state, 'a');
  await cp(state, copy, { recursive: true, preserveTimestamps: true });
  await rm(state, { recursive: true });
  await cp(copy, state, { recursive: true, preserveTimestamps: true });
  await expect(readStatePast(state, 'a')).resolves.toBe('restored');
  await expect(readStatePast(state, 'b')).resolves.toBe('restored');
  await markStatePast(state, 'b');
  await expect(readStatePast(state, 'b')).resolves.toBe('continued');
});

test('a folder whose mark is gone was put back; one that was moved as a whole was not', async () => {
  await using folder = await temporaryFolder();
  const [state, moved] = [join(folder.path, 'state'), join(folder.path, 'moved')];
  await mkdir(state);
  await markStatePast(state, 'a');
  await rename(state, moved);
  await expect(readStatePast(moved, 'a')).resolves.toBe('continued');
  await rm(join(moved, 'past.mark'));
  await expect(readStatePast(moved, 'a')).resolves.toBe('restored');
});
