import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { Prisma, PrismaClient } from '../../../../../prisma/generated/client.ts';
import { openPool } from './connections.ts';
import { statementName } from './statement-names.ts';

export { Prisma };
export type { PrismaClient };

/** Prisma inside a transaction. */
export type TransactionClient = Prisma.TransactionClient;

/** One pool for both: Prisma for ordinary reads and writes, `pool` where the database does the work. */
export interface Database {
  prisma: PrismaClient;
  pool: pg.Pool;
  /** How to open one more connection, for LISTEN. */
  connection: pg.ClientConfig;
  /** Breaks every connection now: requests that wait for the database are answered 503. */
  cut(): void;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  connection: pg.ClientConfig;
  /** Most connections this server opens. */
  connections?: number;
  /** A connection broke: reported, not thrown, because the pool opens a new one by itself. */
  onConnectionError?: (error: Error) => void;
}

/** Opens the pool. Connects lazily: a database that is down shows in the first query, not here. */
export function openDatabase(options: DatabaseOptions): Database {
  const connection: pg.ClientConfig = {
    ...options.connection,
    application_name: 'trunkline-server',
    // A slow machine that starts opens many at once; one that was given up too soon would be opened again and again.
    connectionTimeoutMillis: 15_000,
    // A statement that waits longer than this is answered with 503 rather than held.
    statement_timeout: 15_000,
    lock_timeout: 5_000,
    idle_in_transaction_session_timeout: 30_000,
  };
  const { pool, cut } = openPool(
    { ...connection, max: options.connections ?? 20, idleTimeoutMillis: 60_000 },
    (error) => options.onConnectionError?.(error),
  );
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool, {
      disposeExternalPool: false,
      statementNameGenerator: ({ sql }) => statementName(sql),
    }),
    transactionOptions: { maxWait: 15_000, timeout: 15_000 },
  });
  return {
    prisma,
    pool,
    connection,
    cut,
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}
