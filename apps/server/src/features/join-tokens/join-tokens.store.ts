import { hashBytes } from '../../platform/auth.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import type { JoinTokenFacts } from './join-token-state.ts';

/** A join token as it is kept: never its secret. */
export interface JoinTokenRow extends JoinTokenFacts {
  id: string;
  createdAt: Date;
}

const columns = {
  id: true,
  hostName: true,
  expiresAt: true,
  usedAt: true,
  usedBy: true,
  revokedAt: true,
  createdAt: true,
} as const;

export function insertJoinToken(
  db: TransactionClient,
  token: { hostName: string | null; expiresAt: Date; createdAt: Date; hash: string },
): Promise<JoinTokenRow> {
  const { hash, ...rest } = token;
  return db.joinToken.create({ data: { ...rest, secretHash: hashBytes(hash) }, select: columns });
}

/** Up to `take` join tokens, newest first (ids are in the order of time), before one. */
export function listJoinTokens(
  db: TransactionClient,
  before: string | undefined,
  take: number,
): Promise<JoinTokenRow[]> {
  return db.joinToken.findMany({
    where: before === undefined ? {} : { id: { lt: before } },
    orderBy: { id: 'desc' },
    take,
    select: columns,
  });
}

export function findJoinToken(db: TransactionClient, id: string): Promise<JoinTokenRow | null> {
  return db.joinToken.findUnique({ where: { id }, select: columns });
}

/** Whether there is a token with this secret, in whatever state. */
export async function isJoinToken(db: TransactionClient, hash: string): Promise<boolean> {
  return (await db.joinToken.count({ where: { secretHash: hashBytes(hash) } })) > 0;
}

/** The token, held until the transaction ends: two joins with one token are answered one after the other. */
export async function lockJoinToken(
  db: TransactionClient,
  by: { id: string } | { hash: string },
): Promise<JoinTokenRow | null> {
  const [row] =
    'id' in by
      ? await db.$queryRaw<{ id: string }[]>`SELECT id FROM join_token WHERE id = ${by.id}::uuid FOR UPDATE`
      : await db.$queryRaw<{ id: string }[]>`
          SELECT id FROM join_token WHERE secret_hash = ${hashBytes(by.hash)} FOR UPDATE`;
  return row === undefined ? null : db.joinToken.findUnique({ where: { id: row.id }, select: columns });
}

export async function markUsed(db: TransactionClient, id: string, by: string, at: Date): Promise<void> {
  await db.joinToken.update({ where: { id }, data: { usedAt: at, usedBy: by } });
}

export async function markRevoked(db: TransactionClient, id: string, at: Date): Promise<void> {
  await db.joinToken.update({ where: { id }, data: { revokedAt: at } });
}

/** Tokens of no more use to anybody. */
export async function deleteJoinTokensBefore(db: TransactionClient, expired: Date): Promise<void> {
  await db.joinToken.deleteMany({ where: { expiresAt: { lt: expired } } });
}
