import { access, mkdir, readdir, readFile, realpath, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findPostgresPackage } from '../binaries.ts';
import { lockDataDirectory } from '../data-directory-lock.ts';
import { EmbeddedPostgresFailed } from '../errors.ts';
import { messageOf } from '../message-of.ts';
import { stopLeftover } from '../leftover.ts';
import type { Log } from '../log.ts';
import { unpack } from './archive.ts';
import { beforeRestore, isOfThisRun, unfinishedRestore } from './data-directory.ts';
import { syncToDisk } from '../sync-to-disk.ts';

/** What is to be restored, and where to. */
export interface RestoreOptions {
  /** Made when missing. No server may run on it. */
  readonly dataDir: string;
  /** An archive of `backUp`. */
  readonly file: string;
  readonly log: Log;
  readonly now?: () => Date;
}

/** What was done. */
export interface Restored {
  /** Where what was there before is kept; null: there was nothing. */
  readonly before: string | null;
}

/**
 * Puts a data directory back from an archive. What was there is kept beside it. The archive is unpacked and looked at before anything is moved; a restore that is
 * killed afterwards keeps the server from starting until it is run again, so no server ever begins with an empty database by it.
 *
 * Fails with `DataDirectoryInUse` or {@link EmbeddedPostgresFailed} (`backup`, `permission`, `leftover`).
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const file = resolve(options.file);
  await access(file).catch((cause: unknown) => {
    throw new EmbeddedPostgresFailed('backup', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  await mkdir(options.dataDir, { recursive: true, mode: 0o755 });
  const folder = await realpath(options.dataDir);
  const lock = await lockDataDirectory(folder);
  try {
    return await restoreLocked(folder, file, options);
  } finally {
    lock.release();
  }
}

async function restoreLocked(folder: string, file: string, options: RestoreOptions): Promise<Restored> {
  const { log, now = () => new Date() } = options;
  const unpacked = join(folder, unfinishedRestore);
  await rm(unpacked, { recursive: true, force: true });
  await mkdir(unpacked, { mode: 0o700 });
  try {
    await unpack(file, unpacked);
    await refuseOthers(unpacked, file);
  } catch (error) {
    await rm(unpacked, { recursive: true, force: true });
    throw error;
  }
  for (const version of await readdir(join(folder, 'postgresql')).catch(() => []))
    await stopLeftover(join(folder, 'postgresql', version), { fastMs: 60_000, immediateMs: 10_000 }, log);

  const there = (await readdir(folder)).filter((name) => !isOfThisRun(name));
  const before = join(folder, `${beforeRestore}${now().toISOString().replaceAll(/[:.]/g, '-')}`);
  if (there.length > 0) await mkdir(before, { mode: 0o700 });
  for (const name of there) await rename(join(folder, name), join(before, name));
  for (const name of await readdir(unpacked)) await rename(join(unpacked, name), join(folder, name));
  await syncToDisk(folder);
  // From here on it is whole.
  await rm(unpacked, { recursive: true });
  await syncToDisk(folder);
  return { before: there.length > 0 ? before : null };
}

/** An archive of something else, or of a PostgreSQL that this server does not have. */
async function refuseOthers(unpacked: string, file: string): Promise<void> {
  const [version, ...others] = await readdir(join(unpacked, 'postgresql')).catch(() => []);
  const text = await readFile(join(unpacked, 'postgresql', version ?? '', 'PG_VERSION'), 'utf8').catch(
    () => '',
  );
  if (version === undefined || others.length > 0 || text.trim() !== version)
    throw new EmbeddedPostgresFailed('backup', `${file} is no backup of a Trunkline server.`);
  const [ours = ''] = (await findPostgresPackage()).version.split('.');
  if (version !== ours)
    throw new EmbeddedPostgresFailed(
      'backup',
      `${file} is of PostgreSQL ${version}, and this server has ${ours}: restore it with the version of Trunkline that made it.`,
    );
}
