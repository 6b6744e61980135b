import type { AgentClient } from '@trunkline/client';
import type { DesiredDocument } from '@trunkline/contracts';
import { within, type Timing } from '../lib/timing.ts';
import type { NotStarted } from '../observation/not-started.ts';
import type { Observed } from '../observation/observed.ts';
import { standsFor as standsForAny, type NetworkResolver } from '../observation/stands-for.ts';
import { DriverRefusal } from './allocation/refusal.ts';
import { placedNetworks } from './bindings/seen-addresses.ts';
import type { LeaseSource } from './leases/lease-source.ts';
import type { LeaseStore } from './leases/lease-store.ts';

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

/** What the address book knows from the rest of the agent: nothing until the host has joined, then its document and its looks. */
export interface HostView {
  /** The identity of this host is known from here on. */
  readonly join: (host: IpamHost) => void;
  readonly host: () => IpamHost | null;
  readonly desired: () => DesiredDocument | null;
  /** The same while the server recovers, without containers: an older database may promise one what another has by now. */
  readonly desiredWithPromises: () => DesiredDocument | null;
  /** The server settles what hosts hold after a restored backup, so it gives nothing new. */
  readonly isRecovering: () => boolean;
  /** Another document came: whether a recovery ended with it. */
  readonly recoveryEnded: () => boolean;
  /** Which networks of ours a Docker network stands for, as of the document and of what is held. */
  readonly standsFor: NetworkResolver;
  readonly isPassthru: (networkId: string) => boolean;
  /** Why a container on the network would cut this host off; null: it would not. Fails while the agent is starting. */
  readonly whyHarmful: (networkId: string) => Promise<string | null>;
  /** Networks that Docker has here as of the last look, each with the subnets of its Docker networks. */
  readonly placed: () => PlacedNetworks;
  /** Takes what a look saw; answers whether a network is placed that was not before. */
  readonly onObservation: (observed: Pick<Observed, 'at' | 'docker'>) => boolean;
}

type PlacedNetworks = ReadonlyMap<string, readonly (readonly string[])[]>;

/**
 * How long the start of a container waits for the rest of an agent that is starting, in milliseconds. The driver serves before the document is
 * read from the disk, and without it nobody knows whether the network would take a NIC from this host.
 */
const joinedMs = 4000;

/** Begins with nothing known. */
export function createHostView(store: Pick<LeaseStore, 'all'>, timing: Timing): HostView {
  const joined = Promise.withResolvers<IpamHost>();
  let host: IpamHost | null = null;
  let wasRecovering = false;
  let placed: PlacedNetworks = new Map();

  const desired = (): DesiredDocument | null => host?.desired() ?? null;
  const isRecovering = (): boolean => (desired()?.recovering ?? null) !== null;
  const standsFor: NetworkResolver = (network) =>
    standsForAny(network, { networks: desired()?.networks ?? [], held: store.all().values() });

  return {
    join: (known) => {
      host = known;
      joined.resolve(known);
    },
    host: () => host,
    desired,
    desiredWithPromises: () => {
      const document = desired();
      return document === null || !isRecovering() ? document : { ...document, containers: [] };
    },
    isRecovering,
    recoveryEnded: () => {
      const before = wasRecovering;
      wasRecovering = isRecovering();
      return before && !wasRecovering;
    },
    standsFor,
    isPassthru: (networkId) =>
      desired()?.networks.some(({ id, mode }) => id === networkId && mode === 'passthru') === true,
    whyHarmful: async (networkId) => {
      const known = host ?? (await within(joined.promise, joinedMs, timing));
      if (known === null) throw new DriverRefusal('the Trunkline agent is still starting: try again');
      return known.whyHarmful(networkId);
    },
    placed: () => placed,
    onObservation: (observed) => {
      const found = placedNetworks(observed, standsFor);
      if (found === null) return false;
      const isNews = [...found.keys()].some((networkId) => !placed.has(networkId));
      placed = found;
      return isNews;
    },
  };
}
