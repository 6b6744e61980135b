import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

/** The table of symbols has megabytes; all else that is read of /proc is small. */
const large = '/proc/kallsyms';

/**
 * Reads a text file as it is now. What /proc has is made in memory while it is read, and never waits for a disk: read at
 * once, a file takes some 10 us, and by way of Node's threads some 100 us of processor time (five reads of
 * `/proc/net/route` together: 75 us and 0.5 ms).
 */
export async function readText(path: string): Promise<string> {
  return path.startsWith('/proc/') && path !== large ? readFileSync(path, 'utf8') : readFile(path, 'utf8');
}

/** Names of what a folder has, sorted; empty where there is no such folder, or it cannot be read. */
export async function readFolder(path: string): Promise<readonly string[]> {
  const names = await readdir(path).catch(() => []);
  return names.toSorted((a, b) => (a < b ? -1 : 1));
}
