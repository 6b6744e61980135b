import { createHash } from 'node:crypto';
import { Prisma, type TransactionClient } from './database/database.ts';
import { ApiError } from './errors.ts';
import type { Platform } from './platform.ts';
import { deleteInSteps, startSweep } from './sweep.ts';

/** What a route answers, kept so that a repeated request can be answered the same way. */
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** The body carries a secret: it is not kept, and a repeated request is answered so. */
  secret?: boolean;
}

/** An Idempotency-Key, as draft-ietf-httpapi-idempotency-key-header has it: per caller, bound to one request. */
export interface IdempotencyRequest {
  tokenId: string;
  key: string;
  /** SHA-256 over method, URL without `wait`, and body. */
  fingerprint: Uint8Array<ArrayBuffer>;
}

const keyPattern = /^[\x21-\x7e]{1,255}$/;

/** Reads the header; undefined when there is none. */
export function idempotencyRequest(
  tokenId: string,
  header: string | string[] | undefined,
  request: { method: string; url: string; body: unknown },
): IdempotencyRequest | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !keyPattern.test(header)) {
    throw new ApiError(
      'idempotency_key_invalid',
      'Idempotency-Key must be 1 to 255 printable ASCII characters, such as a UUID',
    );
  }
  const hash = createHash('sha256')
    .update(JSON.stringify([request.method, withoutWait(request.url), request.body ?? null]))
    .digest();
  return { tokenId, key: header, fingerprint: new Uint8Array(hash) };
}

/** How long the answer is waited for does not make a request another. */
function withoutWait(url: string): string {
  const at = url.indexOf('?');
  if (at < 0) return url;
  const parameters = new URLSearchParams(url.slice(at));
  parameters.delete('wait');
  return parameters.size === 0 ? url.slice(0, at) : `${url.slice(0, at)}?${parameters.toString()}`;
}

/**
 * Takes the key inside the transaction of the change; false when it was used before. A request with the same key that
 * is still under way holds the row, so this one waits for its outcome.
 */
export async function openKey(db: TransactionClient, request: IdempotencyRequest): Promise<boolean> {
  const inserted = await db.$executeRaw`
    INSERT INTO idempotency_key (token_id, key, fingerprint) VALUES (${request.tokenId}::uuid, ${request.key}, ${request.fingerprint})
    ON CONFLICT DO NOTHING`;
  return inserted === 1;
}

/** Keeps the reply, in the same transaction. */
export async function keepReply(
  db: TransactionClient,
  request: IdempotencyRequest,
  reply: Reply,
): Promise<void> {
  await db.idempotencyKey.update({
    where: { tokenId_key: { tokenId: request.tokenId, key: request.key } },
    data: {
      status: reply.status,
      headers: reply.headers ?? {},
      body:
        reply.secret === true || reply.body === undefined
          ? Prisma.DbNull
          : (reply.body as Prisma.InputJsonValue),
    },
  });
}

/** The reply that a used key got. */
export async function findReply(db: TransactionClient, request: IdempotencyRequest): Promise<Reply> {
  const kept = await db.idempotencyKey.findUnique({
    where: { tokenId_key: { tokenId: request.tokenId, key: request.key } },
  });
  if (kept === null || kept.status === null) {
    throw new ApiError('conflict', 'the request with this Idempotency-Key was rolled back: send it again', {
      retryAfterSeconds: 1,
    });
  }
  if (!Buffer.from(kept.fingerprint).equals(Buffer.from(request.fingerprint))) {
    throw new ApiError(
      'idempotency_key_reused',
      'this Idempotency-Key was used for a request with another method, path, query or body: use a new key',
    );
  }
  const headers = kept.headers as Record<string, string>;
  if (kept.body === null && kept.status !== 204) {
    throw new ApiError(
      'secret_already_shown',
      'the request was carried out before and its secret is not kept: revoke what it created and repeat it with a new key',
      {
        data: { location: headers['location'] ?? null },
      },
    );
  }
  return { status: kept.status, headers, body: kept.body };
}

/**
 * How long a key and its reply are kept, in milliseconds: a request is tried again within minutes, and a reply may hold
 * what the request held, such as the environment of a container.
 */
const keepMs = 86_400_000;
const sweepMs = 60_000;

/** Deletes keys with their replies once nobody tries their request again. Answers how to stop. */
export function startIdempotencySweep({
  database,
  log,
  now,
}: Pick<Platform, 'database' | 'log' | 'now'>): () => Promise<void> {
  return startSweep('idempotency keys', sweepMs, log, () =>
    deleteInSteps((most) =>
      deleteOldKeys(database.prisma, { before: new Date(now().getTime() - keepMs), most }),
    ),
  );
}

/** Deletes up to `most` keys that are older than `before`; answers how many. */
export function deleteOldKeys(
  db: TransactionClient,
  { before, most }: { before: Date; most: number },
): Promise<number> {
  return db.$executeRaw`
    DELETE FROM idempotency_key WHERE (token_id, key) IN (
      SELECT token_id, key FROM idempotency_key WHERE created_at < ${before} ORDER BY created_at LIMIT ${most})`;
}
