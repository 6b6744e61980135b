import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Makes the agent's own folder, readable by nobody else. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/**
 * Replaces a file so that a crash at any moment leaves the old content or the new, never a part: written beside it,
 * flushed, renamed, and the folder flushed too (without that the rename itself can be lost; fsync(2)). Mode 0600.
 */
export async function writeFileAtomically(path: string, content: string): Promise<void> {
  const beside = `${path}.new`;
  await rm(beside, { force: true });
  const file = await open(beside, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await flushFolder(dirname(path));
}

/** The content of a file, or null where there is none. Fails for a file that is there and cannot be read. */
export async function readFileIfAny(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(join(path, '.'), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
