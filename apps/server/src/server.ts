import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import { ConfigError, type ServerConfig } from './config.ts';
import { createPastMark } from './features/recovery/past-mark.ts';
import { createChanges } from './platform/changes.ts';
import { openChangeFeed } from './platform/database/change-feed.ts';
import { apiErrorFromDatabase } from './platform/database/database-errors.ts';
import { openDatabase, type Database } from './platform/database/database.ts';
import { startEmbeddedPostgres } from './platform/embedded-postgres/index.ts';
import { createMetrics } from './platform/metrics.ts';
import { applyMigrations } from './platform/migrations/index.ts';
import type { Platform } from './platform/platform.ts';

/** A server that listens. */
export interface RunningServer {
  /** Where it listens, such as http://127.0.0.1:7400. */
  url: string;
  /** The first admin token, when it was made by this start. */
  madeAdminToken: string | undefined;
  /** Ends polls and streams, answers what is under way, closes the database. */
  stop(): Promise<void>;
}

/** What is to be undone at the end, last thing first. */
type Undo = (() => Promise<void>)[];

const migrations = new URL('../../../prisma/migrations/', import.meta.url);
const functions = new URL('../../../prisma/functions/', import.meta.url);
const databaseWaitMs = 60_000;

/** Starts all of it: the database, the migrations, the routes. Leaves nothing running when it throws. */
export async function startServer(
  config: ServerConfig,
  log: Logger,
  version: string,
): Promise<RunningServer> {
  const undo: Undo = [];
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
  };
  try {
    await makeDataDir(config.dataDir);
    const connection = await findDatabase(config, log, undo);
    const database = openDatabase({
      connection,
      onIdleError: (error) => log.warn({ err: error }, 'idle database connection lost'),
    });
    undo.push(() => database.close());
    await untilReachable(database, log);
    await applyMigrations(database.pool, migrations, log, functions);
    // Prisma compiles its query compiler at the first query. On a slow machine that takes longer than a transaction may.
    await database.prisma.apiToken.findFirst();

    const feed = openChangeFeed({ connection: database.connection, log });
    undo.push(() => feed.close());
    const stopping = new AbortController();
    const platform: Platform = {
      database,
      feed,
      log,
      changes: createChanges(database),
      metrics: createMetrics(),
      now: () => new Date(),
      stopping: stopping.signal,
    };
    const pastMark = config.databaseUrl === undefined ? createPastMark(config.dataDir) : undefined;
    const features = await buildApp(platform, { version, tls: await readTls(config), pastMark });
    undo.push(async () => features.app.close());
    await features.checkPast();
    const madeAdminToken = await features.ensureAdminToken(config.adminToken);
    if (madeAdminToken !== undefined) await writeAdminToken(config.dataDir, madeAdminToken, log);

    const url = await features.app.listen({
      host: config.listen.host,
      port: config.listen.port,
      backlog: 4096,
    });
    undo.push(features.startSweeps(), async () => stopping.abort());
    return { url, madeAdminToken, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new ConfigError(
      `cannot make the data directory ${dataDir}: ${error instanceof Error ? error.message : String(error)}; choose another with TRUNKLINE_DATA_DIR`,
    );
  }
}

async function findDatabase(config: ServerConfig, log: Logger, undo: Undo): Promise<pg.ClientConfig> {
  if (config.databaseUrl !== undefined) return { connectionString: config.databaseUrl };
  const postgres = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    log: log.child({ part: 'postgres' }),
  });
  undo.push(() => postgres.stop());
  return { ...postgres.connection };
}

/** A database that starts at the same time (compose, a reboot) may take a while; one that never comes is told. */
async function untilReachable(database: Database, log: Logger): Promise<void> {
  const deadline = Date.now() + databaseWaitMs;
  for (let pause = 200; ; pause = Math.min(pause * 2, 5_000)) {
    try {
      await database.pool.query('SELECT 1');
      return;
    } catch (error) {
      if (apiErrorFromDatabase(error)?.code !== 'database_unavailable' || Date.now() > deadline) {
        throw new Error(
          `the database cannot be used: ${error instanceof Error ? error.message : String(error)}; check DATABASE_URL`,
          { cause: error },
        );
      }
      log.warn({ err: error, retryMs: pause }, 'database not reachable yet');
      await new Promise((resolve) => {
        setTimeout(resolve, pause);
      });
    }
  }
}

async function readTls({ tls }: ServerConfig): Promise<{ key: Buffer; cert: Buffer } | undefined> {
  if (tls === undefined) return undefined;
  return {
    key: await readPem('TRUNKLINE_TLS_KEY', tls.keyFile),
    cert: await readPem('TRUNKLINE_TLS_CERT', tls.certFile),
  };
}

async function readPem(variable: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new ConfigError(
      `${variable}: cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Readable by its owner only, and never in the log. */
async function writeAdminToken(dataDir: string, token: string, log: Logger): Promise<void> {
  const file = join(dataDir, 'admin-token');
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(`${token}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  log.info({ file }, 'wrote the first admin token');
}
