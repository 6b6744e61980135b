import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiClient, type ApiClient } from '@trunkline/client';
import { startEmbeddedPostgres } from '@trunkline/embedded-postgres';
import { startProgram, type Running } from './processes.ts';

const silent = { debug() {}, info() {}, warn: console.warn, error: console.error };

/** A real server on a database of its own, and the bare limit beside it. */
export interface Subjects {
  /** Of the database, whose fsync is on. */
  connectionString: string;
  server: Running;
  /** Fastify that does nothing. */
  empty: Running;
  /** The admin's. */
  token: string;
  api: ApiClient;
}

/** Starts them, each a process, does `work`, and takes them away however it ended; `later` is done before that. */
export async function besideEmpty<T>(
  work: (subjects: Subjects, later: (step: () => Promise<unknown>) => void) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-bench-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    // PostgreSQL runs as a user of its own where this runs as root.
    await chmod(folder, 0o755);
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log: silent });
    undo.push(() => postgres.stop());
    const token = randomBytes(32).toString('base64url');
    const server = await startProgram('../../apps/server/src/main.ts', {
      DATABASE_URL: postgres.connectionString,
      TRUNKLINE_DATA_DIR: join(folder, 'server'),
      TRUNKLINE_ADMIN_TOKEN: token,
      TRUNKLINE_LISTEN: '127.0.0.1:0',
      TRUNKLINE_LOG_LEVEL: 'info',
    });
    undo.push(() => server.stop());
    const empty = await startProgram('./empty-fastify.ts');
    undo.push(() => empty.stop());
    const api = createApiClient({ baseUrl: server.url, token });
    undo.push(() => api.close());
    const { connectionString } = postgres;
    return await work({ connectionString, server, empty, token, api }, (step) => undo.push(step));
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}
