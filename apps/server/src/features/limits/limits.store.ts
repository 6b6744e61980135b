import type { TransactionClient } from '../../platform/database/database.ts';
import { limitsOfNetwork, readLimits, type LimitFacts, type LimitJson } from './limit-facts.ts';

/** A network as far as its limits go. */
export interface LimitedNetwork extends LimitFacts {
  name: string;
  generation: number;
  updatedAt: Date;
  /** Of each subnet: its ranges as asked for, and what it gives out by itself. */
  subnets: { id: string; ranges: string[]; allocatable: { first: string; last: string }[] }[];
}

export async function findLimits(
  db: TransactionClient,
  name: string,
  now: Date,
  lowPercent: number,
): Promise<LimitedNetwork | undefined> {
  const [row] = await db.$queryRaw<(Omit<LimitedNetwork, keyof LimitFacts> & { limits: LimitJson })[]>`
    SELECT n.name, n.generation, n.updated_at AS "updatedAt", ${limitsOfNetwork(now, lowPercent)} AS limits, (
             SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'ranges', s.ranges, 'allocatable', (
               SELECT coalesce(jsonb_agg(jsonb_build_object('first', host(r.first), 'last', host(r.last)) ORDER BY r.first), '[]')
               FROM subnet_range r WHERE r.subnet_id = s.id AND r.kind = 'allocatable' AND cardinality(s.ranges) > 0
             )) ORDER BY s.ordinal), '[]') FROM subnet s WHERE s.network_id = n.id
           ) AS subnets
    FROM network n WHERE n.name = ${name}`;
  if (row === undefined) return undefined;
  const { limits, ...network } = row;
  return { ...network, ...readLimits(limits) };
}

/** A range whose addresses are counted; both ends included. */
export interface CountedRange {
  subnetId: string;
  first: string;
  last: string;
}

/** How many addresses in each of the ranges a container can not get any more, in their order. */
export async function countTaken(db: TransactionClient, ranges: readonly CountedRange[]): Promise<number[]> {
  if (ranges.length === 0) return [];
  const rows = await db.$queryRaw<{ taken: number }[]>`
    SELECT (
      SELECT count(*) FROM address a
      WHERE a.network_id = s.network_id AND a.ip BETWEEN r.first AND r.last AND NOT is_spare(a) AND is_allocatable(s.id, a.ip)
    )::int AS taken
    FROM jsonb_to_recordset(${JSON.stringify(ranges.map((range, ordinal) => ({ ...range, ordinal })))}::jsonb)
      AS r ("subnetId" uuid, first inet, last inet, ordinal integer)
    JOIN subnet s ON s.id = r."subnetId" ORDER BY r.ordinal`;
  return rows.map(({ taken }) => taken);
}

/** Takes a sample of every subnet for a time, once, and drops those from before `since`. */
export async function samplePools(
  db: Pick<TransactionClient, '$executeRaw'>,
  at: Date,
  since: Date,
): Promise<void> {
  await db.$executeRaw`SELECT sample_pools(${at}::timestamptz, ${since}::timestamptz)`;
}
