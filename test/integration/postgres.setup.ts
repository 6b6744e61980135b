import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Pool } from 'pg';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@trunkline/embedded-postgres';
import { applyMigrations } from '../../apps/server/src/platform/migrations/index.ts';
import { templateDatabase, urlOfDatabase } from './database-url.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The PostgreSQL of this run. Tests use `createTestDatabase`. */
    postgresUrl: string;
  }
}

const log = { debug() {}, info() {}, warn: console.warn, error: console.error };
const migrations = new URL('../../prisma/migrations/', import.meta.url);
const functions = new URL('../../prisma/functions/', import.meta.url);

/** One PostgreSQL for the whole run, with a migrated database that test files clone. Vitest calls what it answers at the end. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-test-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await chmod(folder, 0o755);
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log });
    const teardown = async (): Promise<void> => {
      await postgres.stop();
      await remove();
    };
    try {
      await makeTemplate(postgres);
    } catch (error) {
      await postgres.stop();
      throw error;
    }
    project.provide('postgresUrl', postgres.connectionString);
    return teardown;
  } catch (error) {
    await remove();
    throw error;
  }
}

async function makeTemplate(postgres: EmbeddedPostgres): Promise<void> {
  const client = new Client({ connectionString: postgres.connectionString });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${templateDatabase}`);
    const pool = new Pool({
      connectionString: urlOfDatabase(postgres.connectionString, templateDatabase),
      max: 1,
    });
    try {
      await applyMigrations(pool, migrations, log, functions);
    } finally {
      await pool.end();
    }
    // Nobody connects to it: a database with connections cannot be cloned.
    await client.query(`ALTER DATABASE ${templateDatabase} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false`);
  } finally {
    await client.end();
  }
}
