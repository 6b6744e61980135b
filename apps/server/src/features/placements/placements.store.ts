import type { AddressConflict, Condition, Frames, HostSelector } from '@trunkline/contracts';
import type { TransactionClient } from '../../platform/database/database.ts';
import type { PlacedNetwork } from './placed-network.ts';

/** All networks that are not being removed, as far as selecting hosts goes. */
export function selectingNetworks(
  db: TransactionClient,
): Promise<{ id: string; name: string; generation: number; hostSelector: HostSelector }[]> {
  return db.$queryRaw`
    SELECT id, name, generation, host_selector AS "hostSelector" FROM network WHERE deleting_since IS NULL ORDER BY id`;
}

/** Locks networks by id, in the order of docs/locking.md; answers those that are there. */
export async function lockNetworksById(
  db: TransactionClient,
  ids: readonly string[],
): Promise<{ id: string; name: string; deleting: boolean }[]> {
  if (ids.length === 0) return [];
  return db.$queryRaw`
    SELECT id, name, deleting_since IS NOT NULL AS deleting FROM network
    WHERE id = ANY (${[...ids]}::uuid[]) ORDER BY id FOR NO KEY UPDATE`;
}

/** A network by name, as far as its place on hosts goes. */
export async function findPlacedNetwork(
  db: TransactionClient,
  name: string,
): Promise<PlacedNetwork | undefined> {
  const [row] = await db.$queryRaw<PlacedNetwork[]>`
    SELECT id, name, generation, deleting_since AS "deletingSince", parent, parents FROM network WHERE name = ${name}`;
  return row;
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

/** Lets hosts disconnect containers where the network must be made again to reach a generation. */
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
  frames: Frames | null;
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
        last_action = s."lastAction", conditions = s.conditions, conflicts = s.conflicts, frames = nullif(s.frames, 'null'), observed_at = ${observedAt},
        force_generation = CASE WHEN s."endsForce" AND s."observedGeneration" >= p.force_generation THEN NULL ELSE p.force_generation END
    FROM jsonb_to_recordset(${JSON.stringify(seen)}::jsonb)
      AS s ("networkId" uuid, "observedGeneration" integer, "dockerNetworkId" text, link text, "lastAction" text, conditions jsonb, conflicts jsonb, frames jsonb, "endsForce" boolean)
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
