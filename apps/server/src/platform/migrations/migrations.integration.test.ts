import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Pool } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '@trunkline/test/integration/database.ts';
import { readFunctions } from './apply-functions.ts';
import { applyMigrations, MigrationRefused } from './index.ts';

const log = { info() {} };
const build = new URL('../../../../../prisma/migrations/', import.meta.url);
const functions = new URL('../../../../../prisma/functions/', import.meta.url);
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

  it('bring the functions of the database to those of this build, whatever an earlier build left', async () => {
    const pool = await emptyDatabase();
    await applyMigrations(pool, build, log, functions);
    const ours = await functionTexts(pool);
    await pool.query(`
      DROP FUNCTION is_reserved(address);
      CREATE FUNCTION is_reserved(a address, b integer) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
      CREATE FUNCTION of_an_earlier_build() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$;
      CREATE FUNCTION of_somebody_else() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$;
      UPDATE _applied_functions SET checksum = 'older', names = names || 'of_an_earlier_build'::text`);
    await applyMigrations(pool, build, log, functions);
    const { 'of_somebody_else()': foreign, ...rest } = await functionTexts(pool);
    expect(foreign).toBeDefined();
    expect(rest).toEqual(ours);
  });

  it('create no function: each has one text in prisma/functions', async () => {
    const { sql } = await readFunctions(functions);
    const pool = await emptyDatabase();
    await applyMigrations(pool, build, log);
    expect(await functionTexts(pool)).toEqual({});
    const heads = [...sql.matchAll(/^CREATE FUNCTION (\w+\([^)]*\))/gm)].map(([, head]) => head);
    expect(new Set(heads).size).toBe(heads.length);
  });
});

/** The functions of a database that are of no extension: their text by signature. */
async function functionTexts(pool: Pool): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ signature: string; text: string }>(
    `SELECT p.oid::regprocedure::text AS signature, pg_get_functiondef(p.oid) AS text FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace AND p.prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('sql', 'plpgsql'))
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`,
  );
  return Object.fromEntries(rows.map(({ signature, text }) => [signature, text]));
}
