import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Pool } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../../../../../test/integration/database.ts';
import { applyMigrations, MigrationRefused } from './index.ts';

const log = { info() {} };
const build = new URL('../../../../../prisma/migrations/', import.meta.url);
const init = { '1_init': 'CREATE TABLE one (id integer); INSERT INTO one VALUES (1);' };

async function emptyDatabase(): Promise<Pool> {
  const { connectionString, drop } = await createTestDatabase({ migrated: false });
  const pool = new Pool({ connectionString });
  pool.on('error', () => {});
  onTestFinished(async () => {
    await pool.end();
    await drop();
  });
  return pool;
}

async function folderWith(migrations: Record<string, string>): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-migrations-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'migration_lock.toml'), 'provider = "postgresql"\n');
  for (const [name, sql] of Object.entries(migrations)) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'migration.sql'), sql);
  }
  return pathToFileURL(folder);
}

async function tables(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ tablename: string }>(
    `SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_prisma_migrations' ORDER BY 1`,
  );
  return rows.map(({ tablename }) => tablename);
}

describe('migrations', () => {
  it('of this build apply to an empty database, once', async () => {
    const pool = await emptyDatabase();
    const applied = await applyMigrations(pool, build, log);
    expect(applied.length).toBeGreaterThan(0);
    expect(await applyMigrations(pool, build, log)).toEqual([]);
    const { rows } = await pool.query(
      `SELECT migration_name, checksum ~ '^[0-9a-f]{64}$' AS sum, finished_at >= started_at AS finished, applied_steps_count AS steps
         FROM _prisma_migrations ORDER BY migration_name`,
    );
    expect(rows).toEqual(
      applied.map((name) => ({ migration_name: name, sum: true, finished: true, steps: 1 })),
    );
  });

  it('are applied once by servers that start at the same time', async () => {
    const pool = await emptyDatabase();
    const folder = await folderWith({ ...init, '2_more': 'CREATE TABLE two (id integer)' });
    const applied = await Promise.all(Array.from({ length: 4 }, () => applyMigrations(pool, folder, log)));
    expect(applied.flat()).toEqual(['1_init', '2_more']);
    expect(await tables(pool)).toEqual(['one', 'two']);
  });

  it('that fail leave nothing of themselves, and those before stay', async () => {
    const pool = await emptyDatabase();
    const broken = await folderWith({ ...init, '2_more': 'CREATE TABLE two (id integer); SELECT 1 / 0;' });
    await expect(applyMigrations(pool, broken, log)).rejects.toMatchObject({
      kind: 'failed',
      migrations: ['2_more'],
      message: expect.stringContaining('division by zero'),
    });
    expect(await tables(pool)).toEqual(['one']);
    const mended = await folderWith({ ...init, '2_more': 'CREATE TABLE two (id integer)' });
    expect(await applyMigrations(pool, mended, log)).toEqual(['2_more']);
  });

  it('refuse a database of a newer server, and an applied migration that was edited', async () => {
    const pool = await emptyDatabase();
    await applyMigrations(pool, await folderWith({ ...init, '2_more': 'SELECT 1' }), log);
    const older = applyMigrations(pool, await folderWith(init), log);
    await expect(older).rejects.toBeInstanceOf(MigrationRefused);
    await expect(older).rejects.toMatchObject({ kind: 'newer', migrations: ['2_more'] });
    const edited = await folderWith({ ...init, '2_more': 'SELECT 2' });
    await expect(applyMigrations(pool, edited, log)).rejects.toMatchObject({
      kind: 'changed',
      migrations: ['2_more'],
    });
  });
});
