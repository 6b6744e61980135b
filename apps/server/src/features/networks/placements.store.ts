import { addressBookType, movesWhenFree, type AddressConflict, type Condition } from '@trunkline/contracts';
import { Prisma, type TransactionClient } from '../../platform/database/database.ts';

/** A placement as far as the state of its network goes: a network may be on a thousand hosts. */
export interface PlacementStandingRow {
  hostId: string;
  host: string;
  lastSeenAt: Date | null;
  removing: boolean;
  /** Of the network, as it should be. */
  generation: number;
  observedGeneration: number;
  createdAt: Date;
  /** Up to this generation it may disconnect containers; null: it may not. */
  forceGeneration: number | null;
  /** Its condition `Ready`, when the agent has said one. */
  ready: Condition | null;
  /** Works, but Docker gives its addresses by itself until nobody is attached there. */
  moves: boolean;
}

/** The same as the database writes it. */
export type StandingJson = Omit<PlacementStandingRow, 'lastSeenAt' | 'createdAt'> & {
  lastSeenAt: string | null;
  createdAt: string;
};

const moves = JSON.stringify([{ type: addressBookType, reason: movesWhenFree }]);
const standing = Prisma.sql`
  jsonb_build_object(
    'hostId', p.host_id, 'host', h.name, 'lastSeenAt', h.last_seen_at, 'removing', p.removing, 'generation', n.generation,
    'observedGeneration', p.observed_generation, 'createdAt', p.created_at, 'forceGeneration', p.force_generation,
    'ready', jsonb_path_query_first(p.conditions, '$[*] ? (@.type == "Ready")'),
    'moves', coalesce(p.conditions @> ${moves}::jsonb, false)
  )`;

/** The placements of the network `n`, in the order of hosts' names: a column for `readStandings`. */
export const standingsOfNetwork = Prisma.sql`
  (SELECT coalesce(jsonb_agg(${standing} ORDER BY h.name), '[]')
   FROM placement p JOIN host h ON h.id = p.host_id WHERE p.network_id = n.id)`;

export const readStandings = (column: readonly StandingJson[]): PlacementStandingRow[] =>
  column.map((row) => ({
    ...row,
    lastSeenAt: row.lastSeenAt === null ? null : new Date(row.lastSeenAt),
    createdAt: new Date(row.createdAt),
  }));

/** The placements of a network that is there. */
export async function placementStandings(
  db: TransactionClient,
  networkId: string,
): Promise<PlacementStandingRow[]> {
  const [row] = await db.$queryRaw<{ standings: StandingJson[] }[]>`
    SELECT ${standingsOfNetwork} AS standings FROM network n WHERE n.id = ${networkId}::uuid`;
  return readStandings(row?.standings ?? []);
}

const withHost = { host: { select: { name: true, lastSeenAt: true } } } as const;

export type PlacementRow = Awaited<ReturnType<typeof listPlacements>>[number];

/** Up to `take` placements of a network after a host's name, in the order of hosts' names. */
export function listPlacements(
  db: TransactionClient,
  networkId: string,
  after: string | undefined,
  take: number,
) {
  return db.placement.findMany({
    where: { networkId, ...(after === undefined ? {} : { host: { name: { gt: after } } }) },
    orderBy: { host: { name: 'asc' } },
    take,
    include: withHost,
  });
}

export function findPlacement(
  db: TransactionClient,
  networkId: string,
  hostName: string,
): Promise<PlacementRow | null> {
  return db.placement.findFirst({ where: { networkId, host: { name: hostName } }, include: withHost });
}

/** Which hosts a network is on, and which of them it is leaving. */
export function placementsOf(
  db: TransactionClient,
  networkId: string,
): Promise<{ hostId: string; removing: boolean }[]> {
  return db.placement.findMany({ where: { networkId }, select: { hostId: true, removing: true } });
}

/** Which networks a host has, and which of them are leaving it. */
export function placementsOn(
  db: TransactionClient,
  hostId: string,
): Promise<{ networkId: string; removing: boolean }[]> {
  return db.placement.findMany({ where: { hostId }, select: { networkId: true, removing: true } });
}

export async function insertPlacements(
  db: TransactionClient,
  networkId: string,
  hostIds: readonly string[],
): Promise<void> {
  if (hostIds.length === 0) return;
  await db.$executeRaw`
    INSERT INTO placement (network_id, host_id) SELECT ${networkId}::uuid, host_id FROM unnest(${[...hostIds]}::uuid[]) AS host_id`;
}

/** Marks placements of a network as leaving, or as staying after all. */
export async function markPlacements(
  db: TransactionClient,
  networkId: string,
  hostIds: readonly string[],
  removing: boolean,
): Promise<void> {
  if (hostIds.length === 0) return;
  await db.placement.updateMany({ where: { networkId, hostId: { in: [...hostIds] } }, data: { removing } });
}

/** Lets hosts disconnect containers where the network must be made anew to reach a generation. */
export async function forcePlacements(
  db: TransactionClient,
  networkId: string,
  hostIds: readonly string[],
  generation: number,
): Promise<void> {
  if (hostIds.length === 0) return;
  await db.placement.updateMany({
    where: { networkId, hostId: { in: [...hostIds] } },
    data: { forceGeneration: generation },
  });
}

/** What an agent's report is compared with. */
export interface ReportedRow {
  networkId: string;
  network: string;
  generation: number;
  /** It should leave: the placement, or the network as a whole. */
  leaving: boolean;
  observedGeneration: number;
  conditions: Condition[];
  conflicts: AddressConflict[];
  /** Up to this generation it may disconnect containers; null: it may not. */
  forceGeneration: number | null;
}

export function placementsForReport(db: TransactionClient, hostId: string): Promise<ReportedRow[]> {
  return db.$queryRaw`
    SELECT p.network_id AS "networkId", n.name AS network, n.generation, p.removing OR n.deleting_since IS NOT NULL AS leaving,
           p.observed_generation AS "observedGeneration", p.conditions, p.conflicts, p.force_generation AS "forceGeneration"
    FROM placement p JOIN network n ON n.id = p.network_id WHERE p.host_id = ${hostId}::uuid`;
}

export interface PlacementWrite {
  networkId: string;
  observedGeneration: number;
  dockerNetworkId: string | null;
  link: string | null;
  lastAction: string | null;
  conditions: Condition[];
  conflicts: readonly AddressConflict[];
  /** What it was allowed by force is done. */
  endsForce: boolean;
}

/** Writes what an agent saw of its placements, in one statement that locks them in the order of their networks. */
export async function writePlacements(
  db: TransactionClient,
  hostId: string,
  observedAt: Date,
  seen: readonly PlacementWrite[],
): Promise<void> {
  if (seen.length === 0) return;
  await db.$executeRaw`
    WITH locked AS (
      SELECT network_id FROM placement WHERE host_id = ${hostId}::uuid ORDER BY network_id FOR NO KEY UPDATE
    )
    UPDATE placement p
    SET observed_generation = s."observedGeneration", docker_network_id = s."dockerNetworkId", link = s.link,
        last_action = s."lastAction", conditions = s.conditions, conflicts = s.conflicts, observed_at = ${observedAt},
        force_generation = CASE WHEN s."endsForce" AND s."observedGeneration" >= p.force_generation THEN NULL ELSE p.force_generation END
    FROM jsonb_to_recordset(${JSON.stringify(seen)}::jsonb)
      AS s ("networkId" uuid, "observedGeneration" integer, "dockerNetworkId" text, link text, "lastAction" text, conditions jsonb, conflicts jsonb, "endsForce" boolean)
    JOIN locked ON locked.network_id = s."networkId"
    WHERE p.network_id = s."networkId" AND p.host_id = ${hostId}::uuid`;
}

/** Drops a placement that should leave and has left; false when it should stay after all. */
export async function deleteLeftPlacement(
  db: TransactionClient,
  networkId: string,
  hostId: string,
): Promise<boolean> {
  const deleted = await db.$executeRaw`
    DELETE FROM placement p USING network n
    WHERE n.id = p.network_id AND p.network_id = ${networkId}::uuid AND p.host_id = ${hostId}::uuid
      AND (p.removing OR n.deleting_since IS NOT NULL)`;
  return deleted > 0;
}

/** Of some networks, those that are on the host to stay; kept there until the transaction ends. */
export async function keepPlacedOn(
  db: TransactionClient,
  networkIds: readonly string[],
  hostId: string,
): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT network_id AS id FROM placement
    WHERE host_id = ${hostId}::uuid AND network_id = ANY (${[...networkIds]}::uuid[]) AND NOT removing
    ORDER BY network_id FOR SHARE`;
  return rows.map(({ id }) => id);
}
