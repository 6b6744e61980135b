import type {
  AddressClaim,
  AddressState,
  ClaimResult,
  LeaseShortage,
  ReturnReason,
} from '@trunkline/contracts';
import type { Query } from '../../platform/database/query.ts';

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
  onDemand: boolean;
}

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
  /** `cidr`: the subnet that the want named; `reason`: see `lease_batch` in prisma/functions. */
  | { kind: 'shortage'; cidr: string | null; missing: number; reason: LeaseShortage }
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

/** What became of a claim, and the address that it is about. `byMac`: its reservation has the MAC of the claim. */
export interface ClaimAnswer {
  outcome: ClaimOutcome;
  ip: string | null;
  byMac: boolean;
}

export async function claimLease(
  query: Query,
  hostId: string,
  { networkId, family, ip, mac, name }: ClaimItem,
  maxUnused: number,
): Promise<ClaimAnswer> {
  const [row] = await query<ClaimAnswer>(
    `SELECT outcome, ip, by_mac AS "byMac"
     FROM claim_lease($1::uuid, $2::uuid, $3::int, $4::inet, $5::text, $6::text, $7::int)`,
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
