import type { PoolClient } from 'pg';
import type { TransactionClient } from './database.ts';

/** Every advisory lock of the database, by its key. The order of all locks, and who takes them, is in docs/locking.md. */
export const advisoryKeys = {
  /** Prisma's own migration lock, so that `prisma migrate` and a server wait for each other. */
  migrations: 72_707_369,
  /** Two numbers: PostgreSQL keeps such keys apart from those of one. */
  selection: [7400, 1],
  /** Of `past_lock` in prisma/functions/recovery.sql: shared by `assert_past`, exclusive in the functions of a recovery. */
  past: 7_420_301,
  /** Of `lock_host_report` in prisma/functions/inventory.sql, followed by the id of the host, and hashed. */
  hostReport: 'trunkline.report:',
  /** Hashed. */
  firstAdminToken: 'trunkline.first-admin-token',
} as const;

/** One server at a time migrates; held by the connection until it is closed. */
export async function lockMigrations(client: PoolClient): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [advisoryKeys.migrations]);
}

/**
 * One at a time decides which networks are on which hosts: a host that joins and a network that is made would not see
 * each other otherwise. Held until the transaction ends.
 */
export async function lockSelection(db: TransactionClient): Promise<void> {
  const [space, key] = advisoryKeys.selection;
  await db.$executeRaw`SELECT pg_advisory_xact_lock(${space}::int, ${key}::int)`;
}

/** One server at a time looks whether there is an admin token, and makes it. Held until the transaction ends. */
export async function lockFirstToken(db: TransactionClient): Promise<void> {
  await db.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${advisoryKeys.firstAdminToken}, 0))`;
}
