import type { Stations } from '@trunkline/contracts';
import { canonicalSubnet } from '../../platform/database/inet.ts';
import { Prisma, type TransactionClient } from '../../platform/database/database.ts';
import type { PlacementStations } from './limit-conditions.ts';
import type { PoolRow } from './pool-outlook.ts';

/** How long samples are kept and looked at, in milliseconds. */
export const sampledForMs = 7 * 86_400_000;

/** What the database says of the limits of a network. */
export interface LimitFacts {
  pools: PoolRow[];
  stations: Stations;
}

/** The same as the database writes it. */
export interface LimitJson {
  pools: (Omit<PoolRow, 'sampledFrom' | 'sampledTo' | 'roomyAt'> & {
    sampledFrom: string | null;
    sampledTo: string | null;
    roomyAt: string | null;
  })[];
  stations: Stations;
}

/** A row of `endpoint e` that is a station on the LAN. */
export const isStation = Prisma.sql`e.state IN ('running', 'paused') AND (e.ipv4 IS NOT NULL OR e.ipv6 IS NOT NULL)`;

/** The subnets of the network `n` with what is left of each: a column for `readPools`. */
export function poolsOfNetwork(now: Date, lowPercent: number): Prisma.Sql {
  const since = new Date(now.getTime() - sampledForMs);
  return Prisma.sql`
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
       'cidr', p.cidr, 'family', p.family, 'allocatable', p.allocatable, 'free', p.free, 'leased', p.leased,
       'quarantined', p.quarantined, 'samples', p.samples, 'sampledFrom', p.sampled_from, 'sampledTo', p.sampled_to,
       'perDay', p.per_day, 'fit', p.fit, 'roomyAt', p.roomy_at
     ) ORDER BY p.ordinal), '[]') FROM pools_of(n.id, ${since}::timestamptz, ${lowPercent}::integer) AS p)`;
}

/** The limits of the network `n`: a column for `readLimits`. */
export const limitsOfNetwork = (now: Date, lowPercent: number): Prisma.Sql => Prisma.sql`
  jsonb_build_object(
    'pools', ${poolsOfNetwork(now, lowPercent)},
    'stations', (
      SELECT jsonb_build_object('containers', count(DISTINCT (e.host_id, e.docker_id)), 'macs', count(DISTINCT e.mac))
      FROM endpoint e WHERE e.network_id = n.id AND ${isStation}
    )
  )`;

const dateOf = (text: string | null): Date | null => (text === null ? null : new Date(text));

export const readPools = (pools: LimitJson['pools']): PoolRow[] =>
  pools.map((row) => ({
    ...row,
    cidr: canonicalSubnet({ cidr: row.cidr, gateway: null }).cidr,
    sampledFrom: dateOf(row.sampledFrom),
    sampledTo: dateOf(row.sampledTo),
    roomyAt: dateOf(row.roomyAt),
  }));

export const readLimits = ({ pools, stations }: LimitJson): LimitFacts => ({
  pools: readPools(pools),
  stations,
});

/** Stations of a network on one of its hosts or on all, by the id of the host; those without any are left out. */
export async function stationsOnHosts(
  db: TransactionClient,
  networkId: string,
  host: string | null,
  many: number,
): Promise<Map<string, PlacementStations>> {
  const rows = await db.$queryRaw<(PlacementStations & { hostId: string })[]>`
    SELECT e.host_id AS "hostId", count(DISTINCT e.docker_id)::int AS containers, count(DISTINCT e.mac)::int AS macs,
           (array_agg(e.since ORDER BY e.since))[${many}::int] AS "manySince"
    FROM endpoint e JOIN host h ON h.id = e.host_id
    WHERE e.network_id = ${networkId}::uuid AND ${isStation} AND (${host}::text IS NULL OR h.name = ${host})
    GROUP BY e.host_id`;
  return new Map(rows.map(({ hostId, ...stations }) => [hostId, stations]));
}

export const noStations: PlacementStations = { containers: 0, macs: 0, manySince: null };
