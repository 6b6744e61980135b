import type { StatePast } from '../machine/state-past.ts';
import type { Timing } from '../lib/timing.ts';
import type { Logger } from 'pino';
import { createOnDemandRequests, type OnDemandRequests } from './allocation/on-demand.ts';
import { createComparison, type Comparison } from './bindings/comparison.ts';
import type { HostView, IpamHost } from './host-view.ts';
import type { LeaseSource } from './leases/lease-source.ts';
import type { LeaseStore } from './leases/lease-store.ts';
import { createLeaseSync, type LeaseSync } from './leases/lease-sync.ts';
import { createReachability, type Reachability } from './leases/reachability.ts';
import { createStartGate, type StartGate } from './leases/start-gate.ts';

/** What the exchange with the server needs. */
export interface ExchangeDeps {
  readonly store: LeaseStore;
  readonly view: HostView;
  /** What the state folder was doing before this start. */
  readonly past: StatePast;
  /** The server confirmed what this host holds, for the first time since the start or since it knew no such host. */
  readonly onConfirmed?: (() => void) | undefined;
  /** The server knows no such host. */
  readonly onDisowned?: (() => void) | undefined;
  readonly look: IpamHost['look'];
  /** What this host holds, or may give, is another. */
  readonly onChange: () => void;
  /** There may be something new to report. */
  readonly onNews: () => void;
  readonly timing: Timing;
  readonly log: Logger;
}

/** What is exchanged with the server: leases in advance and on demand, and what this host holds after a restored backup. */
export interface Exchange {
  readonly gate: StartGate;
  readonly comparison: Comparison;
  readonly reachability: Reachability;
  readonly leaseSync: LeaseSync;
  readonly onDemand: OnDemandRequests;
  /** Who gives leases now; null: nobody. */
  readonly source: () => LeaseSource | null;
}

/** Wires what talks to the server. Nothing is sent before the host has joined. */
export function createExchange(deps: ExchangeDeps): Exchange {
  const { store, view, onChange, onNews, timing, log } = deps;
  const gate = createStartGate({
    past: deps.past,
    isEmpty: store.all().size === 0,
    onOpen: () => {
      deps.onConfirmed?.();
      onChange();
    },
    onDisowned: () => {
      deps.onDisowned?.();
      // Nothing but a comparison opens it again.
      leaseSync.compare();
      onNews();
    },
    timing,
  });
  // While nothing is confirmed nothing is exchanged either: one answer after the other.
  const source = (): LeaseSource | null =>
    comparison.pending() === null ? (view.host()?.source ?? null) : null;
  const comparison = createComparison({
    store,
    desired: view.desired,
    standsFor: view.standsFor,
    source: () => {
      const compareLeases = view.host()?.source.compareLeases;
      return compareLeases === undefined ? null : { compareLeases };
    },
    look: deps.look,
    onDone: () => {
      leaseSync.compare();
      onChange();
    },
    timing,
    log,
  });
  const reachability = createReachability(
    'this host has not reached its server yet',
    timing.now,
    () => {
      // What was answered while nobody heard it is only known by comparing.
      if (reachability.away() === null) leaseSync.compare();
      log.info({ away: reachability.away() }, 'the availability of leases from the server has changed');
      onNews();
    },
    view.isRecovering,
  );
  const leaseSync = createLeaseSync({
    store,
    desired: view.desired,
    // Nothing is given in advance while the server recovers.
    isPlaced: (networkId) => !view.isRecovering() && view.placed().has(networkId),
    source,
    reachability,
    onChange,
    comparing: gate.comparing,
    onFailed: gate.notReached,
    timing,
    log,
  });
  const onDemand = createOnDemandRequests({
    source,
    reachability,
    onSpare: (leases) => {
      leaseSync
        .take(leases)
        .catch((error: unknown) => log.warn({ err: error }, 'leases could not be stored, will try again'));
    },
  });
  return { gate, comparison, reachability, leaseSync, onDemand, source };
}
