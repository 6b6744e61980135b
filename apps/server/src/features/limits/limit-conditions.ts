import type { Condition, NetworkLimits, Stations } from '@trunkline/contracts';
import { condition } from '../../platform/conditions.ts';
import type { Pool } from './pool-outlook.ts';

/** From when on limits are shown as conditions; settings of the server. */
export type LimitThresholds = NetworkLimits['thresholds'];

/** What conditions of limits are dated by. */
export interface LimitStamp {
  generation: number;
  /** When the network was last changed: nothing is known of before. */
  updatedAt: Date;
}

interface Nearness {
  reason: 'FewLeft' | 'FullSoon';
  pool: Pool;
}

/** Whether a pool runs out, and by what; few addresses are worse than a trend. */
function nearness(pools: readonly Pool[], thresholds: LimitThresholds): Nearness | undefined {
  const few = pools.find(
    ({ allocatable, left }) =>
      BigInt(allocatable) > 0n &&
      BigInt(left) * 100n <= BigInt(allocatable) * BigInt(thresholds.poolLowPercent),
  );
  if (few !== undefined) return { reason: 'FewLeft', pool: few };
  const soon = pools.find(
    ({ daysUntilFull }) =>
      thresholds.poolLowDays > 0 && daysUntilFull !== null && daysUntilFull <= thresholds.poolLowDays,
  );
  return soon === undefined ? undefined : { reason: 'FullSoon', pool: soon };
}

/**
 * Condition `PoolNearlyFull` of a network; undefined while its addresses do not run out. Its time is that of the last sample that
 * showed more left, and so up to one pause between samples too early. Pure.
 */
export function poolCondition(
  pools: readonly Pool[],
  thresholds: LimitThresholds,
  { generation, updatedAt }: LimitStamp,
): Condition | undefined {
  const near = nearness(pools, thresholds);
  if (near === undefined) return undefined;
  const { family, left, allocatable, perDay, daysUntilFull, roomyAt, sampledFrom } = near.pool;
  const pace =
    daysUntilFull === null || perDay === null || left === '0'
      ? ''
      : `; at ${perDay} a day they last ${daysUntilFull} days`;
  return condition(
    'PoolNearlyFull',
    'True',
    near.reason,
    `IPv${family}: ${left} of ${allocatable} addresses are left${pace}. Add a subnet, widen ranges, or release reservations that nobody needs`,
    { generation, since: roomyAt ?? sampledFrom ?? updatedAt },
  );
}

/** Stations of a network on one host, as its last report had them. */
export interface PlacementStations extends Stations {
  /** Since when as many run as `ManyStations` takes; null: fewer do. */
  manySince: Date | null;
}

export const isMany = ({ macs }: Pick<Stations, 'macs'>, { manyStations }: LimitThresholds): boolean =>
  manyStations > 0 && macs >= manyStations;

/** Condition `ManyStations` of a placement; undefined while there are fewer. Pure. */
export function stationsCondition(
  stations: PlacementStations,
  thresholds: LimitThresholds,
  { generation, updatedAt }: LimitStamp,
): Condition | undefined {
  if (!isMany(stations, thresholds)) return undefined;
  return condition(
    'ManyStations',
    'True',
    'ManyMacs',
    `${stations.containers} containers with ${stations.macs} MACs are on the LAN from here; from ${thresholds.manyStations} on this is shown. Check what the switch and its port can learn`,
    { generation, since: stations.manySince ?? updatedAt },
  );
}
