import type { Logger } from 'pino';
import type { Timing } from '../lib/timing.ts';
import { createAddressBook } from './allocation/address-book.ts';
import { guardedByWire } from './allocation/wire-guard.ts';
import type { ConflictWatch } from './bindings/conflict-watch.ts';
import type { LiveAddresses } from './bindings/live-addresses.ts';
import type { NetworkWire } from './bindings/network-wire.ts';
import { subnetsBeside } from './bindings/seen-addresses.ts';
import { confirmedBook, confirmedStore } from './confirmed.ts';
import { createDriver } from './driver/driver.ts';
import { createServing, type Serving } from './driver/serving.ts';
import type { Exchange } from './exchange.ts';
import type { HostView } from './host-view.ts';
import type { LeaseStore } from './leases/lease-store.ts';

/** What is asked before Docker is given an address. */
export interface GivingDeps extends Exchange {
  readonly store: LeaseStore;
  readonly view: HostView;
  readonly live: LiveAddresses;
  readonly wire: NetworkWire;
  readonly conflictWatch: Pick<ConflictWatch, 'soon'>;
  readonly onChange: () => void;
  /** Where Docker looks for the driver, and the descriptor of the socket where systemd holds it. */
  readonly socket: { readonly path: string; readonly descriptor: number | null };
  readonly timing: Timing;
  readonly log: Logger;
}

/**
 * What gives Docker addresses: the driver, over the book, which the wire guards, where the server has confirmed what this
 * host holds.
 */
export function createGiving(deps: GivingDeps): Serving {
  const { store, view, comparison, gate, reachability, live, onChange, timing, log } = deps;
  const unconfirmed = (): string | null => comparison.pending() ?? gate.pending();
  const giving = confirmedStore(store, unconfirmed);
  const book = createAddressBook({
    store: giving,
    desired: view.desiredWithPromises,
    subnetsBeside: (pool) => subnetsBeside(pool, view.placed()),
    source: deps.source,
    reachability,
    onDemand: deps.onDemand,
    live,
    flushReturns: deps.leaseSync.flush,
    probe: deps.leaseSync.probe,
    onChange,
    now: timing.now,
    log,
  });
  const guarded = guardedByWire({
    book,
    store: giving,
    wire: deps.wire,
    reachability,
    onUnasked: deps.conflictWatch.soon,
    onChange,
    now: timing.now,
    log,
  });
  const driver = createDriver({
    book: confirmedBook(guarded, { comparison, gate, unconfirmed }),
    desired: view.desired,
    isHeld: (networkId) => [...store.all().values()].some((record) => record.networkId === networkId),
    whyHarmful: view.whyHarmful,
  });
  return createServing({ driver, socket: deps.socket, addresses: () => store.all().size, timing, log });
}
