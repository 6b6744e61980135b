import { containerPath } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { attachedContainers } from '../placements/attached-containers.ts';
import { placementStandings, type PlacementStandingRow } from '../placements/placement-standings.ts';
import type { NetworkRow } from './networks.store.ts';
import type { NetworkDifference } from './spec/network-difference.ts';

/** What force is about on a host. */
export type ForceablePlacement = Pick<
  PlacementStandingRow,
  'hostId' | 'host' | 'removing' | 'observedGeneration' | 'ready' | 'moves' | 'forceGeneration'
>;

/**
 * Hosts that force lets disconnect containers: those where the change makes Docker's network again, and those where the
 * present form is not real yet, or works with addresses of Docker's own. The latter may wait for containers that the
 * server does not know, and that only the host refused to pull it from under. Not those that are allowed it already, nor those that it leaves.
 */
export function forcedHosts<P extends ForceablePlacement>(
  placements: readonly P[],
  generation: number,
  difference: Pick<NetworkDifference, 'fields' | 'replaces' | 'reparents'>,
): P[] {
  return placements.filter(({ removing, host, ready, moves, observedGeneration, forceGeneration }) => {
    if (removing) return false;
    if (difference.replaces || difference.reparents(host)) return true;
    const isReal = ready?.status === 'True' && !moves && observedGeneration >= generation;
    return !isReal && (difference.fields.length > 0 || forceGeneration !== generation);
  });
}

/** Whom a forced change concerns, for the log of events: who has to expect a short break. */
export interface Forced {
  hostIds: string[];
  /** Hosts by name and containers by path, not all where there are many. */
  named: { hosts: string[]; containers: string[] };
}

const maxNamed = 100;

/** Finds out whom force concerns. Nothing is written. */
export async function forcedBy(
  change: Change,
  network: NetworkRow,
  difference: NetworkDifference,
): Promise<Forced> {
  const placements = await placementStandings(change.db, network.id);
  const forced = forcedHosts(placements, network.generation, difference);
  const hostIds = new Set(forced.map(({ hostId }) => hostId));
  const attached = await attachedContainers(change.db, network.id);
  return {
    hostIds: [...hostIds],
    named: {
      hosts: forced.slice(0, maxNamed).map(({ host }) => host),
      containers: attached
        .filter(({ hostId }) => hostIds.has(hostId))
        .slice(0, maxNamed)
        .map(({ container }) => containerPath(container)),
    },
  };
}
