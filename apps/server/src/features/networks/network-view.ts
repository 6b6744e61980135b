import type { Network } from '@trunkline/contracts';
import { canonicalSubnet } from '../../platform/database/inet.ts';
import { entityTag } from '../../platform/preconditions.ts';
import { poolCondition, type LimitThresholds } from '../limits/limit-conditions.ts';
import { poolsOf } from '../limits/pool-outlook.ts';
import { unknownNames } from '../placements/host-selection.ts';
import type { PlacementStandingRow } from '../placements/placement-standings.ts';
import { standingOf, type PlacementFacts } from '../placements/placement-status.ts';
import { summarizeNetwork, type NetworkSummary } from './network-status.ts';
import type { NetworkRow, ShownNetworkRow } from './networks.store.ts';
import { networkFields, type NetworkSpec } from './spec/network-fields.ts';

/** What networks need to know of hosts. */
export interface HostsOfNetworks {
  /** The host was heard of within three heartbeats. */
  isOnline(host: { lastSeenAt: Date | null }): boolean;
  /** Waiting for it is of use: it is online, or may be and the server has just started. */
  isAwaited(host: { lastSeenAt: Date | null }): boolean;
}

/** The entity tag of a network. */
export const networkTag = (network: { id: string; generation: number }): string =>
  entityTag(network.id, network.generation);

/** The network as an operator asked for it. PostgreSQL's way to write addresses is not ours: they are read again. */
export function specOf(row: NetworkRow): NetworkSpec {
  const subnets = row.subnets.map(({ ranges, exclude, ...subnet }) => ({
    ...canonicalSubnet(subnet),
    ranges,
    exclude,
  }));
  const names = Object.keys(networkFields) as (keyof NetworkSpec)[];
  return Object.fromEntries(
    names.map((name) => [name, name === 'subnets' ? subnets : row[name]]),
  ) as unknown as NetworkSpec;
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
      row.hosts,
      row.placements.map(({ host }) => host),
    ),
    ...(row.verify ? { verified: row.verified } : {}),
  });

/** A network as the API shows it. */
export function presentNetwork(
  row: ShownNetworkRow,
  hosts: HostsOfNetworks,
  thresholds: LimitThresholds,
): Network {
  const { conditions, ...status } = summarize(row, hosts);
  const pool = poolCondition(poolsOf(row.limits.pools), thresholds, row);
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
    status: {
      ...status,
      addresses: { allocatable: sum('allocatable'), free: sum('free') },
      stations: row.limits.stations,
      conditions: [...conditions, ...(pool === undefined ? [] : [pool])],
    },
  };
}
