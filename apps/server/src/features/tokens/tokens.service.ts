import { randomUUID } from 'node:crypto';
import {
  tokenOverlapSeconds,
  tokenPath,
  type Role,
  type Token,
  type TokenCreate,
  type TokenRotate,
} from '@trunkline/contracts';
import { hashSecret, newSecret, type FindCaller } from '../../platform/auth.ts';
import type { ChangeContext } from '../../platform/changes.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import { decodeCursor, isNamePosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import { lockFirstToken } from '../../platform/database/locks.ts';
import type { Platform } from '../../platform/platform.ts';
import { startSweep } from '../../platform/sweep.ts';
import { createCallerCache } from './caller-cache.ts';
import {
  deleteToken,
  deleteTokensExpiredBefore,
  findTokenByHash,
  findTokenById,
  insertToken,
  listTokens,
  lockAdminTokens,
  lockToken,
  noteUse,
  putAdminToken,
  rotateToken,
  type TokenRow,
} from './tokens.store.ts';

/** Tokens of callers of the API. */
export interface TokensService {
  findCaller: FindCaller;
  /**
   * Sees to it that somebody can administer: a chosen secret becomes that of the token `admin`; without one, a token
   * is made when there is no admin token that works, and its secret is answered. `keep` puts that where somebody finds it,
   * before the token counts: where it fails, or this server ends first, there is no token, and the next start makes one.
   */
  ensureAdminToken(
    chosen: string | undefined,
    keep: (secret: string) => Promise<void>,
  ): Promise<string | undefined>;
  create(request: TokenCreate, context: ChangeContext): Promise<Reply & { replayed: boolean }>;
  list(page: { limit: number; cursor?: string | undefined }): Promise<PageOf<Token>>;
  /** Throws token_not_found. */
  get(id: string): Promise<Token>;
  /** Gives the token a new secret; the one of now stays good for a while. Throws token_not_found. */
  rotate(id: string, request: TokenRotate, context: ChangeContext): Promise<Reply & { replayed: boolean }>;
  /** Throws token_not_found, and last_admin_token for the last that could undo it. */
  revoke(id: string, context: ChangeContext): Promise<void>;
  /** Starts deleting what expired long ago; answers how to stop. */
  startSweep(): () => Promise<void>;
}

/** How long a token is still shown as expired, in milliseconds. */
const keepExpiredMs = 30 * 86_400_000;
const sweepMs = 600_000;

/** The first admin token is made by no request. */
const atStart = { tokenId: null, source: null, operation: 'ensureAdminToken' };

/** Name of the token that the server makes itself. */
const firstTokenName = 'admin';

const notFound = (): ApiError =>
  new ApiError('token_not_found', 'there is no token with this id: see GET /v1/tokens');

function present(row: TokenRow, now: Date): Token {
  return {
    id: row.id,
    name: row.name,
    role: row.role as Role,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    previousSecretUntil:
      row.previousUntil !== null && row.previousUntil > now ? row.previousUntil.toISOString() : null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}

export function createTokensService(platform: Platform): TokensService {
  const { database, changes, feed, log, now } = platform;
  const callers = createCallerCache({
    find: (hash) => findTokenByHash(database.prisma, hash),
    noteUse: (id, minute) =>
      void noteUse(database.prisma, id, minute).catch((error: unknown) =>
        log.debug({ err: error }, 'the last use of a token was not recorded'),
      ),
    now,
  });
  const works = (expiresAt: Date | null): boolean => expiresAt === null || expiresAt > now();
  feed.subscribe(() => callers.changed());

  return {
    findCaller: (hash) => callers.find(hash),

    ensureAdminToken: (chosen, keep) =>
      changes.make({ actor: 'server', origin: atStart }, async (change) => {
        await lockFirstToken(change.db);
        if (chosen === undefined) {
          const working = (await lockAdminTokens(change.db)).filter((row) => works(row.expiresAt));
          if (working.length > 0) return undefined;
        } else {
          const holder = await findTokenByHash(change.db, hashSecret(chosen));
          if (holder !== null && holder.name !== firstTokenName) {
            throw new Error(
              `TRUNKLINE_ADMIN_TOKEN is the secret of token ${holder.name}: choose one that is not in use`,
            );
          }
        }
        const secret = chosen ?? newSecret('tl_');
        const id = randomUUID();
        if (await putAdminToken(change.db, { id, name: firstTokenName, hash: hashSecret(secret) })) {
          change.record({
            type: 'token.created',
            subject: '/v1/tokens',
            data: { name: firstTokenName, role: 'admin' },
          });
        }
        callers.clear();
        if (chosen !== undefined) return undefined;
        await keep(secret);
        return secret;
      }),

    create: (request, context) =>
      changes.makeOnce(context, async (change) => {
        const expiresAt = typeof request.expiresAt === 'string' ? new Date(request.expiresAt) : null;
        if (expiresAt !== null && expiresAt <= now()) {
          throw invalidFields([
            { pointer: '/expiresAt', message: `must be later than now, ${now().toISOString()}` },
          ]);
        }
        const secret = newSecret('tl_');
        const { name, role } = request;
        const row = await insertToken(change.db, {
          name,
          role,
          expiresAt,
          createdAt: now(),
          hash: hashSecret(secret),
        });
        change.record({ type: 'token.created', subject: tokenPath(row.id), data: { name, role } });
        change.audit({ subject: tokenPath(row.id), after: { name, role, expiresAt } });
        if (context.dryRun === true) return { status: 200, body: present(row, now()) };
        return {
          status: 201,
          headers: { location: tokenPath(row.id) },
          body: { ...present(row, now()), secret },
          secret: true,
        };
      }),

    async list({ limit, cursor }) {
      const rows = await listTokens(
        database.prisma,
        decodeCursor('tokens', cursor, isNamePosition),
        limit + 1,
      );
      const page = pageOf('tokens', rows, limit, (row) => row.name);
      return { ...page, items: page.items.map((row) => present(row, now())) };
    },

    async get(id) {
      const row = await findTokenById(database.prisma, id);
      if (row === null) throw notFound();
      return present(row, now());
    },

    async rotate(id, { overlapSeconds = tokenOverlapSeconds }, context) {
      const reply = await changes.makeOnce(context, async (change) => {
        const row = await lockToken(change.db, id);
        if (row === null) throw notFound();
        const secret = newSecret('tl_');
        const previousUntil = new Date(now().getTime() + overlapSeconds * 1000);
        await rotateToken(change.db, id, { hash: hashSecret(secret), previousUntil });
        const { name, role } = row;
        const previousSecretUntil = previousUntil.toISOString();
        change.record({
          type: 'token.rotated',
          subject: tokenPath(id),
          data: { name, role, previousSecretUntil },
        });
        change.audit({ subject: tokenPath(id), after: { name, role, previousSecretUntil } });
        const body = present({ ...row, previousUntil }, now());
        if (context.dryRun === true) return { status: 200, body };
        return { status: 201, headers: { location: tokenPath(id) }, body: { ...body, secret }, secret: true };
      });
      callers.clear();
      return reply;
    },

    async revoke(id, context) {
      await changes.make(context, async (change) => {
        const admins = await lockAdminTokens(change.db);
        const row = await findTokenById(change.db, id);
        if (row === null) throw notFound();
        const others = admins.filter((admin) => admin.id !== id && works(admin.expiresAt));
        if (row.role === 'admin' && works(row.expiresAt) && others.length === 0) {
          throw new ApiError(
            'last_admin_token',
            `${row.name} is the last valid admin token: create another one first (POST /v1/tokens)`,
          );
        }
        await deleteToken(change.db, id);
        change.record({
          type: 'token.revoked',
          subject: tokenPath(id),
          data: { name: row.name, role: row.role },
        });
        const { name, role, expiresAt, lastUsedAt } = row;
        change.audit({ subject: tokenPath(id), before: { name, role, expiresAt, lastUsedAt } });
      });
      callers.clear();
    },

    startSweep: () =>
      startSweep('tokens', sweepMs, log, () =>
        deleteTokensExpiredBefore(database.prisma, new Date(now().getTime() - keepExpiredMs)),
      ),
  };
}
