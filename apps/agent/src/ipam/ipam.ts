import type { DesiredNetwork } from '@trunkline/contracts';
import type { Logger } from 'pino';
import type { DockerEngine } from '../host/docker-engine.ts';
import type { Sandboxes } from '../host/sandboxes.ts';
import type { Timing } from '../lib/timing.ts';
import type { StatePast } from '../machine/state-past.ts';
import type { Observed, StandIn } from '../observation/observed.ts';
import type { ConditionDraft } from '../plan/conditions.ts';
import type { AddressProbe } from '../wire/address-probe.ts';
import { createProber } from './allocation/prober.ts';
import { createBindings } from './bindings/bindings.ts';
import { createConflictWatch, type FoundConflict } from './bindings/conflict-watch.ts';
import { createLiveAddresses } from './bindings/live-addresses.ts';
import { createNetworkWire } from './bindings/network-wire.ts';
import { createStartsUnderWay } from './bindings/starts-under-way.ts';
import { bookCondition, driverCondition, type BookState } from './book-conditions.ts';
import { createExchange } from './exchange.ts';
import { createGiving } from './giving.ts';
import { createHostView, type HostView, type IpamHost } from './host-view.ts';
import { namelessGateway } from './leases/lease-record.ts';
import { openLeaseStore, type LeaseStore } from './leases/lease-store.ts';
import { createWriteWatch } from './leases/write-watch.ts';

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
  /** The server did not answer another part of the agent: whether leases can be had from it is asked at once. */
  readonly serverFails: () => void;
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

/** Opens the address book of a state folder. Nothing is served before {@link Ipam.serve}. */
export async function openIpam(deps: IpamDeps): Promise<Ipam> {
  const { timing, log } = deps;
  const past = deps.past ?? 'continued';
  const store = await openLeaseStore(deps.stateFolder, log, timing.now, () => {
    writeWatch.changed();
    view.host()?.onNews();
  });
  const view = createHostView(store, timing);
  // What could not be written down meanwhile is seen again by the look.
  const writeWatch = createWriteWatch({ store, look: async () => await view.host()?.look(), timing, log });
  if (past !== 'continued') await askAgain(store, log);
  const { gate, comparison, reachability, leaseSync, prober, wire, conflictWatch, bindings, serving } =
    wireRooms({ ...deps, past }, store, view);

  function state(): BookState {
    return {
      notServing: serving.notServing(),
      unconfirmed: gate.pending(),
      unwritable: store.whyNotWritten(),
      away: reachability.away(),
      records: [...store.all().values()],
      shortages: leaseSync.shortages(),
      blind: wire.blind(),
      unheld: bindings.unheld(),
      notStarted: (view.host()?.notStarted() ?? []).flatMap(({ networks, name, why }) =>
        networks.flatMap((one) => view.standsFor(one).ids.map((networkId) => ({ networkId, name, why }))),
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
      view.join(sources);
      // The document of before, which an agent that ended may have kept and not yet carried out.
      writeRevocations();
      await Promise.all([
        leaseSync.run(signal),
        writeWatch.run(signal),
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
      if (view.onObservation(observed)) leaseSync.wake();
    },
    highestGeneration: () => Math.max(0, ...[...store.all().values()].map(({ generation }) => generation)),
    desiredChanged: () => {
      comparison.desiredChanged();
      // What waited for other hosts is settled: this one hears what became of it.
      if (view.recoveryEnded()) leaseSync.compare();
      writeRevocations();
      leaseSync.wake();
    },
    serverAnswers: leaseSync.serverAnswers,
    serverFails: leaseSync.serverFails,
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

/** The rooms of the address book, wired by hand. */
function wireRooms(deps: IpamDeps & { readonly past: StatePast }, store: LeaseStore, view: HostView) {
  const { timing, log } = deps;
  const { standsFor } = view;
  const look = async () => (await view.host()?.look()) ?? null;
  const onNews = (): void => view.host()?.onNews();
  const onChange = (): void => {
    exchange.leaseSync.wake();
    prober.wake();
    bindings.wake();
    onNews();
  };
  const exchange = createExchange({ ...deps, store, view, look, onChange, onNews });
  const wire = createNetworkWire({
    probe: deps.probe,
    linkOf: (networkId) => view.host()?.linkOf(networkId) ?? null,
    isPassthru: view.isPassthru,
  });
  const prober = createProber({ store, wire, onChange, timing, log });
  const live = createLiveAddresses({ sandboxes: deps.sandboxes, standsFor, log });
  const conflictWatch = createConflictWatch({
    wire,
    standsFor,
    look,
    onChange: onNews,
    timing,
    log,
  });
  const bindings = createBindings({
    store,
    live,
    starts: createStartsUnderWay(deps.docker, timing),
    source: exchange.source,
    reachability: exchange.reachability,
    look,
    onChange,
    graceMs: deps.graceMs,
    timing,
    log,
  });
  const serving = createGiving({
    ...exchange,
    store,
    view,
    live,
    wire,
    conflictWatch,
    onChange,
    socket: deps.socket,
    timing,
    log,
  });
  return { ...exchange, wire, prober, conflictWatch, bindings, serving };
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
