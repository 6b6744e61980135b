import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { lockDataDirectory, type DataDirectoryLock } from '../data-directory-lock.ts';
import { DataDirectoryInUse, EmbeddedPostgresFailed, errnoOf } from '../errors.ts';
import { stopLeftover } from '../leftover.ts';
import type { Log } from '../log.ts';
import { isOfThisRun } from './data-directory.ts';
import { beginArchive, type Archive } from './archive.ts';
import { beginBaseBackup } from './base-backup.ts';

/** What is to be backed up, and where to. */
export interface BackUpOptions {
  readonly dataDir: string;
  /** The archive (tar, gzip). It must not be there. */
  readonly file: string;
  readonly log: Log;
}

/** How it was made. */
export interface BackedUp {
  readonly file: string;
  /** Whether a server ran meanwhile. */
  readonly running: boolean;
}

/**
 * Writes a whole data directory into an archive that only this user can read: the database, and the files beside it. A server that runs goes on: what the
 * archive has is the state of the database at the end of the backup.
 *
 * Fails with {@link EmbeddedPostgresFailed} (`backup`, `permission`, `leftover`); nothing is left at `file` then.
 */
export async function backUp({ dataDir, file, log }: BackUpOptions): Promise<BackedUp> {
  const folder = await realpath(dataDir).catch(() => dataDir);
  const cluster = await clusterOf(folder);
  const lock = await lockUnlessServed(folder);
  const archive = await beginArchive(resolve(file));
  try {
    if (lock === null) await copyServed(folder, cluster, archive);
    else {
      await stopLeftover(cluster, { fastMs: 60_000, immediateMs: 10_000 }, log);
      await archive.add(folder, await entriesOf(folder, cluster), ['*/postmaster.pid']);
    }
    await archive.finish();
  } catch (error) {
    await archive.discard();
    throw error;
  } finally {
    lock?.release();
  }
  return { file: resolve(file), running: lock === null };
}

/** Null where a server has it. */
async function lockUnlessServed(folder: string): Promise<DataDirectoryLock | null> {
  try {
    return await lockDataDirectory(folder);
  } catch (error) {
    if (error instanceof DataDirectoryInUse) return null;
    throw error;
  }
}

async function copyServed(folder: string, cluster: string, archive: Archive): Promise<void> {
  const backup = await beginBaseBackup(cluster);
  const added = await mkdtemp(join(dirname(cluster), 'backup-'));
  try {
    const place = relative(folder, cluster);
    await archive.add(
      folder,
      await entriesOf(folder, cluster),
      backup.leftOut.map((pattern) => `${place}/${pattern}`),
    );
    await mkdir(join(added, place), { recursive: true });
    await backup.finish(join(added, place));
    await archive.add(added, [`${place}/backup_label`, `${place}/pg_wal`]);
  } finally {
    await backup.close();
    await rm(added, { recursive: true, force: true });
  }
}

/** What belongs to the data, by its path in the folder. */
async function entriesOf(folder: string, cluster: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => name !== 'postgresql' && !isOfThisRun(name));
  return [...names.toSorted(), relative(folder, cluster)];
}

/** The cluster of the latest version. */
async function clusterOf(folder: string): Promise<string> {
  const home = join(folder, 'postgresql');
  const versions: number[] = [];
  try {
    for (const name of await readdir(home)) {
      if (!/^\d+$/.test(name)) continue;
      await readFile(join(home, name, 'PG_VERSION'));
      versions.push(Number(name));
    }
  } catch (error) {
    if (errnoOf(error) === 'EACCES')
      throw new EmbeddedPostgresFailed(
        'permission',
        `The data directory ${folder} cannot be read: make the backup as the user that runs the server, or as root.`,
        { cause: error },
      );
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  if (versions.length === 0)
    throw new EmbeddedPostgresFailed(
      'backup',
      `There is no database in ${folder}: set TRUNKLINE_DATA_DIR as the server has it.`,
    );
  return join(home, String(Math.max(...versions)));
}
