import type { TransactionClient } from './database.ts';
import { statementName } from './statement-names.ts';

/** Runs one statement: `pg` and Prisma alike. */
export type Query = <T>(sql: string, values: unknown[]) => Promise<T[]>;

interface Queryable {
  query(config: { name: string; text: string; values: unknown[] }): Promise<{ rows: unknown[] }>;
}

export const poolQuery =
  (pool: Queryable): Query =>
  async <T>(text: string, values: unknown[]) =>
    (await pool.query({ name: statementName(text), text, values })).rows as T[];

export const transactionQuery =
  (db: TransactionClient): Query =>
  (sql, values) =>
    db.$queryRawUnsafe(sql, ...values);
