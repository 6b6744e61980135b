import { listed } from '@trunkline/log';
import { randomUUID } from 'node:crypto';
import { recoveryReleasePath, type CompareItem, type Recovery } from '@trunkline/contracts';
import { holdUntil } from '../../platform/database/change-feed.ts';
import {
  apiErrorFromDatabase,
  databaseFault,
  pastUnchecked,
} from '../../platform/database/database-errors.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import { poolQuery, transactionQuery, type Query } from '../../platform/database/query.ts';
import type { ChangeContext } from '../../platform/changes.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import type { Platform } from '../../platform/platform.ts';
import { startSweep } from '../../platform/sweep.ts';
import type { PastMark } from './past-mark.ts';
import {
  checkPast,
  compareHost,
  goOnWithout,
  hearHost,
  pastOfHosts,
  putMark,
  readHeights,
  readPast,
  readRecoveryHosts,
  type Heard,
  type PastOfHost,
} from './recovery.store.ts';

export type { PastOfHost } from './recovery.store.ts';

/** A database that may have gone back in time (docs/decisions/0030-a-restored-backup.md). */
export interface RecoveryService {
  /** Looks whether the database is of the time that it should be. At every start, and when PostgreSQL was started again. */
  check(): Promise<void>;
  state(): Promise<Recovery>;
  /** Goes on without a host. Throws host_not_found, host_not_waited_for. */
  release(host: string, context: ChangeContext): Promise<Reply & { replayed: boolean }>;
  /** A host reports what it heard last: more than the database knows means that time went back. */
  hear(hostId: string, heard: Heard): Promise<void>;
  /** Takes all that a host holds and uses. */
  compare(hostId: string, items: readonly CompareItem[]): Promise<void>;
  /** Does what gives addresses; while none may be given it waits for a moment, then throws recovering. */
  whenOpen<T>(work: () => Promise<T>): Promise<T>;
  past: HostQuery<PastOfHost>;
  startSweep(): () => Promise<void>;
}

/** How long what gives addresses waits for the end of a recovery: hosts that are there need less. */
const waitMs = 5_000;
const sweepMs = 2_000;
const maxTries = 5;
const maxNamed = 20;
const transient = new Set(['40P01', '40001', '55P03']);

/** What meets another change in a deadlock is worth another try. */
const retried = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let n = 1; ; n += 1) {
    try {
      return await work();
    } catch (error) {
      if (n < maxTries && transient.has(databaseFault(error)?.code ?? '')) continue;
      throw apiErrorFromDatabase(error) ?? error;
    }
  }
};

/**
 * How far ahead of the database what a host heard may be: weeks of changes at the full speed of a server, and so little
 * that no host can lift the numbers to where they no longer fit their type.
 */
const maxAhead = 10n ** 10n;

/** Refuses what no server can have sent. Throws invalid_request. */
function refuseImplausible(heard: Heard, known: { revision: bigint; generation: bigint }): void {
  for (const [pointer, reported, highest] of [
    ['/after', heard.revision, known.revision],
    ['/generation', BigInt(heard.generation), known.generation],
  ] as const)
    if (reported > highest + maxAhead)
      throw invalidFields([
        { pointer, message: `${reported} was never given by a server that is at ${highest}` },
      ]);
}

export function createRecoveryService(
  {
    database,
    changes,
    feed,
    log,
    stopping,
  }: Pick<Platform, 'database' | 'changes' | 'feed' | 'log' | 'stopping'>,
  mark: PastMark | undefined,
): RecoveryService {
  const query = poolQuery(database.pool);
  let checking: Promise<void> | undefined;

  const checkNow = async (): Promise<void> => {
    const seen = { mark: (await mark?.read()) ?? null, boot: (await mark?.boot()) ?? null };
    const next = randomUUID();
    const outcome = await retried(() => checkPast(query, seen, next));
    if (outcome === 'same') return;
    if (mark !== undefined) await putMark(query, await mark.write(next));
    if (outcome === 'recovering')
      log.warn('no address is given out until every host has reported its leases: see GET /v1/recovery');
    else if (outcome === 'settling')
      log.warn('no address is given out for some seconds, in which hosts report: see GET /v1/recovery');
    else log.info({ outcome, incarnation: next }, 'the database did not go back in time');
  };
  const check = (): Promise<void> =>
    (checking ??= checkNow().finally(() => {
      checking = undefined;
    }));

  const state = async (by: Query = query): Promise<Recovery> => {
    const past = await readPast(by);
    const hosts = await readRecoveryHosts(by);
    return {
      phase: past?.phase ?? 'open',
      recovery: past?.recovery ?? null,
      since: past?.since.toISOString() ?? null,
      reason: past?.phase === 'open' ? null : (past?.reason ?? null),
      hosts: hosts.map((row) => ({
        host: row.host,
        state: row.comparedAt === null ? (row.releasedAt === null ? 'waited_for' : 'let_go') : 'compared',
        at: (row.comparedAt ?? row.releasedAt)?.toISOString() ?? null,
        by: row.releasedBy,
      })),
    };
  };

  const refusal = async (cause: unknown): Promise<ApiError> => {
    const { hosts, reason } = await state();
    const waitingFor = hosts.filter((host) => host.state === 'waited_for').map(({ host }) => host);
    const named = waitingFor.length === 0 ? 'the end of it' : listed(waitingFor, { max: maxNamed });
    return new ApiError(
      'recovering',
      `no address is given out until every host has compared its addresses (${reason ?? 'the database was started'}): waiting for ${named}; ` +
        'for a host that will not come back, POST /v1/recovery/hosts/{name}/release',
      { retryAfterSeconds: 5, data: { waitingFor: waitingFor.slice(0, 1000) }, cause },
    );
  };

  return {
    check,
    state: () => state(),
    past: pastOfHosts,

    release: (host, context) =>
      changes.makeOnce(context, async (change) => {
        const within = transactionQuery(change.db);
        const outcome = await goOnWithout(within, host, context.actor);
        if (outcome === 'no_host')
          throw new ApiError('host_not_found', `no host ${host} has joined: see GET /v1/hosts`);
        if (outcome === 'not_waited_for')
          throw new ApiError(
            'host_not_waited_for',
            `no recovery is waiting for ${host}: see GET /v1/recovery`,
          );
        change.audit({ subject: recoveryReleasePath(host), after: { released: host } });
        return { status: 200, body: await state(within) };
      }),

    async hear(hostId, heard) {
      refuseImplausible(heard, await readHeights(query));
      const outcome = await retried(() => hearHost(query, hostId, heard));
      if (outcome === 'started')
        log.error(
          { hostId },
          'a host knows more than the database: the database went back in time, see GET /v1/recovery',
        );
    },

    async compare(hostId, items) {
      await retried(() => compareHost(query, hostId, items));
    },

    async whenOpen(work) {
      for (let n = 1; ; n += 1) {
        try {
          return await work();
        } catch (error) {
          if (!(error instanceof ApiError) || error.code !== 'recovering') throw error;
          if (n > maxTries) throw await refusal(error);
          if (databaseFault(error.cause)?.code === pastUnchecked) {
            await check();
            continue;
          }
          const isOpen = async (): Promise<boolean> => (await readPast(query))?.phase === 'open';
          if (!(await holdUntil(feed, isOpen, waitMs, stopping))) throw await refusal(error);
        }
      }
    },

    startSweep: () =>
      startSweep('recovery', sweepMs, log, async () => {
        // Whoever was waited for may have been retired.
        if ((await readPast(query))?.phase === 'recovering')
          await retried(() => goOnWithout(query, null, 'server'));
      }),
  };
}
