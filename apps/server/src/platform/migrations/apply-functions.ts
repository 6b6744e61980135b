import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { PoolClient } from 'pg';
import { MigrationRefused } from './errors.ts';

/** The SQL functions of a build: all files of a folder, in the order of their names. */
export interface FunctionTexts {
  readonly sql: string;
  /** SHA-256 over all files, in hex. */
  readonly checksum: string;
  /** Names of the functions that the files create. */
  readonly names: readonly string[];
}

/** What was applied last: one row. */
const functionsTable = `
  CREATE TABLE IF NOT EXISTS _applied_functions (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    checksum   varchar(64) NOT NULL,
    names      text[] NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`;

/** Reads the files `<folder>/*.sql`. */
export async function readFunctions(folder: URL): Promise<FunctionTexts> {
  const base = folder.href.endsWith('/') ? folder : new URL(`${folder.href}/`);
  const files = (await readdir(base)).filter((name) => name.endsWith('.sql')).sort();
  const texts = await Promise.all(
    files.map((name) => readFile(new URL(encodeURIComponent(name), base), 'utf8')),
  );
  const sql = texts.join('\n');
  const names = [...sql.matchAll(/^CREATE FUNCTION (\w+)/gm)].flatMap(([, name]) => name ?? []);
  return { sql, checksum: createHash('sha256').update(sql).digest('hex'), names: [...new Set(names)].sort() };
}

/**
 * Brings the functions of a database to those of this build, in one transaction, when they are others: those that were
 * there before (of an earlier build, or made by a migration) are dropped by name, whatever their arguments. The connection
 * holds the lock of migrations. Answers whether anything was done. Fails with {@link MigrationRefused}.
 */
export async function applyFunctions(client: PoolClient, functions: FunctionTexts): Promise<boolean> {
  await client.query(functionsTable);
  const { rows } = await client.query<{ checksum: string; names: string[] }>(
    'SELECT checksum, names FROM _applied_functions',
  );
  const [applied] = rows;
  if (applied?.checksum === functions.checksum) return false;
  try {
    await client.query('BEGIN');
    await dropFunctions(client, [...functions.names, ...(applied?.names ?? [])]);
    await client.query(functions.sql);
    await client.query(
      `INSERT INTO _applied_functions (checksum, names) VALUES ($1, $2)
       ON CONFLICT (one) DO UPDATE SET checksum = EXCLUDED.checksum, names = EXCLUDED.names, applied_at = now()`,
      [functions.checksum, functions.names],
    );
    await client.query('COMMIT');
    return true;
  } catch (cause) {
    // The connection is closed next, which rolls back whatever is open.
    throw new MigrationRefused('failed', ['prisma/functions'], cause);
  }
}

async function dropFunctions(client: PoolClient, names: readonly string[]): Promise<void> {
  // Those of an extension are not ours, whatever their names (pg_depend, deptype `e`).
  const { rows } = await client.query<{ signature: string }>(
    `SELECT p.oid::regprocedure::text AS signature FROM pg_proc p
     WHERE p.pronamespace = current_schema()::regnamespace AND p.proname = ANY ($1)
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`,
    [names],
  );
  for (const { signature } of rows) await client.query(`DROP FUNCTION ${signature}`);
}
