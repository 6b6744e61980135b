import { ApiError } from '@trunkline/client';
import type { Lease } from '@trunkline/contracts';
import type { Logger } from 'pino';
import type { Observed } from '../../observation/observed.ts';
import { createWaker } from '../../lib/waker.ts';
import type { Timing } from '../../lib/timing.ts';
import { planBindings, planClaimed, type Memory, type Reclaim, type SeenAddress } from './bindings-plan.ts';
import { familyOf } from '../leases/exchange-plan.ts';
import {
  isNetworksOwn,
  keyOf,
  type Endpoint,
  type LeaseKey,
  type LeaseRecord,
} from '../leases/lease-record.ts';
import type { LeaseSource } from '../leases/lease-source.ts';
import type { LeaseStore } from '../leases/lease-store.ts';
import type { Reachability } from '../leases/reachability.ts';
import type { LiveAddresses } from './live-addresses.ts';
import type { StartsUnderWay } from './starts-under-way.ts';

/** What the bindings work with. */
export interface BindingsDeps {
  readonly store: LeaseStore;
  readonly live: Pick<LiveAddresses, 'onObservation'>;
  readonly starts: StartsUnderWay;
  readonly source: () => LeaseSource | null;
  readonly reachability: Reachability;
  /** Asks for a look at Docker; its result comes by {@link Bindings.onObservation}. */
  readonly look: () => Promise<unknown>;
  readonly onChange: () => void;
  /** How long nobody must be seen on an address before it counts as unused, in milliseconds. */
  readonly graceMs: number;
  readonly timing: Timing;
  readonly log: Logger;
}

/** An address that a container has and that this host could not get hold of. */
export type UnheldAddress = SeenAddress & { readonly why: string };

/** Compares what this host holds with what its containers have, at every look. */
export interface Bindings {
  /** A look came to an end. Never fails. */
  readonly onObservation: (observed: Pick<Observed, 'at' | 'docker'>) => Promise<void>;
  /** What this host holds has changed: there may be something to look for that Docker has no event for. */
  readonly wake: () => void;
  /** What runs on addresses that this host does not hold. */
  readonly unheld: () => readonly UnheldAddress[];
  /** Looks when a grace is over and claims what is not held, until aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

const claimMs = 10_000;
/** How soon a claim that failed is tried again, in milliseconds. */
const againMs = 60_000;
/** Docker's own events come sooner; this is for what it has no event for, in milliseconds. */
const soonMs = 2000;
const idleMs = 3_600_000;

/** Looks at nothing and claims nothing before `run`. */
export function createBindings(deps: BindingsDeps): Bindings {
  const { store, reachability, timing, log } = deps;
  const waker = createWaker();
  let memory: ReadonlyMap<LeaseKey, Memory> = new Map();
  let unheld: readonly SeenAddress[] = [];
  /** What a container may be starting on, and when its MAC was last claimed again. */
  let starting: readonly LeaseRecord[] = [];
  const claimedAt = new Map<LeaseKey, number>();
  let nextAt: number | null = null;
  let last: Promise<void> = Promise.resolve();
  const refused = new Map<LeaseKey, { readonly why: string; readonly at: number }>();

  /** One look after the other, as they came. */
  function onObservation(observed: Pick<Observed, 'at' | 'docker'>): Promise<void> {
    last = last
      .then(() => observeNow(observed))
      .catch((error: unknown) => log.warn({ err: error }, 'containers could not be observed'));
    return last;
  }

  async function observeNow(observed: Pick<Observed, 'at' | 'docker'>): Promise<void> {
    const seen = await deps.live.onObservation(observed, store.all());
    if (seen === null) return;
    const plan = planBindings({
      held: store.all(),
      seen,
      memory,
      graceMs: deps.graceMs,
      countsFrom: timing.setForwardAt?.() ?? 0,
      now: timing.now(),
    });
    ({ memory, unheld, nextAt } = plan);
    const named = new Set(unheld.map((one) => keyOf(one)));
    for (const key of refused.keys()) if (!named.has(key)) refused.delete(key);
    const open = new Set(starting.map((one) => keyOf(one)));
    for (const key of claimedAt.keys()) if (!open.has(key)) claimedAt.delete(key);
    const reclaims = await proven(plan.reclaims, observed);
    if (unheld.length > 0 || nextAt !== null) waker.wake('soon');
    const changes = [...plan.changes, ...reclaims];
    if (changes.length === 0) return;
    void store.apply(changes).then(
      () => deps.onChange(),
      // The store logs it, and the next look comes to the same result.
      () => {},
    );
  }

  /** What may be taken back now; the rest is decided again by a look that is due soon. */
  async function proven(
    reclaims: readonly Reclaim[],
    { docker }: Pick<Observed, 'docker'>,
  ): Promise<readonly LeaseRecord[]> {
    const names =
      reclaims.length === 0 || !docker.reachable ? [] : await deps.starts.among(docker.containers);
    starting = names.length === 0 ? [] : reclaims.map(({ held }) => held);
    // What was done with an address meanwhile counts.
    if (names.length === 0)
      return reclaims.flatMap(({ held, next }) => (store.get(keyOf(held)) === held ? [next] : []));
    nextAt = Math.min(nextAt ?? Number.POSITIVE_INFINITY, timing.now() + soonMs);
    const addresses = reclaims.map(({ held }) => held.ip);
    log.info(
      { starting, addresses },
      'addresses are not taken back while a container may be starting on them',
    );
    return [];
  }

  /** When the next look is due for addresses that no look has shown yet, milliseconds since 1970; null: for none. */
  function unlookedAt(): number | null {
    const due = [...store.all()].flatMap(([key, record]) => {
      const isReleased = record.use === 'released' || record.use === 'kept';
      if (isReleased && !record.cleared) return [timing.now() + soonMs];
      const isGranted = record.use === 'suspect' || (record.use === 'used' && !isNetworksOwn(record));
      return isGranted && !memory.has(key) ? [record.since + soonMs] : [];
    });
    return due.length === 0 ? null : Math.min(...due);
  }

  async function ask(
    client: LeaseSource,
    one: Omit<SeenAddress, 'container' | 'name'>,
  ): Promise<Lease | null> {
    const { networkId, ip, mac } = one;
    const { lease } = await client.claimLease(
      { networkId, family: familyOf(ip), ip, mac, name: null },
      { timeoutMs: claimMs, signal: AbortSignal.timeout(claimMs) },
    );
    reachability.answered();
    return lease;
  }

  /** The server takes the MAC of a claim for free after two minutes in which no report shows it. */
  async function renew(client: LeaseSource, record: LeaseRecord): Promise<void> {
    const { networkId, ip, lastMac: mac, lastName: name } = record;
    claimedAt.set(keyOf(record), timing.now());
    try {
      const lease = await ask(client, { networkId, ip, mac });
      if (lease !== null) await take(lease, { mac, name });
    } catch (error) {
      reachability.failed(error);
      log.debug({ err: error, ip }, 'the MAC of a container that may be starting could not be claimed again');
    }
  }

  async function claim(client: LeaseSource, one: SeenAddress): Promise<void> {
    const { networkId, ip } = one;
    const key = keyOf(one);
    try {
      const lease = await ask(client, one);
      refused.delete(key);
      if (lease !== null) await take(lease, one);
    } catch (error) {
      reachability.failed(error);
      const why =
        error instanceof ApiError ? (error.problem?.detail ?? error.message) : 'the server was not reached';
      if (!refused.has(key)) {
        log.warn(
          { networkId, ip, container: one.name, why },
          'a container has an address that this host does not hold',
        );
      }
      refused.set(key, { why, at: timing.now() });
    }
    deps.onChange();
  }

  async function take(lease: Lease, { mac, name }: Endpoint): Promise<void> {
    const change = planClaimed(store.get(keyOf(lease)), lease, { mac, name }, timing.now());
    if (change !== null) await store.apply([change]);
  }

  const isDue = (at: number | undefined): boolean => at === undefined || timing.now() - at >= againMs;

  async function claimAll(signal: AbortSignal): Promise<void> {
    const client = (): LeaseSource | null =>
      signal.aborted || reachability.away() !== null ? null : deps.source();
    for (const one of unheld) {
      const source = client();
      if (source !== null && isDue(refused.get(keyOf(one))?.at)) await claim(source, one);
    }
    for (const one of starting) {
      const source = client();
      if (source !== null && one.lastMac !== null && isDue(claimedAt.get(keyOf(one))))
        await renew(source, one);
    }
  }

  return {
    onObservation,
    wake: () => {
      const at = unlookedAt();
      if (at === null || (nextAt !== null && nextAt <= at)) return;
      nextAt = at;
      waker.wake('soon');
    },
    unheld: () =>
      unheld.flatMap((one) => ({ ...one, why: refused.get(keyOf(one))?.why ?? 'it is being claimed' })),
    run: async (signal) => {
      while (!signal.aborted) {
        waker.reset();
        await claimAll(signal).catch((error: unknown) =>
          log.warn({ err: error }, 'addresses could not be claimed, will try again'),
        );
        const dueAt = Math.min(
          nextAt ?? timing.now() + idleMs,
          ...[...refused.values()].map(({ at }) => at + againMs),
        );
        await timing.delay(Math.max(50, dueAt - timing.now()), AbortSignal.any([signal, waker.any()]));
        const mustLook = nextAt !== null && timing.now() >= nextAt;
        if (mustLook && !signal.aborted) {
          nextAt = null;
          await deps
            .look()
            .catch((error: unknown) => log.debug({ err: error }, 'Docker could not be observed'));
        }
      }
    },
  };
}
