import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import { messageOf } from '@trunkline/log';
import type pg from 'pg';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import { checkSettings, listenFault } from './check-settings.ts';
import { ConfigError, type ServerConfig } from './config.ts';
import { createPastMark } from './features/recovery/past-mark.ts';
import { createChanges } from './platform/changes.ts';
import { openChangeFeed } from './platform/database/change-feed.ts';
import { apiErrorFromDatabase, databaseFault } from './platform/database/database-errors.ts';
import { openDatabase, type Database } from './platform/database/database.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@trunkline/embedded-postgres';
import { createMetrics } from './platform/metrics.ts';
import { applyMigrations } from './platform/migrations/index.ts';
import type { Platform } from './platform/platform.ts';
import { runStages, type Stage } from './platform/stages.ts';
import { isLoopback } from './tls/choose-transport.ts';
import { ownAuthorityFile } from './tls/server-tls.ts';

/** A server that listens. */
export interface RunningServer {
  /** Where it listens, such as http://127.0.0.1:7400. */
  url: string;
  /** The first admin token, when it was made by this start. */
  madeAdminToken: string | undefined;
  /**
   * Answers waits with what is, ends streams and polls, lets requests finish within bounds, closes the database, and
   * stops its own PostgreSQL. Never fails. After `hurry` only PostgreSQL is still waited for.
   */
  stop(hurry?: AbortSignal): Promise<void>;
}

/** What a server is started with. */
export interface ServerStart {
  config: ServerConfig;
  log: Logger;
  version: string;
  /** Gives up the start; what was started is stopped. */
  signal?: AbortSignal;
}

const migrations = new URL('../../../prisma/migrations/', import.meta.url);
const functions = new URL('../../../prisma/functions/', import.meta.url);
const databaseWaitMs = 60_000;

/**
 * Requests that came in whole have this long to be answered at the end; then what they wait for in the database is cut,
 * and they are answered 503 within the second bound.
 */
const drainBounds = { graceMs: 1_200, lateMs: 300 };
/** What a stage of the end may take, in milliseconds; of PostgreSQL: `stopBounds` and some for the kill. */
const stageMs = 500;
/** Of a PostgreSQL that an earlier server left, and of one whose server could not start: nobody waits for these. */
const postgresStopBounds = { fastMs: 6_000, immediateMs: 2_000 };
/**
 * From the signal on, PostgreSQL has this long for a shutdown that writes everything down, and `minFastMs` whatever the
 * stages before took, in milliseconds. On a slow disk it takes longer than the whole end may: then it is shut down at once,
 * loses nothing either, and recovers from its log when it is started again (docs/decisions/0025).
 */
const fastUntilMs = 2_500;
const minFastMs = 500;
const postgresStageMs = 10_000;

/** Starts all of it: the database, the migrations, the routes. Leaves nothing running when it throws. */
export async function startServer({ config, log, version, signal }: ServerStart): Promise<RunningServer> {
  /** Last thing first. */
  const stages: Stage[] = [];
  let stopped: Promise<void> | undefined;
  let stoppingSince = Number.NaN;
  const stop = (hurry?: AbortSignal): Promise<void> => {
    if (stopped !== undefined) return stopped;
    stoppingSince = performance.now();
    stopped = runStages(stages.toReversed(), log, hurry);
    return stopped;
  };
  const fastMs = (): number => Math.max(minFastMs, fastUntilMs - (performance.now() - stoppingSince));
  try {
    const tls = await checkSettings(config);
    logTransport(config, log);
    const { connection, postgres } = await findDatabase(config, log, signal);
    if (postgres !== undefined)
      stages.push({
        name: 'PostgreSQL',
        boundMs: postgresStageMs,
        essential: true,
        run: () => postgres.stop(fastMs()),
      });
    const database = openDatabase({
      connection,
      onConnectionError: (error) => log.warn({ err: error }, 'database connection lost'),
    });
    stages.push({ name: 'database', boundMs: stageMs, run: () => database.close() });
    await untilReachable(database, log, signal);
    signal?.throwIfAborted();
    await applyMigrations(database.pool, migrations, log, functions);
    // Prisma compiles its query compiler at the first query. On a slow machine that takes longer than a transaction may.
    await database.prisma.apiToken.findFirst();
    signal?.throwIfAborted();

    const stopping = new AbortController();
    const feed = openChangeFeed({ connection: database.connection, stopping: stopping.signal, log });
    stages.push({ name: 'change feed', boundMs: stageMs, run: () => feed.close() });
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
    const features = await buildApp(platform, {
      version,
      tls: tls?.material,
      reachedAt: {
        publicUrl: config.publicUrl,
        // A proxy shows hosts a certificate of its own.
        authority: () => (config.trustProxy.length > 0 ? null : (tls?.authority() ?? null)),
      },
      onlyProxies: config.transport.kind === 'proxied',
      trustProxy: config.trustProxy,
      unusedLeases: config.unusedLeases,
      thresholds: config.thresholds,
      auditDays: config.auditDays,
      webhookAllow: config.webhookAllow,
      pastMark,
    });
    let stopSweeps: (() => Promise<void>) | undefined;
    stages.push({
      name: 'requests and sweeps',
      boundMs: drainBounds.graceMs + drainBounds.lateMs + stageMs,
      run: async () => {
        const [closed, swept] = [features.app.close(), stopSweeps?.()];
        await features.app.connections.drain({ ...drainBounds, onLate: () => database.cut() });
        await Promise.all([closed, swept]);
      },
    });
    stages.push({
      name: 'waits, polls and streams',
      boundMs: stageMs,
      run: async () => {
        stopping.abort();
        // Meanwhile: it is most of what a shutdown waits for.
        void postgres?.writeDown();
      },
    });
    await features.checkPast();
    const madeAdminToken = await features.ensureAdminToken(config.adminToken, (secret) =>
      writeAdminToken(config.dataDir, secret),
    );
    if (madeAdminToken !== undefined)
      log.info({ file: adminTokenFile(config.dataDir) }, 'wrote the first admin token');

    const url = await features.app
      .listen({ host: config.listen.host, port: config.listen.port, backlog: 4096 })
      .catch((error: unknown) => {
        throw listenFault(error, config.listen);
      });
    stopSweeps = features.startSweeps();
    const { server } = features.app;
    if (tls !== undefined && server instanceof TlsServer) {
      const stopKeeping = tls.keep(server, log);
      stages.push({ name: 'certificate', boundMs: stageMs, run: async () => stopKeeping() });
    }
    return { url, madeAdminToken, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function logTransport({ transport, listen, dataDir }: ServerConfig, log: Logger): void {
  if (transport.kind === 'own')
    log.info({ authority: ownAuthorityFile(dataDir) }, 'TLS with a certificate of its own authority');
  if (transport.kind === 'plain' && !isLoopback(listen.host))
    log.warn(
      { listen: listen.host },
      'plain HTTP on an address that others reach, as TRUNKLINE_TLS=off asks for: tokens can be read on their way',
    );
}

async function findDatabase(
  config: ServerConfig,
  log: Logger,
  signal: AbortSignal | undefined,
): Promise<{ connection: pg.ClientConfig; postgres?: EmbeddedPostgres }> {
  if (config.databaseUrl !== undefined) return { connection: { connectionString: config.databaseUrl } };
  const postgres = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    log: log.child({ part: 'postgres' }),
    stopBounds: postgresStopBounds,
    ...(signal === undefined ? {} : { signal }),
  });
  return { connection: { ...postgres.connection }, postgres };
}

/** A database that starts at the same time (compose, a reboot) may take a while; one that never comes is reported. */
async function untilReachable(
  database: Database,
  log: Logger,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = Date.now() + databaseWaitMs;
  for (let pause = 200; ; pause = Math.min(pause * 2, 5_000)) {
    try {
      await database.pool.query('SELECT 1');
      return;
    } catch (error) {
      if (!mayComeUp(error) || Date.now() > deadline) {
        throw new ConfigError(`the database cannot be used: ${messageOf(error)}; check DATABASE_URL`, {
          cause: error,
        });
      }
      log.warn({ reason: messageOf(error), retryMs: pause }, 'database not reachable yet');
      await delay(pause, undefined, { signal });
    }
  }
}

/** A wrong password or name does not mend itself. */
function mayComeUp(error: unknown): boolean {
  const code = databaseFault(error)?.code ?? '';
  return apiErrorFromDatabase(error)?.code === 'database_unavailable' && !/^(?:28|3D)/.test(code);
}

const adminTokenFile = (dataDir: string): string => join(dataDir, 'admin-token');

/** Readable by its owner only, never in the log, and on the disk when this returns. */
async function writeAdminToken(dataDir: string, token: string): Promise<void> {
  const file = adminTokenFile(dataDir);
  try {
    await writeDurably(file, `${token}\n`);
    await syncFolder(dataDir);
  } catch (error) {
    throw new ConfigError(
      `cannot write the first admin token to ${file}: ${messageOf(error)}; make the folder writable, choose another with TRUNKLINE_DATA_DIR, or set TRUNKLINE_ADMIN_TOKEN`,
    );
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
