import type { Role, TokenCreate } from '@trunkline/contracts';
import { hashBytes } from '../../platform/auth.ts';
import type { TransactionClient } from '../../platform/database/database.ts';

/** A token as it is kept: never its secret. */
export interface TokenRow {
  id: string;
  name: string;
  role: string;
  expiresAt: Date | null;
  previousUntil: Date | null;
  lastUsedAt: Date | null;
  createdAt: Date;
}

const columns = {
  id: true,
  name: true,
  role: true,
  expiresAt: true,
  previousUntil: true,
  lastUsedAt: true,
  createdAt: true,
} as const;

/** The token behind a secret: its own, or the one before a rotation, with which it ends when that does. */
export async function findTokenByHash(db: TransactionClient, hash: string): Promise<TokenRow | null> {
  const bytes = hashBytes(hash);
  const own = await db.apiToken.findUnique({ where: { secretHash: bytes }, select: columns });
  if (own !== null) return own;
  const before = await db.apiToken.findUnique({ where: { previousHash: bytes }, select: columns });
  if (before === null) return null;
  const ends = [before.expiresAt, before.previousUntil].filter((at) => at !== null).map((at) => at.getTime());
  return { ...before, expiresAt: new Date(Math.min(...ends)) };
}

/** Gives a token a new secret. The one of now is good until a time; one from a rotation before is no longer. */
export function rotateToken(
  db: TransactionClient,
  id: string,
  { hash, previousUntil }: { hash: string; previousUntil: Date },
): Promise<unknown> {
  return db.$executeRaw`
    UPDATE api_token SET previous_hash = secret_hash, previous_until = ${previousUntil}, secret_hash = ${hashBytes(hash)}
    WHERE id = ${id}::uuid`;
}

/** The row of a token, held until the transaction ends. */
export async function lockToken(db: TransactionClient, id: string): Promise<TokenRow | null> {
  await db.$queryRaw`SELECT 1 FROM api_token WHERE id = ${id}::uuid FOR UPDATE`;
  return findTokenById(db, id);
}

export function findTokenById(db: TransactionClient, id: string): Promise<TokenRow | null> {
  return db.apiToken.findUnique({ where: { id }, select: columns });
}

/** Up to `take` tokens in the order of their names, after one. */
export function listTokens(
  db: TransactionClient,
  after: string | undefined,
  take: number,
): Promise<TokenRow[]> {
  return db.apiToken.findMany({
    where: after === undefined ? {} : { name: { gt: after } },
    orderBy: { name: 'asc' },
    take,
    select: columns,
  });
}

export function insertToken(
  db: TransactionClient,
  token: { name: string; role: Role; expiresAt: Date | null; createdAt: Date; hash: string },
): Promise<TokenRow> {
  const { hash, ...rest } = token;
  return db.apiToken.create({ data: { ...rest, secretHash: hashBytes(hash) }, select: columns });
}

/** All admin tokens, held as they are until the transaction ends. */
export function lockAdminTokens(db: TransactionClient): Promise<{ id: string; expiresAt: Date | null }[]> {
  return db.$queryRaw`SELECT id, expires_at AS "expiresAt" FROM api_token WHERE role = 'admin' ORDER BY id FOR UPDATE`;
}

export async function deleteToken(db: TransactionClient, id: string): Promise<void> {
  await db.apiToken.delete({ where: { id } });
}

/** Makes the token of this name an admin token with this secret that does not expire; false when it is that already. */
export async function putAdminToken(
  db: TransactionClient,
  token: { id: string; name: TokenCreate['name']; hash: string },
): Promise<boolean> {
  const changed = await db.$executeRaw`
    INSERT INTO api_token AS t (id, name, role, secret_hash) VALUES (${token.id}::uuid, ${token.name}, 'admin', ${hashBytes(token.hash)})
    ON CONFLICT (name) DO UPDATE SET role = 'admin', secret_hash = EXCLUDED.secret_hash, expires_at = NULL,
      previous_hash = NULL, previous_until = NULL
    WHERE t.role <> 'admin' OR t.secret_hash <> EXCLUDED.secret_hash OR t.expires_at IS NOT NULL`;
  return changed > 0;
}

/** Deletes tokens that expired before then, with what is kept for their callers. */
export async function deleteTokensExpiredBefore(db: TransactionClient, before: Date): Promise<void> {
  await db.apiToken.deleteMany({ where: { expiresAt: { lt: before } } });
}

/** Notes that a token was used; never moves back. */
export async function noteUse(db: TransactionClient, id: string, at: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE api_token SET last_used_at = ${at} WHERE id = ${id}::uuid AND (last_used_at IS NULL OR last_used_at < ${at})`;
}
