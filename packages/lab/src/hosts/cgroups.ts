import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from './wait.ts';

/** Mount points of all cgroup hierarchies, version 1 and 2. */
function hierarchies(): readonly string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, mountPoint]) => mountPoint ?? '');
}

/** Removes a cgroup from its leaves up; false while a dying process still holds one. */
function removeTree(folder: string): boolean {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return true;
  }
  let gone = true;
  for (const entry of entries) {
    if (entry.isDirectory()) gone = removeTree(path.join(folder, entry.name)) && gone;
  }
  try {
    rmdirSync(folder);
    return gone;
  } catch {
    return false;
  }
}

/** Removes a cgroup, named relative to the hierarchies' roots, from all of them. Its processes must have ended. */
export async function removeCgroup(name: string): Promise<void> {
  await waitFor(
    `removal of cgroup ${name}`,
    () => hierarchies().every((mountPoint) => removeTree(path.join(mountPoint, name))),
    10_000,
  );
}
