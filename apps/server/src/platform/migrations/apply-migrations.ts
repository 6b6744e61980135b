import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Pool, PoolClient } from 'pg';
import { lockMigrations } from '../database/locks.ts';
import { applyFunctions, readFunctions } from './apply-functions.ts';
import { MigrationRefused } from './errors.ts';
import { isOldChain, oldChain } from './old-chain.ts';
import { pendingMigrations, type Migration, type RecordedMigration } from './plan.ts';

/** Prisma's own table (schema-engine, `imperative_migrations_table`), so that its tools read what we did. */
const migrationsTable = `
  CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                  varchar(36) PRIMARY KEY,
    checksum            varchar(64) NOT NULL,
    finished_at         timestamptz,
    migration_name      varchar(255) NOT NULL,
    logs                text,
    rolled_back_at      timestamptz,
    started_at          timestamptz NOT NULL DEFAULT now(),
    applied_steps_count integer NOT NULL DEFAULT 0
  )`;

/**
 * Brings the database to this build: applies the files `<folder>/<name>/migration.sql` that it does not have yet, each in
 * one transaction with its row, so it is there or not at all. A file holds no BEGIN or COMMIT of its own. Then the SQL
 * functions of `functions` replace those of the database, where they differ. Servers that start at the same time wait for
 * each other. Answers the names of the migrations applied now.
 *
 * Fails with {@link MigrationRefused}.
 */
export async function applyMigrations(
  pool: Pool,
  folder: URL,
  log: { info(fields: object, message: string): void },
  functions: URL | null = null,
): Promise<string[]> {
  const known = await readMigrations(folder);
  const texts = functions === null ? null : await readFunctions(functions);
  const client = await pool.connect();
  try {
    // Another server may take longer over its migrations than a query of the pool may.
    await client.query('SET statement_timeout = 0; SET lock_timeout = 0');
    await lockMigrations(client);
    await client.query(migrationsTable);
    if (await takeOver(client, known)) {
      log.info({ migration: oldChain.init }, 'database of a development build taken over');
    }
    const pending = pendingMigrations(known, await recordedMigrations(client));
    for (const migration of pending) {
      const started = performance.now();
      await apply(client, migration);
      log.info(
        { migration: migration.name, ms: Math.round(performance.now() - started) },
        'migration applied',
      );
    }
    if (texts !== null && (await applyFunctions(client, texts))) {
      log.info({ functions: texts.names.length }, 'SQL functions applied');
    }
    return pending.map(({ name }) => name);
  } finally {
    // Closes the connection, and with it the lock and its settings, however this ended.
    client.release(true);
  }
}

async function readMigrations(folder: URL): Promise<Migration[]> {
  const base = folder.href.endsWith('/') ? folder : new URL(`${folder.href}/`);
  const entries = await readdir(base, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(
    names.sort().map(async (name) => {
      const file = await readFile(new URL(`${encodeURIComponent(name)}/migration.sql`, base));
      return { name, sql: file.toString('utf8'), checksum: createHash('sha256').update(file).digest('hex') };
    }),
  );
}

async function recordedMigrations(client: PoolClient): Promise<RecordedMigration[]> {
  const { rows } = await client.query<RecordedMigration>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
       FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  );
  return rows;
}

/** Writes `init` in place of the old chain, where a database has exactly that. Its tables and data stay as they are. */
async function takeOver(client: PoolClient, known: readonly Migration[]): Promise<boolean> {
  const init = known.find(({ name }) => name === oldChain.init);
  if (init === undefined || !isOldChain(await recordedMigrations(client))) return false;
  await client.query('BEGIN');
  await client.query('DELETE FROM _prisma_migrations');
  await record(client, init);
  await client.query('COMMIT');
  return true;
}

async function record(client: PoolClient, { name, checksum }: Migration): Promise<void> {
  await client.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
     VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
    [randomUUID(), checksum, name],
  );
}

async function apply(client: PoolClient, migration: Migration): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(migration.sql);
    await record(client, migration);
    await client.query('COMMIT');
  } catch (cause) {
    // The connection is closed next, which rolls back whatever is open.
    throw new MigrationRefused('failed', [migration.name], cause);
  }
}
