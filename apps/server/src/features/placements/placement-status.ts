import { needsPerson, type Condition } from '@trunkline/contracts';
import { silentConditions, unseenConditions } from '../../platform/conditions.ts';
import type { PlacementStandingRow } from './placement-standings.ts';

/** A placement as far as its standing goes. */
export interface PlacementFacts {
  host: string;
  /** The host was heard of lately. */
  online: boolean;
  lastSeenAt: Date | null;
  removing: boolean;
  observedGeneration: number;
  createdAt: Date;
  /** As the agent last reported; empty: it has not looked yet. */
  conditions: readonly Condition[];
}

/** What a placement counts as. */
export type Standing = 'ready' | 'notReady' | 'unknown';

/** Where a placement stands towards the generation that should be real. What is older is not about it. */
export function standingOf(placement: PlacementFacts, generation: number): Standing {
  if (!placement.online) return 'unknown';
  if (placement.removing) return 'notReady';
  const ready = placement.conditions.find((condition) => condition.type === 'Ready');
  if (ready === undefined || placement.observedGeneration < generation) return 'unknown';
  return ready.status === 'True' ? 'ready' : ready.status === 'False' ? 'notReady' : 'unknown';
}

/** Whether only a person can make a placement ready, or let it go, as its host reported of the generation that should be real. */
export function waitsForPerson(
  placement: Pick<PlacementStandingRow, 'generation' | 'observedGeneration' | 'forceGeneration' | 'ready'>,
): boolean {
  const { generation, observedGeneration, forceGeneration, ready } = placement;
  if (observedGeneration < generation) return false;
  // A force that came later than the report.
  if (ready?.reason === 'ReplaceBlocked' && forceGeneration !== null && forceGeneration >= generation)
    return false;
  return needsPerson('placement', ready);
}

/** The conditions of a placement as the API shows them. */
export function placementConditions(placement: PlacementFacts): Condition[] {
  const { host, online, lastSeenAt, createdAt, conditions } = placement;
  if (!online) return silentConditions(host, lastSeenAt, createdAt, conditions);
  return conditions.length > 0 ? [...conditions] : unseenConditions(host, createdAt);
}
