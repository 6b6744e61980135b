import type { ChildProcess } from 'node:child_process';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { unfinishedRestore } from './backup/data-directory.ts';
import { findPostgresPackage, usableBinaries, type PostgresPackage } from './binaries.ts';
import { openClient } from './client.ts';
import { clusterAccess, clusterOwner, ensureCluster } from './cluster.ts';
import { lockDataDirectory } from './data-directory-lock.ts';
import { EmbeddedPostgresFailed } from './errors.ts';
import { keepRunning, type Backoff } from './keep-running.ts';
import { stopLeftover, type StopBounds } from './leftover.ts';
import type { Log } from './log.ts';
import {
  startPostmaster,
  type ConnectionTarget,
  type Postmaster,
  type PostmasterExit,
} from './postmaster.ts';
import { makeSocketDirectory } from './socket-directory.ts';
import { findOrMakeDatabaseUser, type SystemUser } from './system-user.ts';
import { messageOf } from './message-of.ts';

/** The name of the superuser and of the database inside the cluster. */
const databaseName = 'trunkline';

/** What the server's own PostgreSQL is started with. */
export interface EmbeddedPostgresOptions {
  /** The server's data directory; made when missing. Held for this process until `stop`. */
  readonly dataDir: string;
  readonly log: Log;
  /** Called when PostgreSQL ended without being asked to; it is being started again. */
  readonly onExit?: (exit: PostmasterExit) => void;
  /** Server settings beyond ours, by name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** PostgreSQL to use. Default: the npm package for this machine. */
  readonly package?: PostgresPackage;
  /** How long PostgreSQL may take to take connections, in milliseconds. Default 300 000: it may have to recover. */
  readonly startMs?: number;
  readonly stopBounds?: StopBounds;
  readonly backoff?: Backoff;
  /** Gives up the start; nothing is left running then. */
  readonly signal?: AbortSignal;
}

/** The server's own PostgreSQL, running. */
export interface EmbeddedPostgres {
  /** Where `pg` connects to; stays the same over restarts. */
  readonly connection: ConnectionTarget;
  /** The same as a URL, for `DATABASE_URL` of other programs. */
  readonly connectionString: string;
  /** Resolves when it takes connections (at once while it runs); rejects once stopped. */
  ready(): Promise<void>;
  /**
   * Begins to write down what a shutdown would have to write, while it goes on serving: the shutdown that follows is short. Never
   * fails; resolves when it is written, or cannot be.
   */
  writeDown(): Promise<void>;
  /**
   * Ends it and gives the data directory back. Safe to call twice. When this process ends without, by `process.exit`
   * say, PostgreSQL gets the signal for an immediate shutdown. `fastMs`: see `Postmaster.stop`.
   */
  stop(fastMs?: number): Promise<void>;
}

/**
 * Starts PostgreSQL on the data directory, which it makes at the first start, and keeps it running until `stop`. Why
 * and how: docs/decisions/0003-embedded-postgres.md.
 *
 * Fails with `DataDirectoryInUse` or {@link EmbeddedPostgresFailed}; nothing is left running then.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = await makeDataDirectory(options.dataDir);
  const lock = await lockDataDirectory(dataDir);
  try {
    return await startLocked(dataDir, options, () => lock.release());
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function startLocked(
  dataDir: string,
  options: EmbeddedPostgresOptions,
  release: () => void,
): Promise<EmbeddedPostgres> {
  const { log, startMs = 300_000 } = options;
  const stopBounds = options.stopBounds ?? { fastMs: 20_000, immediateMs: 10_000 };
  // One that ran is started again soon, however often it is killed; only one that does not come up is given time.
  const backoff = options.backoff ?? { firstMs: 200, maxMs: 5_000, stableMs: 5_000 };
  const postgres = options.package ?? (await findPostgresPackage());
  await refuseUnfinishedRestore(dataDir);
  const home = join(dataDir, 'postgresql');
  // One folder a major version: a later one cannot read it as it is.
  const folder = join(home, postgres.version.split('.')[0] ?? '');
  await mkdir(home, { recursive: true, mode: 0o755 });

  await stopLeftover(folder, stopBounds, log);
  const user = await databaseUser(folder);
  const binaries = await usableBinaries(
    postgres,
    user,
    user === null ? [home] : [home, '/var/cache/trunkline'],
  );
  await ensureCluster({ folder, binaries, user, superuser: databaseName, log });
  const access = await clusterAccess(folder, user);
  const socket = await makeSocketDirectory(join(home, 'run'), user);
  const connection = { host: socket.path, port: 5432, user: databaseName, database: databaseName };
  let latest: ChildProcess | undefined;
  const endWithProcess = (): void => {
    if (latest?.exitCode === null && latest.signalCode === null) latest.kill('SIGQUIT');
  };
  process.once('exit', endWithProcess);
  const start = (signal: AbortSignal): Promise<Postmaster> =>
    startPostmaster({
      onSpawn: (child) => {
        latest = child;
      },
      binaries,
      access,
      user,
      target: connection,
      settings: options.settings ?? {},
      log,
      startMs,
      stopBounds,
      signal,
    });

  try {
    const first = await start(options.signal ?? new AbortController().signal);
    await makeDatabase(connection, first);
    log.info({ folder, socket: socket.path, pid: first.pid, user: user?.name }, 'PostgreSQL runs');
    const kept = keepRunning({ first, start, onExit: options.onExit ?? (() => {}), backoff, log });
    return {
      connection,
      connectionString: `postgresql://${databaseName}@localhost/${databaseName}?host=${encodeURIComponent(socket.path)}`,
      ready: () => kept.ready(),
      writeDown: () => checkpoint(connection),
      async stop(fastMs) {
        await kept.stop(fastMs);
        process.off('exit', endWithProcess);
        await socket.remove();
        release();
      },
    };
  } catch (error) {
    process.off('exit', endWithProcess);
    await socket.remove();
    throw error;
  }
}

async function checkpoint(connection: ConnectionTarget): Promise<void> {
  const client = openClient(connection);
  try {
    await client.connect();
    await client.query('CHECKPOINT');
  } catch {
    // The shutdown writes it.
  } finally {
    await client.end().catch(() => {});
  }
}

/** Half of the data may be elsewhere: a new cluster would be empty. */
async function refuseUnfinishedRestore(dataDir: string): Promise<void> {
  const unfinished = join(dataDir, unfinishedRestore);
  const isThere = await stat(unfinished).then(
    () => true,
    () => false,
  );
  if (isThere)
    throw new EmbeddedPostgresFailed(
      'backup',
      `A restore into ${dataDir} did not finish (${unfinished} is there): run it again before the server is started.`,
    );
}

async function makeDataDirectory(dataDir: string): Promise<string> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o755 });
    return await realpath(dataDir);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EmbeddedPostgresFailed(
      'permission',
      `The data directory ${dataDir} cannot be made (${reason}). Set TRUNKLINE_DATA_DIR to a folder that the server may write.`,
      { cause },
    );
  }
}

/** Whom PostgreSQL runs as: null for ourselves; as root the owner of the cluster, or for a new one a system user. */
async function databaseUser(folder: string): Promise<SystemUser | null> {
  const owner = await clusterOwner(folder);
  const uid = process.getuid?.() ?? -1;
  if (uid !== 0) {
    if (owner === undefined || owner.uid === uid) return null;
    throw new EmbeddedPostgresFailed(
      'permission',
      `The PostgreSQL cluster ${folder} belongs to user ${owner.uid}, and this server runs as user ${uid}. Run it as ` +
        `that user or as root, or give it the folder: chown -R ${uid} ${folder}`,
    );
  }
  if (owner === undefined) return findOrMakeDatabaseUser();
  if (owner.uid !== 0) return { name: `user ${owner.uid}`, ...owner };
  const { name } = await findOrMakeDatabaseUser();
  throw new EmbeddedPostgresFailed(
    'permission',
    `The PostgreSQL cluster ${folder} belongs to root, and PostgreSQL does not run as root. Give it to the user ` +
      `${name}: chown -R ${name}: ${folder}`,
  );
}

/** The cluster comes without our database; a server killed between the two finds it missing at the next start. */
async function makeDatabase(connection: ConnectionTarget, postmaster: Postmaster): Promise<void> {
  const client = openClient({ ...connection, database: 'postgres' });
  try {
    await client.connect();
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [databaseName]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${databaseName}`);
  } catch (error) {
    await postmaster.stop();
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}
