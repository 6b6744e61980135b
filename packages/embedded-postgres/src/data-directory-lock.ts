import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DataDirectoryInUse, EmbeddedPostgresFailed } from './errors.ts';
import { messageOf } from './message-of.ts';

/** The data directory is ours until `release` or the end of this process, whatever ends it. */
export interface DataDirectoryLock {
  release(): void;
}

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5;

/**
 * Takes the data directory for this process alone. Never waits.
 *
 * Node has no flock(2). SQLite's exclusive transaction on `server.lock` is a kernel record lock (fcntl), so it cannot
 * be held twice, ends with the process however that ends, is not inherited by programs we start, and does not depend on
 * process numbers; a socket or a pid file fails at least one of these, or the case of two containers on one volume.
 * The file stays empty. `server.pid` beside it is only for the message.
 *
 * Fails with {@link DataDirectoryInUse}, or {@link EmbeddedPostgresFailed} (`permission`) when the file cannot be made.
 */
export async function lockDataDirectory(
  dataDir: string,
  pid: number = process.pid,
): Promise<DataDirectoryLock> {
  const pidFile = join(dataDir, 'server.pid');
  const database = openLock(join(dataDir, 'server.lock'), dataDir);
  try {
    // Without a journal: an exclusive transaction would leave one behind after kill -9.
    database.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw unusable(dataDir, error);
    throw new DataDirectoryInUse(dataDir, await readPid(pidFile));
  }
  try {
    await writeFile(pidFile, `${pid}\n`, { mode: 0o644 });
  } catch (error) {
    database.close();
    throw unusable(dataDir, error);
  }
  return {
    release() {
      if (database.isOpen) database.close();
    },
  };
}

function openLock(file: string, dataDir: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw unusable(dataDir, error);
  }
}

function unusable(dataDir: string, cause: unknown): EmbeddedPostgresFailed {
  const reason = messageOf(cause);
  return new EmbeddedPostgresFailed(
    'permission',
    `The data directory ${dataDir} cannot be locked (${reason}). It must be writable, on a file system with record locks.`,
    { cause },
  );
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy;
}

async function readPid(file: string): Promise<number | null> {
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  return Number.isNaN(pid) ? null : pid;
}
