import type { DesiredDocument, Lease, LeaseSyncAnswer, LeaseWant, Revocation } from '@trunkline/contracts';
import { messageOf } from '@trunkline/log';
import type { Logger } from 'pino';
import { createWaker } from '../../lib/waker.ts';
import { fatalFailure } from '../../lib/failure.ts';
import { backoffMs, type Timing } from '../../lib/timing.ts';
import { changesOf, familyOf, planExchange, warmKey } from './exchange-plan.ts';
import { heldOf, keyOf, notReturned, returnOf, takenIn, type LeaseRecord } from './lease-record.ts';
import type { LeaseSource } from './lease-source.ts';
import type { LeaseStore } from './lease-store.ts';
import { isAway, isOfThisHost, wasNeverSent, type Reachability } from './reachability.ts';

/** What leases are exchanged with. */
export interface LeaseSyncDeps {
  readonly store: LeaseStore;
  readonly desired: () => DesiredDocument | null;
  /** Whether Docker has the network on this host. */
  readonly isPlaced: (networkId: string) => boolean;
  /** Null until this host has joined. */
  readonly source: () => LeaseSource | null;
  readonly reachability: Reachability;
  /** What this host holds has changed by an answer of the server. */
  readonly onChange: () => void;
  /** All that this host holds is put to the server; what comes back is called once what the server did not confirm is gone here. */
  readonly comparing?: () => () => void;
  /** An exchange failed: why, in a clause. */
  readonly onFailed?: (why: string) => void;
  readonly timing: Timing;
  readonly log: Logger;
}

/** Keeps the warm pools filled, brings back what is not needed, and compares with the server. */
export interface LeaseSync {
  /** Something changed that the server may have to know. */
  readonly wake: () => void;
  /** The server answered another part of the agent. */
  readonly serverAnswers: () => void;
  /** The server did not answer another part of the agent: it is asked at once whether it answers here. */
  readonly serverFails: () => void;
  /**
   * Asks the server for nothing, to learn whether it can be asked; who asks at the same time shares a call. Notes it as away where no
   * answer comes. Never fails.
   */
  readonly probe: () => Promise<void>;
  /** All that this host holds is to be compared with the server at the next exchange. */
  readonly compare: () => void;
  /** Takes in leases that came by another way. */
  readonly take: (leases: readonly Lease[]) => Promise<void>;
  /**
   * Exchanges at once what waits for an exchange. Resolves when that succeeded or failed, after `timeoutMs`, or when aborted.
   */
  readonly flush: (timeoutMs: number, signal?: AbortSignal) => Promise<void>;
  /** Pools that the server had nothing for, by network and IP version: why. */
  readonly shortages: () => ReadonlyMap<string, string>;
  /** Writes down what the server has taken away. From the call on nobody is given it; it is confirmed once it is on disk. */
  readonly revoke: () => Promise<void>;
  /** Runs until aborted; fails only with `AgentSuperseded`. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** How long an exchange may take, in milliseconds. */
const exchangeMs = 10_000;
/** How long an answer may take that says no more than that the server is there, in milliseconds. */
const probeMs = 1500;
/** The poll of desired state may hear the server sooner. */
const backoff = { firstMs: 500, maxMs: 15_000 };
/** Changes within this time go in one exchange, in milliseconds. What Docker and people wait for goes first. */
const gatherMs = 100;
/** All is compared this often, in milliseconds; 0.8 to 1.2 of it, so that hosts do not come together. */
const compareMs = 300_000;
/** A pool that the server had nothing for is asked for again after this, in milliseconds. */
const retryMs = 15_000;
/** Maximum of one exchange, by the contract. */
const maxConfirms = 4096;

const revocationKey = (one: Revocation): string => `${keyOf(one)} ${one.generation}`;

/** Sends nothing before `run`. */
export function createLeaseSync(deps: LeaseSyncDeps): LeaseSync {
  const { store, reachability, timing, log } = deps;
  const waker = createWaker();
  const shortages = new Map<string, { readonly until: number; readonly detail: string }>();
  const confirmed = new Set<string>();
  let compareAt = 0;
  let failures = 0;
  let last: Promise<unknown> = Promise.resolve();
  let probing: Promise<void> | null = null;

  function backingOff(): ReadonlySet<string> {
    const now = timing.now();
    return new Set([...shortages].filter(([, { until }]) => now < until).map(([pool]) => pool));
  }

  /** One exchange after the other: an answer is about what that exchange sent. */
  function exchange(signal: AbortSignal): Promise<void> {
    const next = last.then(() => exchangeNow(signal));
    last = next.catch(() => {});
    return next;
  }

  async function askForNothing(client: LeaseSource, bound: Parameters<typeof withBound>[0]): Promise<void> {
    await client.syncLeases({ held: null, returns: [], wants: [] }, withBound(bound));
    reachability.answered();
  }

  function probe(): Promise<void> {
    const client = deps.source();
    if (client === null) return Promise.resolve();
    probing ??= askForNothing(client, { timeoutMs: probeMs, signal: new AbortController().signal })
      .catch((error: unknown) => reachability.failed(error))
      .finally(() => {
        probing = null;
      });
    return probing;
  }

  async function exchangeNow(signal: AbortSignal): Promise<void> {
    const client = deps.source();
    if (client === null) return;
    const bounded = { timeoutMs: exchangeMs, signal };
    // What cannot be sent is not marked as returning: it may be needed here meanwhile.
    if (reachability.away() !== null) await askForNothing(client, bounded);
    const desired = deps.desired();
    const revocations = desired?.revocations ?? [];
    await store.revoke(revocations);
    const now = timing.now();
    const compares = now >= compareAt;
    const confirms = unconfirmed(revocations, compares);
    const { returns, drops, wants } = planExchange({
      held: store.all(),
      desired,
      isPlaced: deps.isPlaced,
      backingOff: backingOff(),
      now,
    });
    const wanted = new Set(wants.map(({ networkId, family }) => warmKey(networkId, family)));
    for (const [pool, { until }] of shortages) if (until <= now && !wanted.has(pool)) shortages.delete(pool);
    const fresh = returns.filter((record) => store.get(keyOf(record)) !== record);
    await store.apply([...fresh, ...drops.map((drop) => ({ drop }))]);
    if (returns.length === 0 && wants.length === 0 && confirms.length === 0 && !compares) return;
    const sent = new Map([...store.all()].filter(([, { use }]) => use !== 'returning'));
    const compared = compares ? deps.comparing?.() : undefined;
    try {
      const answer = await client.syncLeases(
        {
          held: compares ? [...sent.values()].flatMap((record) => heldOf(record) ?? []) : null,
          returns: returns.flatMap((record) => returnOf(record) ?? []),
          wants: [...wants],
          ...(confirms.length === 0 ? {} : { confirms: confirms.slice(0, maxConfirms) }),
        },
        withBound(bounded),
      );
      reachability.answered();
      for (const one of confirms.slice(0, maxConfirms)) confirmed.add(revocationKey(one));
      if (confirms.length > 0) log.warn({ revoked: confirms.length }, 'the server revoked addresses');
      await store.apply(changesOf(answer, { returns, held: sent }, store.all(), timing.now()));
      noteShortages(wants, answer);
      if (compares) {
        compareAt = timing.now() + compareMs * (0.8 + 0.4 * timing.random());
        compared?.();
      }
      logAnswer(log, { returns: returns.length, ...answer });
      deps.onChange();
    } catch (error) {
      if (wasNeverSent(error)) await keepHere(fresh);
      throw error;
    }
  }

  /**
   * What is to be confirmed: what the document lists and this agent has not confirmed since it was listed. A server whose database went back lists it
   * again, and does not know of the confirmation: a comparison confirms all of it.
   */
  function unconfirmed(revocations: readonly Revocation[], compares: boolean): readonly Revocation[] {
    const listed = new Set(revocations.map(revocationKey));
    for (const key of confirmed) if (!listed.has(key)) confirmed.delete(key);
    return compares ? revocations : revocations.filter((one) => !confirmed.has(revocationKey(one)));
  }

  /** Notes the pools that got less than they wanted, so that they are not requested again at once. */
  function noteShortages(wants: readonly LeaseWant[], answer: LeaseSyncAnswer): void {
    for (const { networkId, family, count } of wants) {
      const pool = warmKey(networkId, family);
      const got = answer.granted.filter(
        (lease) => lease.networkId === networkId && familyOf(lease.ip) === family,
      ).length;
      const shortage = answer.shortages.find((one) => one.networkId === networkId && one.family === family);
      const detail = shortage?.detail ?? `the server granted ${got} of ${count}`;
      if (got >= count) shortages.delete(pool);
      else shortages.set(pool, { until: timing.now() + retryMs, detail });
    }
  }

  async function keepHere(records: readonly LeaseRecord[]): Promise<void> {
    const still = records.filter((record) => store.get(keyOf(record)) === record);
    await store.apply(still.map((record) => notReturned(record, timing.now())));
  }

  async function round(signal: AbortSignal): Promise<void> {
    try {
      await exchange(signal);
      failures = 0;
    } catch (error) {
      const fatal = fatalFailure(error);
      if (fatal !== null) throw fatal;
      if (signal.aborted) return;
      failures += 1;
      compareAt = 0;
      reachability.failed(error);
      if (isAway(error))
        log.debug({ err: error, failures }, 'leases could not be exchanged, the server is not reachable');
      else log.error({ err: error, failures }, 'leases could not be exchanged');
      deps.onFailed?.(
        isOfThisHost(error)
          ? `the leases of this host cannot be written (${messageOf(error)})`
          : (reachability.away()?.why ?? 'the server refuses the exchange of leases'),
      );
    }
  }

  function waitMs(): number {
    if (failures > 0) return backoffMs(failures, backoff, timing.random);
    const now = timing.now();
    return Math.max(0, Math.min(compareAt, ...[...shortages.values()].map(({ until }) => until)) - now);
  }

  return {
    wake: () => {
      if (reachability.away() === null) waker.wake('soon');
    },
    serverAnswers: () => {
      if (reachability.away() !== null) waker.wake('soon');
    },
    serverFails: () => {
      if (reachability.away() === null) void probe();
    },
    probe,
    compare: () => {
      compareAt = 0;
      waker.wake('soon');
    },
    take: async (leases) => {
      const now = timing.now();
      await store.apply(leases.flatMap((lease) => takenIn(store.get(keyOf(lease)), lease, now) ?? []));
      deps.onChange();
    },
    revoke: () => store.revoke(deps.desired()?.revocations ?? []),
    flush: async (timeoutMs, signal) => {
      const inTime = AbortSignal.timeout(Math.max(1, timeoutMs));
      const bound = signal === undefined ? inTime : AbortSignal.any([inTime, signal]);
      const exchanged = exchange(bound).catch((error: unknown) => reachability.failed(error));
      await Promise.race([exchanged, timing.delay(timeoutMs, bound)]);
    },
    shortages: () => new Map([...shortages].map(([pool, { detail }]) => [pool, detail])),
    run: async (signal) => {
      while (!signal.aborted) {
        waker.reset();
        await round(signal);
        // What came during the exchange is not waited for.
        await timing.delay(waitMs(), AbortSignal.any([signal, waker.any()]));
        if (waker.any().aborted) await timing.delay(gatherMs, signal);
      }
    },
  };
}

function withBound({ timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal }) {
  return { timeoutMs, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) };
}

function logAnswer(
  log: Logger,
  answer: {
    readonly returns: number;
    readonly granted: readonly unknown[];
    readonly unlisted: readonly unknown[];
    readonly unknown: readonly unknown[];
    readonly shortages: readonly unknown[];
  },
): void {
  const { returns, granted, unlisted, unknown, shortages } = answer;
  const counts = {
    returned: returns,
    granted: granted.length,
    unlisted: unlisted.length,
    unknown: unknown.length,
    shortages: shortages.length,
  };
  if (unlisted.length + unknown.length > 0) {
    log.warn(counts, 'the server and this disk had different leases for this host');
  } else log.debug(counts, 'leases exchanged');
}
