import type { AgentClient } from '@trunkline/client';
import type { DesiredDocument, DesiredNetwork } from '@trunkline/contracts';
import type { Logger } from 'pino';
import type { NotStarted } from '../observation/not-started.ts';
import type { DockerEngine } from '../host/docker-engine.ts';
import type { Sandboxes } from '../host/sandboxes.ts';
import type { ConditionDraft } from '../plan/conditions.ts';
import type { StatePast } from '../machine/state-past.ts';
import type { Observed, StandIn } from '../observation/observed.ts';
import { standsFor as standsForAny, type NetworkResolver } from '../observation/stands-for.ts';
import { within, type Timing } from '../lib/timing.ts';
import { createAddressBook } from './allocation/address-book.ts';
import type { AddressProbe } from '../wire/address-probe.ts';
import { createBindings } from './bindings/bindings.ts';
import { createStartsUnderWay } from './bindings/starts-under-way.ts';
import { confirmedBook, confirmedStore } from './confirmed.ts';
import { bookCondition, driverCondition, type BookState } from './book-conditions.ts';
import { createComparison } from './bindings/comparison.ts';
import { createConflictWatch, type FoundConflict } from './bindings/conflict-watch.ts';
import { createDriver } from './driver/driver.ts';
import { createLeaseSync } from './leases/lease-sync.ts';
import { createLiveAddresses } from './bindings/live-addresses.ts';
import type { LeaseSource } from './leases/lease-source.ts';
import { namelessGateway } from './leases/lease-record.ts';
import { openLeaseStore, type LeaseStore } from './leases/lease-store.ts';
import { createNetworkWire } from './bindings/network-wire.ts';
import { createServing } from './driver/serving.ts';
import { createProber } from './allocation/prober.ts';
import { createReachability } from './leases/reachability.ts';
import { createStartGate } from './leases/start-gate.ts';
import { DriverRefusal } from './allocation/refusal.ts';
import { placedNetworks, subnetsBeside } from './bindings/seen-addresses.ts';
import { createOnDemandRequests } from './allocation/on-demand.ts';
import { guardedByWire } from './allocation/wire-guard.ts';

/** What the address book of a host is made of. */
export interface IpamDeps {
  readonly stateFolder: string;
  /** What the state folder was doing before this start; `continued` unless given. */
  readonly past?: StatePast;
  /** The server confirmed what this host holds, for the first time since the start or since it knew no such host. */
  readonly onConfirmed?: () => void;
  /** The server knows no such host: what this host held may be another's by now, also after a restart. */
  readonly onDisowned?: () => void;
  /** Where Docker looks for the driver, and the descriptor of the socket where systemd holds it. */
  readonly socket: { readonly path: string; readonly descriptor: number | null };
  readonly graceMs: number;
  readonly probe: AddressProbe;
  /** The kernel inside the containers of this host. */
  readonly sandboxes: Sandboxes;
  /** Asked only by looks, never while it waits for the driver. */
  readonly docker: Pick<DockerEngine, 'container'>;
  readonly timing: Timing;
  readonly log: Logger;
}

/** What is known only after the driver serves: the identity of this host, and looks at it. */
export interface IpamHost {
  readonly source: LeaseSource & Partial<Pick<AgentClient, 'compareLeases'>>;
  readonly desired: () => DesiredDocument | null;
  /** Interface of this host that a network hangs on; null while that is not known. */
  readonly linkOf: (networkId: string) => string | null;
  readonly look: () => Promise<Pick<Observed, 'at' | 'docker'> | null>;
  /** Why a container on the network would cut this host off, as of now; null: it would not. Never asks Docker. */
  readonly whyHarmful: (networkId: string) => Promise<string | null>;
  /** Containers that should run and that could not be started again. */
  readonly notStarted: () => readonly NotStarted[];
  /** There may be something new to report. */
  readonly onNews: () => void;
}

/** The address book of this host: Docker's IPAM driver, and what keeps its addresses. */
export interface Ipam {
  /** Listens for Docker until aborted; tried again where that fails. From here on containers get what is on the disk. */
  readonly serve: (signal: AbortSignal) => Promise<void>;
  /** Works with the server and with looks at Docker until aborted; fails only with `AgentSuperseded`. */
  readonly run: (host: IpamHost, signal: AbortSignal) => Promise<void>;
  /** A look came to an end. */
  readonly onObservation: (observed: Pick<Observed, 'at' | 'docker'>) => void;
  /** The highest generation of all that this host holds; 0: it holds nothing. */
  readonly highestGeneration: () => number;
  /** Another document is to be carried out. */
  readonly desiredChanged: () => void;
  /** The server answered another part of the agent. */
  readonly serverAnswers: () => void;
  /** The server knows no such host, for this reason: nothing more is given from the disk until it confirms what this host holds. */
  readonly disowned: (why: string) => void;
  /** Why Docker cannot ask for addresses; null: it can. */
  readonly notServing: () => string | null;
  /** What Docker networks hold for a gateway that they do not have. */
  readonly standIns: () => readonly StandIn[];
  readonly hostCondition: () => ConditionDraft;
  readonly networkCondition: (network: DesiredNetwork) => ConditionDraft;
  /** Addresses of running containers of a network that foreign stations answer for as well. */
  readonly conflictsOf: (networkId: string) => readonly FoundConflict[];
  readonly close: () => Promise<void>;
}

/**
 * How long the start of a container waits for the rest of an agent that is starting, in milliseconds. The driver serves before the document is
 * read from the disk, and without it nobody knows whether the network would take a NIC from this host.
 */
const joinedMs = 4000;

/** Opens the address book of a state folder. Nothing is served before {@link Ipam.serve}. */
export async function openIpam(deps: IpamDeps): Promise<Ipam> {
  const { timing, log } = deps;
  const past = deps.past ?? 'continued';
  const store = await openLeaseStore(deps.stateFolder, log, timing.now);
  if (past !== 'continued') await askAgain(store, log);
  const gate = createStartGate({
    past,
    isEmpty: store.all().size === 0,
    onOpen: () => {
      deps.onConfirmed?.();
      onChange();
    },
    onDisowned: () => {
      deps.onDisowned?.();
      // Nothing but a comparison opens it again.
      leaseSync.compare();
      host?.onNews();
    },
    timing,
  });
  let host: IpamHost | null = null;
  const joined = Promise.withResolvers<IpamHost>();
  let wasRecovering = false;
  let placed: ReadonlyMap<string, readonly (readonly string[])[]> = new Map();
  const desired = (): DesiredDocument | null => host?.desired() ?? null;
  const standsFor: NetworkResolver = (network) =>
    standsForAny(network, { networks: desired()?.networks ?? [], held: store.all().values() });
  // While nothing is confirmed nothing is exchanged either: one answer after the other.
  const source = (): LeaseSource | null => (comparison.pending() === null ? (host?.source ?? null) : null);
  const isRecovering = (): boolean => (desired()?.recovering ?? null) !== null;
  const comparison = createComparison({
    store,
    desired,
    standsFor,
    source: () => {
      const compareLeases = host?.source.compareLeases;
      return compareLeases === undefined ? null : { compareLeases };
    },
    look: async () => (await host?.look()) ?? null,
    onDone: () => {
      leaseSync.compare();
      onChange();
    },
    timing,
    log,
  });
  const onChange = (): void => {
    leaseSync.wake();
    prober.wake();
    bindings.wake();
    host?.onNews();
  };
  const reachability = createReachability(
    'this host has not reached its server yet',
    timing.now,
    () => {
      // What was answered while nobody heard it is only known by comparing.
      if (reachability.away() === null) leaseSync.compare();
      log.info({ away: reachability.away() }, 'the availability of leases from the server has changed');
      host?.onNews();
    },
    isRecovering,
  );
  const leaseSync = createLeaseSync({
    store,
    desired,
    // Nothing is given in advance while the server recovers.
    isPlaced: (networkId) => !isRecovering() && placed.has(networkId),
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
  const wire = createNetworkWire({
    probe: deps.probe,
    linkOf: (networkId) => host?.linkOf(networkId) ?? null,
    isPassthru: (networkId) =>
      desired()?.networks.some(({ id, mode }) => id === networkId && mode === 'passthru') === true,
  });
  const prober = createProber({ store, wire, onChange, timing, log });
  const live = createLiveAddresses({ sandboxes: deps.sandboxes, standsFor, log });
  const conflictWatch = createConflictWatch({
    wire,
    standsFor,
    look: async () => await host?.look(),
    onChange: () => host?.onNews(),
    timing,
    log,
  });
  const bindings = createBindings({
    store,
    live,
    starts: createStartsUnderWay(deps.docker, timing),
    source,
    reachability,
    look: async () => await host?.look(),
    onChange,
    graceMs: deps.graceMs,
    timing,
    log,
  });
  const unconfirmed = (): string | null => comparison.pending() ?? gate.pending();
  const giving = confirmedStore(store, unconfirmed);
  const book = createAddressBook({
    store: giving,
    // An older database may promise a container what another one has by now.
    desired: () => withoutPromises(desired(), isRecovering()),
    subnetsBeside: (pool) => subnetsBeside(pool, placed),
    source,
    reachability,
    onDemand,
    live,
    flushReturns: leaseSync.flush,
    onChange,
    now: timing.now,
    log,
  });
  const guarded = guardedByWire({
    book,
    store: giving,
    wire,
    onUnasked: conflictWatch.soon,
    onChange,
    now: timing.now,
    log,
  });
  const driver = createDriver({
    book: confirmedBook(guarded, { comparison, gate, unconfirmed }),
    desired,
    isHeld: (networkId) => [...store.all().values()].some((record) => record.networkId === networkId),
    whyHarmful: async (networkId) => {
      const known = host ?? (await within(joined.promise, joinedMs, timing));
      if (known === null) throw new DriverRefusal('the Trunkline agent is still starting: try again');
      return known.whyHarmful(networkId);
    },
  });

  const serving = createServing({
    driver,
    socket: deps.socket,
    addresses: () => store.all().size,
    timing,
    log,
  });

  function state(): BookState {
    return {
      notServing: serving.notServing(),
      unconfirmed: gate.pending(),
      away: reachability.away(),
      records: [...store.all().values()],
      shortages: leaseSync.shortages(),
      blind: wire.blind(),
      unheld: bindings.unheld(),
      notStarted: (host?.notStarted() ?? []).flatMap(({ networks, name, why }) =>
        networks.flatMap((one) => standsFor(one).ids.map((networkId) => ({ networkId, name, why }))),
      ),
    };
  }

  /** The store writes them before anything that is decided from here on. */
  function writeRevocations(): void {
    leaseSync
      .revoke()
      .catch((error: unknown) =>
        log.warn({ err: error }, 'revocations could not be written to disk, will try again'),
      );
  }

  return {
    serve: serving.serve,
    run: async (sources, signal) => {
      host = sources;
      // The document of before, which an agent that ended may have kept and not yet carried out.
      writeRevocations();
      joined.resolve(sources);
      await Promise.all([
        leaseSync.run(signal),
        prober.run(signal),
        bindings.run(signal),
        comparison.run(signal),
        conflictWatch.run(signal),
      ]);
    },
    onObservation: (observed) => {
      comparison.onObservation(observed);
      void bindings.onObservation(observed);
      conflictWatch.onObservation(observed);
      const found = placedNetworks(observed, standsFor);
      if (found === null) return;
      const isNews = [...found.keys()].some((networkId) => !placed.has(networkId));
      placed = found;
      if (isNews) leaseSync.wake();
    },
    highestGeneration: () => Math.max(0, ...[...store.all().values()].map(({ generation }) => generation)),
    desiredChanged: () => {
      comparison.desiredChanged();
      // What waited for other hosts is settled: this one hears what became of it.
      if (wasRecovering && !isRecovering()) leaseSync.compare();
      wasRecovering = isRecovering();
      writeRevocations();
      leaseSync.wake();
    },
    serverAnswers: leaseSync.serverAnswers,
    disowned: gate.disowned,
    notServing: serving.notServing,
    standIns: () =>
      [...store.all().values()].filter(
        ({ use, lastName }) => use === 'used' && lastName === namelessGateway.name,
      ),
    hostCondition: () => driverCondition(state()),
    networkCondition: (network) => bookCondition(network, state()),
    conflictsOf: (networkId) => conflictWatch.conflicts().filter((one) => one.networkId === networkId),
    close: store.close,
  };
}

/** After a boot, or on a folder that was put back, what was free may be a foreign station's by now. */
async function askAgain(store: LeaseStore, log: Logger): Promise<void> {
  const free = [...store.all().values()].filter(({ use }) => use === 'free');
  try {
    await store.apply(free.map((record) => ({ ...record, use: 'probing' })));
  } catch (error) {
    log.warn({ err: error }, 'the free addresses of this host could not be scheduled for another probe');
  }
}

function withoutPromises(document: DesiredDocument | null, isRecovering: boolean): DesiredDocument | null {
  return document === null || !isRecovering ? document : { ...document, containers: [] };
}
