import type { AddressConflict, Condition, Frames, Placement } from '@trunkline/contracts';
import type { TransactionClient } from '../../platform/database/database.ts';
import {
  stationsCondition,
  type LimitThresholds,
  type PlacementStations,
} from '../limits/limit-conditions.ts';
import { noStations } from '../limits/limit-facts.ts';
import { disputeCondition, type Dispute } from './address-disputes.ts';
import type { HostRef } from './host-selection.ts';
import { parentOn, type PlacedNetwork } from './placed-network.ts';
import { placementConditions, type PlacementFacts } from './placement-status.ts';
import type { PlacementRow } from './placements.store.ts';

/** What placements need to know of hosts. */
export interface HostsOfPlacements {
  /** Every host that has joined. */
  listForSelection(db: TransactionClient): Promise<HostRef[]>;
  /** The host was heard of within three heartbeats. */
  isOnline(host: { lastSeenAt: Date | null }): boolean;
}

/** What a placement is shown with, beside its own row. */
export interface PlacementContext {
  hosts: HostsOfPlacements;
  disputes: readonly Dispute[];
  /** By the id of the host. */
  stations: ReadonlyMap<string, PlacementStations>;
  thresholds: LimitThresholds;
}

/** A placement as the API shows it. */
export function presentPlacement(
  network: PlacedNetwork,
  row: PlacementRow,
  { hosts, disputes, stations, thresholds }: PlacementContext,
): Placement {
  const dispute = disputeCondition(
    disputes.filter(({ hostId }) => hostId === row.hostId),
    row.observedGeneration,
  );
  const own = stations.get(row.hostId) ?? noStations;
  const many = stationsCondition(own, thresholds, {
    generation: row.observedGeneration,
    updatedAt: row.createdAt,
  });
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
    parent: parentOn(network, row.host.name),
    generation: network.generation,
    observedGeneration: row.observedGeneration,
    removing: row.removing || network.deletingSince !== null,
    dockerNetworkId: row.dockerNetworkId,
    link: row.link,
    lastAction: row.lastAction,
    observedAt: row.observedAt?.toISOString() ?? null,
    conflicts: row.conflicts as unknown as AddressConflict[],
    stations: { containers: own.containers, macs: own.macs },
    frames: row.frames as unknown as Frames | null,
    conditions: [...placementConditions(facts), dispute, many].filter((one) => one !== undefined),
  };
}
