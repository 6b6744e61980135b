import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readlink,
  realpath,
  rm,
  rmdir,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgresFailed } from './errors.ts';
import { blockedAbove } from './reachable.ts';
import type { SystemUser } from './system-user.ts';

/** The folder of PostgreSQL's socket, 0700: who can enter it is let into the database. */
export interface SocketDirectory {
  readonly path: string;
  remove(): Promise<void>;
}

/** `sun_path` holds 108 bytes with the end mark (unix(7)). */
const maxSocketPath = 107;
const socketName = '.s.PGSQL.5432';

/** Whether a socket of PostgreSQL in the folder has a path that the kernel takes. */
export function fitsSocket(folder: string): boolean {
  return Buffer.byteLength(join(folder, socketName)) <= maxSocketPath;
}

/**
 * Makes the folder: `preferred`, or a new one under the temporary folder when the path is too long or the user that
 * PostgreSQL runs as cannot get there. `preferred` is then a link to it: there a person finds the socket, and the next
 * start the folder of a server that was killed.
 *
 * Fails with {@link EmbeddedPostgresFailed} (`permission`) when no place will do.
 */
export async function makeSocketDirectory(
  preferred: string,
  user: SystemUser | null,
  temporary: readonly string[] = [tmpdir(), '/tmp'],
): Promise<SocketDirectory> {
  await removeSocketDirectory(preferred);
  if (fitsSocket(preferred) && (await reaches(preferred, user))) {
    await mkdir(preferred, { mode: 0o700 });
    await own(preferred, user);
    return { path: preferred, remove: () => removeSocketDirectory(preferred) };
  }
  for (const parent of temporary) {
    if (!fitsSocket(join(parent, 'trunkline-XXXXXX')) || !(await reaches(join(parent, 'x'), user))) continue;
    const path = await mkdtemp(join(await realpath(parent), 'trunkline-'));
    await symlink(path, preferred);
    await own(path, user);
    return { path, remove: () => removeSocketDirectory(preferred) };
  }
  throw new EmbeddedPostgresFailed(
    'permission',
    `There is no place for PostgreSQL's socket: ${join(preferred, socketName)} is too long (${maxSocketPath} bytes ` +
      `are allowed) or closed to the database's user, and so is ${temporary.join(', ')}. Choose a shorter TRUNKLINE_DATA_DIR.`,
  );
}

/** Removes the folder, and what it is a link to: by name and not as a tree, for others may write in the temporary folder. */
async function removeSocketDirectory(preferred: string): Promise<void> {
  const stale = await lstat(preferred).catch(() => undefined);
  if (stale === undefined) return;
  if (stale.isSymbolicLink()) {
    await removeByName(await readlink(preferred)).catch(() => {});
    await rm(preferred, { force: true });
  } else await removeByName(preferred);
}

async function removeByName(folder: string): Promise<void> {
  await rm(join(folder, socketName), { force: true });
  await rm(join(folder, `${socketName}.lock`), { force: true });
  await rmdir(folder);
}

async function reaches(path: string, user: SystemUser | null): Promise<boolean> {
  if (user === null) return true;
  return blockedAbove(path, user).then(
    (blocked) => blocked === undefined,
    () => false,
  );
}

async function own(path: string, user: SystemUser | null): Promise<void> {
  await chmod(path, 0o700);
  if (user !== null) await chown(path, user.uid, user.gid);
}
