import type {
  AddressClaim,
  AddressState,
  ClaimResult,
  LeaseShortage,
  Recall,
  ReturnReason,
  Revocation,
} from '@trunkline/contracts';
import { formatIp, parseIp } from '@trunkline/netaddr';
import { Prisma, type TransactionClient } from '../../platform/database/database.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import type { Query } from '../../platform/database/query.ts';
import { familyWords } from './held-lease.ts';

/** A return as the database takes it; the address and MAC in canonical form. */
export interface ReturnItem {
  networkId: string;
  ip: string;
  generation: number;
  reason: ReturnReason;
  mac: string | null;
}

export interface WantItem {
  networkId: string;
  family: 4 | 6;
  /** Of this one alone; undefined: of any. */
  subnet?: string;
  count: number;
  urgent: boolean;
}

/** Why a want was not met: see `lease_batch` in prisma/functions. */
export type ShortReason = LeaseShortage;

/** What one host returns and wants. */
export interface LeaseAsk {
  host: string;
  /** How many it may hold of a network that no container was seen on: see `lease_room` in prisma/functions. */
  unused: number;
  returns: readonly ReturnItem[];
  wants: readonly WantItem[];
}

export type BatchRow = { pos: number; networkId: string; fam: 4 | 6 } & (
  | { kind: 'granted'; ip: string; cidr: string; generation: string }
  /** `cidr`: the subnet that the want named. */
  | { kind: 'short'; cidr: string | null; missing: number; reason: ShortReason }
);

/** Takes what hosts return and grants what they want, in one statement, which is one transaction. */
export function leaseBatch(query: Query, asks: readonly LeaseAsk[]): Promise<BatchRow[]> {
  const asked = asks.map((ask, pos) => ({ pos, ...ask }));
  return query(
    `SELECT pos, kind, network_id AS "networkId", fam, ip, cidr, generation, missing, reason FROM lease_batch($1::jsonb)`,
    [JSON.stringify(asked)],
  );
}

/** An address that a host holds. */
export interface HeldRow {
  networkId: string;
  ip: string;
  cidr: string;
  generation: string;
  owner: string | null;
  /** It goes back to a reservation when it is returned. */
  reserved: boolean;
  mac: string | null;
  /** Of a reservation: who of the host may take it by its address. */
  claim: AddressClaim | null;
  state: 'leased' | 'bound';
}

const heldColumns = `a.network_id AS "networkId", host(a.ip) AS ip, text(a.cidr) AS cidr, a.generation, a.owner, is_reserved(a) AS reserved, a.mac,
  CASE WHEN is_reserved(a) THEN who_may(a) END AS claim, a.state::text AS state`;

/** What differs between the book and what a host reports that it holds. */
export async function compareHeld(
  query: Query,
  hostId: string,
  held: readonly { networkId: string; ip: string; generation: number }[],
): Promise<{ unlisted: HeldRow[]; unknown: { networkId: string; ip: string }[] }> {
  const rows = await query<HeldRow & { saidNetwork: string | null; saidIp: string | null }>(
    `SELECT ${heldColumns}, h."networkId" AS "saidNetwork", host(h.ip) AS "saidIp"
     FROM (SELECT * FROM address WHERE host_id = $1::uuid AND NOT from_inventory) AS a
     FULL JOIN jsonb_to_recordset($2::jsonb) AS h ("networkId" uuid, ip inet, generation bigint)
       ON a.network_id = h."networkId" AND a.ip = h.ip AND a.generation = h.generation
     WHERE a.ip IS NULL OR h.ip IS NULL ORDER BY a.network_id, a.ip, h.ip`,
    [hostId, JSON.stringify(held)],
  );
  return {
    unlisted: rows.filter(({ saidIp }) => saidIp === null),
    unknown: rows.flatMap(({ saidNetwork: networkId, saidIp: ip }) =>
      networkId === null || ip === null ? [] : [{ networkId, ip }],
    ),
  };
}

/** Of what a host returned, what it holds all the same: its return named another generation and was passed over. */
export function stillHeld(
  query: Query,
  hostId: string,
  returned: readonly { networkId: string; ip: string }[],
): Promise<HeldRow[]> {
  return query(
    `SELECT ${heldColumns} FROM jsonb_to_recordset($2::jsonb) AS r ("networkId" uuid, ip inet)
     JOIN address a ON a.network_id = r."networkId" AND a.ip = r.ip AND a.host_id = $1::uuid ORDER BY a.network_id, a.ip`,
    [hostId, JSON.stringify(returned.map(({ networkId, ip }) => ({ networkId, ip })))],
  );
}

/** An address that a host holds; undefined when it does not. */
export async function findHeld(
  query: Query,
  hostId: string,
  networkId: string,
  ip: string,
): Promise<HeldRow | undefined> {
  const [row] = await query<HeldRow>(
    `SELECT ${heldColumns} FROM address a WHERE a.network_id = $1::uuid AND a.ip = $2::inet AND a.host_id = $3::uuid`,
    [networkId, ip, hostId],
  );
  return row;
}

/** What `claim_lease` in prisma/functions made of a claim. */
export type ClaimOutcome = Exclude<ClaimResult, 'mac_in_use'>;

export interface ClaimItem {
  networkId: string;
  family: 4 | 6;
  ip: string | null;
  mac: string | null;
  name: string | null;
}

export async function claimLease(
  query: Query,
  hostId: string,
  { networkId, family, ip, mac, name }: ClaimItem,
  maxUnused: number,
): Promise<{ outcome: ClaimOutcome; ip: string | null }> {
  const [row] = await query<{ outcome: ClaimOutcome; ip: string | null }>(
    'SELECT * FROM claim_lease($1::uuid, $2::uuid, $3::int, $4::inet, $5::text, $6::text, $7::int)',
    [hostId, networkId, family, ip, mac, name, maxUnused],
  );
  if (row === undefined) throw new Error('the database gave no answer to a claim');
  return row;
}

export async function networkName(query: Query, networkId: string): Promise<string | undefined> {
  const [row] = await query<{ name: string }>('SELECT name FROM network WHERE id = $1::uuid', [networkId]);
  return row?.name;
}

/**
 * What a container that waits may count on: an address now (`free`), or one that another host may return (`recallable`). A
 * look without locks, before the try with them.
 */
export async function availability(
  query: Query,
  hostId: string,
  networkId: string,
  family: 4 | 6,
  subnet: string | null,
): Promise<{ free: boolean; recallable: boolean }> {
  const [row] = await query<{ free: boolean; recallable: boolean }>(
    `SELECT EXISTS (
       SELECT 1 FROM subnet s WHERE s.network_id = $2::uuid AND family(s.cidr) = $3::int AND ($4::inet IS NULL OR s.cidr = $4::inet)
         AND (s.free > 0 OR EXISTS (SELECT 1 FROM address a WHERE a.subnet_id = s.id AND a.state = 'quarantined'))
     ) AS free, EXISTS (
       SELECT 1 FROM address a
       WHERE a.network_id = $2::uuid AND family(a.ip) = $3::int AND a.state = 'leased' AND a.host_id <> $1::uuid
         AND ($4::inet IS NULL OR a.cidr = $4::inet)
     ) AS recallable`,
    [hostId, networkId, family, subnet],
  );
  return row ?? { free: false, recallable: false };
}

/** How full the subnets of one IP version of a network are, and who holds how many, largest first. */
export interface HoldersRow {
  cidr: string;
  allocatable: string;
  free: string;
  /** Null for those that no host holds. */
  host: string | null;
  state: AddressState | null;
  count: number;
}

export function holdersOf(
  query: Query,
  networkId: string,
  family: 4 | 6,
  subnet: string | null,
): Promise<HoldersRow[]> {
  return query(
    `SELECT text(s.cidr) AS cidr, s.allocatable::text, s.free::text, h.name AS host,
            CASE WHEN a.host_id IS NULL THEN a.state::text ELSE 'bound' END AS state, count(a.ip)::int AS count
     FROM subnet s LEFT JOIN address a ON a.subnet_id = s.id LEFT JOIN host h ON h.id = a.host_id
     WHERE s.network_id = $1::uuid AND family(s.cidr) = $2::int AND ($3::inet IS NULL OR s.cidr = $3::inet)
     GROUP BY s.ordinal, s.cidr, s.allocatable, s.free, h.name, 5 ORDER BY s.ordinal, count(a.ip) DESC, h.name`,
    [networkId, family, subnet],
  );
}

/** Networks that some hosts are asked to return unused leases of. */
export const recallsOfHosts: HostQuery<Recall> = {
  rows: (hostIds) => Prisma.sql`
    SELECT x.host_id, x.network_id || ' ' || x.family, jsonb_build_object('networkId', x.network_id, 'family', x.family)
    FROM recall_host x JOIN recall r USING (network_id, family)
    WHERE x.host_id = ANY (${[...hostIds]}::uuid[]) AND r.until > now()`,
  read: ({ networkId, family }: { networkId: string; family: 4 | 6 }) => ({
    networkId,
    family: familyWords[family],
  }),
};

/** Holds of hosts that the server has ended and that they have not confirmed. */
export const revocationsOfHosts: HostQuery<Revocation> = {
  rows: (hostIds) => Prisma.sql`
    SELECT r.host_id, r.space || ' ' || host(r.ip),
           jsonb_build_object('networkId', r.network_id, 'ip', host(r.ip), 'generation', r.generation)
    FROM revocation r WHERE r.host_id = ANY (${[...hostIds]}::uuid[]) AND r.confirmed_at IS NULL`,
  read: (one: Revocation) => ({ ...one, ip: formatIp(parseIp(one.ip)) }),
};

/** A host has it on its disk that these holds are over; answers what is free by that. */
export function confirmRevocations(
  db: TransactionClient,
  hostId: string,
  confirmed: readonly Revocation[],
): Promise<{ network: string; ip: string }[]> {
  return db.$queryRaw`SELECT * FROM confirm_revocations(${hostId}::uuid, ${JSON.stringify(confirmed)}::jsonb)`;
}

/**
 * Asks every host that holds something of a network in advance to return it. `notified` are those that were not asked
 * yet; `holding` is false when there is none to ask.
 */
export async function recallOfNetwork(
  db: TransactionClient,
  network: string,
  family: 4 | 6,
  wanted: number,
): Promise<{ holding: boolean; notified: { id: string; name: string }[] }> {
  const [row] = await db.$queryRaw<{ holding: boolean; notified: string[] }[]>`
    SELECT h.hosts IS NOT NULL AS holding,
           CASE WHEN h.hosts IS NULL THEN '{}' ELSE recall_leases(h.id, ${family}::int, h.hosts, 30)::text[] END AS notified
    FROM (
      SELECT n.id, array_agg(DISTINCT a.host_id) FILTER (WHERE a.state = 'leased') AS hosts FROM network n
      JOIN address a ON a.network_id = n.id AND family(a.ip) = ${family}::int AND a.state IN ('leased', 'quarantined')
      WHERE n.name = ${network} GROUP BY n.id
      HAVING count(*) + (SELECT sum(s.free) FROM subnet s WHERE s.network_id = n.id AND family(s.cidr) = ${family}::int) >= ${wanted}
    ) AS h`;
  return row === undefined
    ? { holding: false, notified: [] }
    : { holding: row.holding, notified: await named(db, row.notified) };
}

/** As `recallOfNetwork`, asks the one host that holds an address in advance; for 10 s. */
export async function recallOfAddress(
  db: TransactionClient,
  network: string,
  ip: string,
): Promise<{ holding: boolean; notified: { id: string; name: string }[] }> {
  const [row] = await db.$queryRaw<{ notified: string[] }[]>`
    SELECT recall_leases(a.network_id, family(a.ip), ARRAY[a.host_id], 10)::text[] AS notified
    FROM address a JOIN network n ON n.id = a.network_id
    WHERE n.name = ${network} AND a.ip = ${ip}::inet AND a.state = 'leased' AND NOT is_reserved(a)`;
  return row === undefined
    ? { holding: false, notified: [] }
    : { holding: true, notified: await named(db, row.notified) };
}

const named = (db: TransactionClient, ids: readonly string[]): Promise<{ id: string; name: string }[]> =>
  db.host.findMany({
    where: { id: { in: [...ids] } },
    orderBy: { name: 'asc' },
    select: { id: true, name: true },
  });

/** Drops recalls that are over; answers the networks and the hosts that were asked. */
export function endRecalls(
  db: TransactionClient,
): Promise<{ network: string; family: number; hosts: string[] }[]> {
  return db.$queryRaw`
    WITH due AS (
      SELECT network_id, family FROM recall WHERE until <= now() ORDER BY network_id, family LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), asked AS (
      SELECT d.network_id, d.family, array_agg(x.host_id::text) FILTER (WHERE x.host_id IS NOT NULL) AS hosts
      FROM due d LEFT JOIN recall_host x USING (network_id, family) GROUP BY d.network_id, d.family
    ), gone AS (
      DELETE FROM recall r USING due WHERE r.network_id = due.network_id AND r.family = due.family RETURNING r.network_id, r.family
    )
    SELECT n.name AS network, gone.family, COALESCE(asked.hosts, '{}') AS hosts
    FROM gone JOIN asked USING (network_id, family) JOIN network n ON n.id = gone.network_id`;
}

/** What became of an address in conflict: it is to be asked for on the wire again, or is bound to the container that has it. */
export type EndedConflict = { network: string; ip: string; owner: string | null } & (
  | { kind: 'recheck' }
  | {
      kind: 'bound';
      host: string;
      container: string;
      dockerId: string;
      mac: string | null;
      generation: bigint;
    }
);

/** Ends the conflicts whose time has come. */
export async function endConflicts(db: TransactionClient, most: number): Promise<EndedConflict[]> {
  const due = await db.$queryRaw<{ id: string }[]>`
    SELECT s.id FROM subnet s
    WHERE EXISTS (SELECT 1 FROM address a WHERE a.subnet_id = s.id AND a.state = 'conflicted' AND a.recheck_at <= now())
    ORDER BY s.id FOR UPDATE OF s SKIP LOCKED`;
  const ended: EndedConflict[] = [];
  for (const { id } of due)
    ended.push(
      ...(await db.$queryRaw<EndedConflict[]>`
        SELECT kind, network, ip, owner, host, container, docker_id AS "dockerId", mac, generation
        FROM end_conflicts(${id}::uuid, ${most}::int)`),
    );
  return ended;
}

/** Ends all holds of a host on the network, or on every one; answers the addresses. Locks the subnets in the order of docs/locking.md. */
export async function endHoldsOf(
  db: TransactionClient,
  hostId: string,
  networkId: string | null,
): Promise<
  { network: string; ip: string; owner: string | null; container: string | null; state: AddressState }[]
> {
  // Also where it holds nothing yet: a grant that is under way there is waited for, and the next finds no placement.
  await db.$queryRaw`
    SELECT lock_subnets(x.id, x.family) FROM (
      SELECT n.id, f.family FROM network n CROSS JOIN (VALUES (4), (6)) AS f (family)
      WHERE (${networkId}::uuid IS NULL OR n.id = ${networkId}::uuid)
        AND (EXISTS (SELECT 1 FROM placement p WHERE p.network_id = n.id AND p.host_id = ${hostId}::uuid)
          OR EXISTS (SELECT 1 FROM address a WHERE a.network_id = n.id AND a.host_id = ${hostId}::uuid))
      ORDER BY n.name COLLATE "C", f.family OFFSET 0
    ) AS x`;
  return db.$queryRaw`
    SELECT n.name AS network, host(a.ip) AS ip, a.owner, a.container_name AS container, a.state::text AS state
    FROM address a JOIN network n ON n.id = a.network_id
    CROSS JOIN LATERAL (SELECT end_hold(a, 'released', NULL, false)) AS ended
    WHERE a.host_id = ${hostId}::uuid AND (${networkId}::uuid IS NULL OR a.network_id = ${networkId}::uuid)`;
}
