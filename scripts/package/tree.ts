import { chmod, lutimes, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** A file of a package. */
export interface PackagedFile {
  /** From the root of the host, without the first slash. */
  readonly path: string;
  readonly content: string | Uint8Array;
  /** 0644 when left out. */
  readonly mode?: number;
}

/** Writes files below a folder, folders 0755. Whatever umask is set. */
export async function writeTree(folder: string, files: readonly PackagedFile[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { path: name, content, mode = 0o644 } of files) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
    await chmod(file, mode);
  }
  for await (const folderOf of foldersOf(folder)) await chmod(folderOf, 0o755);
}

/** Gives everything below a folder, and the folder, one time of change, in seconds since 1970. */
export async function setTimes(folder: string, seconds: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) await setTimes(file, seconds);
    else await lutimes(file, seconds, seconds);
  }
  await lutimes(folder, seconds, seconds);
}

/** What files and folders take on a disk, in KiB, as Debian counts it (Policy 5.6.20). */
export async function installedKibibytes(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    sum += entry.isDirectory()
      ? 1 + (await installedKibibytes(file))
      : Math.ceil((await stat(file)).size / 1024);
  }
  return sum;
}

async function* foldersOf(folder: string): AsyncGenerator<string> {
  yield folder;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* foldersOf(path.join(folder, entry.name));
  }
}
