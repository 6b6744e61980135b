import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SystemUser } from './system-user.ts';

/** What of a file's permissions decides here; `mode` as in `fs.Stats`. */
export interface Permissions {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Whether the user has the rights (4 read, 2 write, 1 execute or enter), judged by the permission bits (no ACLs). */
export function permits(
  { uid, gid, mode }: Permissions,
  user: Pick<SystemUser, 'uid' | 'gid'>,
  rights: number,
): boolean {
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
  return ((mode >> shift) & rights) === rights;
}

/**
 * The first folder above `path` (a real path, without symbolic links) that the user cannot enter, or undefined when
 * all can be entered. `path` itself is not asked about.
 */
export async function blockedAbove(path: string, user: SystemUser): Promise<string | undefined> {
  const parent = dirname(path);
  if (parent !== path) {
    const above = await blockedAbove(parent, user);
    if (above !== undefined) return above;
  } else return undefined;
  return permits(await stat(parent), user, 1) ? undefined : parent;
}
