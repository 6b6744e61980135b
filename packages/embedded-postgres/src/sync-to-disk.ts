import { open } from 'node:fs/promises';

/** Returns when a file, or the names in a folder, are on the disk (fsync(2)). */
export async function syncToDisk(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
