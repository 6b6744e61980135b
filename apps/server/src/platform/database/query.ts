import type { TransactionClient } from './database.ts';

/** Runs one statement: `pg` and Prisma alike. With a name, `pg` has the server plan it once for each connection. */
export type Query = <T>(sql: string, values: unknown[], name?: string) => Promise<T[]>;

interface Queryable {
  query(config: { text: string; values: unknown[]; name?: string }): Promise<{ rows: unknown[] }>;
}

export const poolQuery =
  (pool: Queryable): Query =>
  async <T>(text: string, values: unknown[], name?: string) =>
    (await pool.query({ text, values, ...(name === undefined ? {} : { name }) })).rows as T[];

export const transactionQuery =
  (db: TransactionClient): Query =>
  (sql, values) =>
    db.$queryRawUnsafe(sql, ...values);
