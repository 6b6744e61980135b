import type { AddressConflict, Condition, Network, Placement } from '@trunkline/contracts';
import { canonicalSubnet } from '../../platform/database/inet.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError } from '../../platform/errors.ts';
import { entityTag } from '../../platform/preconditions.ts';
import { unknownNames, type HostRef } from './host-selection.ts';
import { disputeCondition, type Dispute } from './address-disputes.ts';
import { parentOn, type NetworkSpec } from './network-spec.ts';
import { summarizeNetwork, type NetworkSummary } from './network-status.ts';
import type { NetworkRow, ShownNetworkRow } from './networks.store.ts';
import { placementConditions, standingOf, type PlacementFacts } from './placement-status.ts';
import type { PlacementRow, PlacementStandingRow } from './placements.store.ts';

/** What networks need to know of hosts. */
export interface HostsOfNetworks {
  /** Every host that has joined. */
  listForSelection(db: TransactionClient): Promise<HostRef[]>;
  /** The host was heard of within three heartbeats. */
  isOnline(host: { lastSeenAt: Date | null }): boolean;
  /** Waiting for it is of use: it is online, or may be and the server has just started. */
  isAwaited(host: { lastSeenAt: Date | null }): boolean;
}

/** The entity tag of a network. */
export const networkTag = (network: { id: string; generation: number }): string =>
  entityTag(network.id, network.generation);

/** A network that must be there. */
export function foundNetwork<Row extends NetworkRow>(row: Row | undefined, name: string): Row {
  if (row === undefined) throw new ApiError('network_not_found', `there is no network ${name}`);
  return row;
}

/** The network as an operator asked for it. PostgreSQL's way to write addresses is not ours: they are read anew. */
export function specOf(row: NetworkRow): NetworkSpec {
  return {
    parent: row.parent,
    parents: row.parents,
    vlan: row.vlan,
    mode: row.mode as NetworkSpec['mode'],
    promiscuous: row.promiscuous,
    internal: row.internal,
    mtu: row.mtu,
    forwarding: row.forwarding,
    restartBroken: row.restartBroken,
    hosts: row.hostSelector,
    subnets: row.subnets.map(({ ranges, exclude, ...subnet }) => ({
      ...canonicalSubnet(subnet),
      ranges,
      exclude,
    })),
    warm: row.warm,
    quarantineSeconds: row.quarantineSeconds,
    labels: row.labels,
  };
}

const factsOf = (row: PlacementStandingRow, hosts: HostsOfNetworks): PlacementFacts => ({
  ...row,
  online: hosts.isOnline(row),
  conditions: row.ready === null ? [] : [row.ready],
});

/** Whether a network, as it should be now, was seen real on a host that is heard of. */
export const isReady = (row: PlacementStandingRow, hosts: HostsOfNetworks): boolean =>
  standingOf(factsOf(row, hosts), row.generation) === 'ready';

/** The state of a network over all of its hosts. */
const summarize = (row: ShownNetworkRow, hosts: HostsOfNetworks): NetworkSummary =>
  summarizeNetwork({
    generation: row.generation,
    deleting: row.deletingSince !== null,
    updatedAt: row.updatedAt,
    placements: row.placements.map((placement) => factsOf(placement, hosts)),
    unknownHosts: unknownNames(
      row.hostSelector,
      row.placements.map(({ host }) => host),
    ),
  });

/** A network as the API shows it. */
export function presentNetwork(row: ShownNetworkRow, hosts: HostsOfNetworks): Network {
  const { subnets, ...spec } = specOf(row);
  const sum = (count: 'allocatable' | 'free'): string =>
    row.subnets.reduce((total, subnet) => total + BigInt(subnet[count]), 0n).toString();
  return {
    id: row.id,
    name: row.name,
    space: row.space,
    ...spec,
    subnets: row.subnets.map(({ id, allocatable, free }, i) => ({
      id,
      cidr: subnets[i]?.cidr ?? '',
      gateway: subnets[i]?.gateway ?? null,
      ranges: subnets[i]?.ranges ?? [],
      exclude: subnets[i]?.exclude ?? [],
      allocatable,
      free,
    })),
    generation: row.generation,
    deletingSince: row.deletingSince?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    status: { ...summarize(row, hosts), addresses: { allocatable: sum('allocatable'), free: sum('free') } },
  };
}

/** A placement as the API shows it. */
export function presentPlacement(
  network: NetworkRow,
  row: PlacementRow,
  hosts: HostsOfNetworks,
  disputes: readonly Dispute[],
): Placement {
  const dispute = disputeCondition(
    disputes.filter(({ hostId }) => hostId === row.hostId),
    row.observedGeneration,
  );
  const facts: PlacementFacts = {
    host: row.host.name,
    online: hosts.isOnline(row.host),
    lastSeenAt: row.host.lastSeenAt,
    removing: row.removing,
    observedGeneration: row.observedGeneration,
    createdAt: row.createdAt,
    conditions: row.conditions as unknown as Condition[],
  };
  return {
    network: network.name,
    host: row.host.name,
    parent: parentOn(specOf(network), row.host.name),
    generation: network.generation,
    observedGeneration: row.observedGeneration,
    removing: row.removing || network.deletingSince !== null,
    dockerNetworkId: row.dockerNetworkId,
    link: row.link,
    lastAction: row.lastAction,
    observedAt: row.observedAt?.toISOString() ?? null,
    conflicts: row.conflicts as unknown as AddressConflict[],
    conditions: [...placementConditions(facts), ...(dispute === undefined ? [] : [dispute])],
  };
}
