import {
  formatJoinSecret,
  joinTokenPath,
  parseJoinSecret,
  type JoinToken,
  type JoinTokenCreate,
} from '@trunkline/contracts';
import { hashSecret, newSecret } from '../../platform/auth.ts';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import { decodeCursor, isIdPosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { joinCommand } from './join-command.ts';
import { joinRefusal, joinTokenState } from './join-token-state.ts';
import {
  deleteJoinTokensBefore,
  findJoinToken,
  insertJoinToken,
  isJoinToken,
  listJoinTokens,
  lockJoinToken,
  markRevoked,
  markUsed,
  type JoinTokenRow,
} from './join-tokens.store.ts';

/** Join tokens: each lets one host join, once, within an hour (promise 8). */
export interface JoinTokensService {
  /** `sentTo`: the URL that the request was sent to. */
  create(
    request: JoinTokenCreate,
    sentTo: string,
    context: ChangeContext,
  ): Promise<Reply & { replayed: boolean }>;
  list(page: { limit: number; cursor?: string | undefined }): Promise<PageOf<JoinToken>>;
  /** Never its secret. Throws join_token_not_found. */
  get(id: string): Promise<JoinToken>;
  /** No host can join with it from now on. Throws join_token_not_found. */
  revoke(id: string, context: ChangeContext): Promise<void>;
  /** Throws join_token_invalid for a token that was never made here: a look before anything else of a join is read. */
  checkKnown(secret: string): Promise<void>;
  /** Takes the token in the transaction that makes the host. Throws join_token_invalid with the reason. */
  spend(change: Change, secret: string, hostName: string): Promise<void>;
  /** Whether this host joined with this token: then its joining again is the same join, whose answer was lost. */
  wasSpentBy(change: Change, secret: string, hostName: string): Promise<boolean>;
  /** Forgets tokens that expired long ago. */
  sweep(): Promise<void>;
}

const maxSeconds = 3_600;
/** How long an expired token stays in the list, in milliseconds. */
const keepMs = 30 * 24 * 3_600_000;

function found(row: JoinTokenRow | null): JoinTokenRow {
  if (row !== null) return row;
  throw new ApiError('join_token_not_found', 'there is no join token with this id: see GET /v1/join-tokens');
}

const unknownToken = (): ApiError =>
  new ApiError(
    'join_token_invalid',
    'the join token is unknown: check that it was copied completely and created on this server (POST /v1/join-tokens)',
  );

/** How hosts reach the server. */
export interface ReachedAt {
  /** The URL that an operator named; undefined: none did. */
  publicUrl: string | undefined;
  /** SHA-256 of the key of the authority that hosts must trust for it, base64url; null: they know it by themselves. */
  authority: () => string | null;
}

/** The hash that a token is kept by; what it says about the authority of the server is not a part of it. */
const hashOf = (token: string): string => hashSecret(parseJoinSecret(token).secret);

export function createJoinTokensService(platform: Platform, reachedAt: ReachedAt): JoinTokensService {
  const { database, changes, now } = platform;

  const present = (row: JoinTokenRow): JoinToken => ({
    id: row.id,
    host: row.hostName,
    state: joinTokenState(row, now()),
    expiresAt: row.expiresAt.toISOString(),
    usedAt: row.usedAt?.toISOString() ?? null,
    usedBy: row.usedBy,
    createdAt: row.createdAt.toISOString(),
  });

  return {
    create: (request, sentTo, context) =>
      changes.makeOnce(context, async (change) => {
        const secret = newSecret('tlj_');
        const createdAt = now();
        const expiresAt = new Date(createdAt.getTime() + (request.expiresInSeconds ?? maxSeconds) * 1000);
        const hostName = request.host ?? null;
        const row = await insertJoinToken(change.db, {
          hostName,
          expiresAt,
          createdAt,
          hash: hashSecret(secret),
        });
        change.record({
          type: 'join-token.created',
          subject: joinTokenPath(row.id),
          ...(hostName === null ? {} : { host: hostName }),
          data: { expiresAt: expiresAt.toISOString() },
        });
        change.audit({ subject: joinTokenPath(row.id), after: { host: hostName, expiresAt } });
        if (context.dryRun === true) return { status: 200, body: present(row) };
        const text = formatJoinSecret({ secret, authority: reachedAt.authority() });
        const command = joinCommand(reachedAt.publicUrl ?? sentTo, text, hostName);
        return {
          status: 201,
          headers: { location: joinTokenPath(row.id) },
          body: { ...present(row), secret: text, command },
          secret: true,
        };
      }),

    async list({ limit, cursor }) {
      const rows = await listJoinTokens(
        database.prisma,
        decodeCursor('join-tokens', cursor, isIdPosition),
        limit + 1,
      );
      const page = pageOf('join-tokens', rows, limit, (row) => row.id);
      return { ...page, items: page.items.map(present) };
    },

    get: async (id) => present(found(await findJoinToken(database.prisma, id))),

    revoke: (id, context) =>
      changes.make(context, async (change) => {
        const row = found(await lockJoinToken(change.db, { id }));
        // A token that can no longer be used has nothing left to revoke.
        if (joinTokenState(row, now()) !== 'unused') return;
        await markRevoked(change.db, id, now());
        change.record({ type: 'join-token.revoked', subject: joinTokenPath(id) });
        change.audit({
          subject: joinTokenPath(id),
          before: { host: row.hostName, expiresAt: row.expiresAt, state: 'unused' },
        });
      }),

    async checkKnown(secret) {
      if (!(await isJoinToken(database.prisma, hashOf(secret)))) throw unknownToken();
    },

    async spend(change, secret, hostName) {
      const row = await lockJoinToken(change.db, { hash: hashOf(secret) });
      if (row === null) throw unknownToken();
      const refusal = joinRefusal(row, hostName, now());
      if (refusal !== undefined) throw new ApiError('join_token_invalid', refusal);
      await markUsed(change.db, row.id, hostName, now());
    },

    async wasSpentBy(change, secret, hostName) {
      const row = await lockJoinToken(change.db, { hash: hashOf(secret) });
      return row !== null && row.usedAt !== null && row.usedBy === hostName;
    },

    sweep: () => deleteJoinTokensBefore(database.prisma, new Date(now().getTime() - keepMs)),
  };
}
