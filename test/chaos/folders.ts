import { cp, lchown, lstat, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

/** Copies what is in a folder into another one, which is made when missing; each file keeps its owner, as in a backup. */
export async function copyContents(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    await cp(path.join(from, name), path.join(to, name), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
      // A socket of a running program is nothing to copy, and a file may be gone by now.
      filter: (source) => !source.endsWith('.sock'),
    });
  }
  for (const name of await readdir(to, { recursive: true })) {
    const { uid, gid } = await lstat(path.join(from, name)).catch(() => ({ uid: null, gid: null }));
    if (uid !== null) await lchown(path.join(to, name), uid, gid);
  }
}

/** Removes what is in a folder, and leaves the folder, which may be a mount point. */
export async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    await rm(path.join(folder, name), { recursive: true, force: true });
}
