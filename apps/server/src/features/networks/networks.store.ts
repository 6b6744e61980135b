import type { AddressState } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { Prisma, type TransactionClient } from '../../platform/database/database.ts';
import { namedSql, type NamedQuery } from '../../platform/list-filters.ts';
import { limitsOfNetwork, readLimits, type LimitFacts, type LimitJson } from '../limits/limit-facts.ts';
import { columnsRead, columnsWritten } from './network-columns.ts';
import { networkFields, type NetworkSpec, type SubnetSpec } from './spec/network-fields.ts';
import {
  readStandings,
  standingsOfNetwork,
  type PlacementStandingRow,
  type StandingJson,
} from '../placements/placement-standings.ts';

/** A subnet; addresses in PostgreSQL's spelling, counts in decimal. */
export interface SubnetRow {
  id: string;
  cidr: string;
  gateway: string | null;
  ranges: string[];
  exclude: string[];
  allocatable: string;
  free: string;
}

/** The result of trying the wire of a network with `verify`. The feature that tries it writes it. */
export interface Verified {
  at: string;
  check: string;
  /** `faulty`: something does not pass. `partly`: a host could not take part, and nothing else is wrong. */
  outcome: 'fine' | 'partly' | 'faulty';
  message: string;
}

/** A network with its subnets, in their order. */
export interface NetworkRow extends Omit<NetworkSpec, 'subnets'> {
  id: string;
  name: string;
  space: string;
  generation: number;
  deletingSince: Date | null;
  createdAt: Date;
  updatedAt: Date;
  /** What came of trying its wire for `verify`; null: nothing yet. */
  verified: Verified | null;
  subnets: SubnetRow[];
}

/** A network with what its state follows from. */
export type ShownNetworkRow = NetworkRow & { placements: PlacementStandingRow[]; limits: LimitFacts };

/** What limits are read by: the time, and the percentage from which on little is left. */
export interface LimitQuery {
  now: Date;
  lowPercent: number;
}

/** A network `n` with its subnets, in one statement. */
const columnsOfNetwork = Prisma.sql`
           n.id, n.name, n.space, ${columnsRead(networkFields)}, n.generation, n.deleting_since AS "deletingSince",
           n.created_at AS "createdAt", n.updated_at AS "updatedAt", n.verified, (
             SELECT coalesce(jsonb_agg(jsonb_build_object(
               'id', s.id, 'cidr', text(s.cidr), 'gateway', host(s.gateway), 'ranges', s.ranges, 'exclude', s.exclude,
               'allocatable', text(s.allocatable), 'free', text(s.free)
             ) ORDER BY s.ordinal), '[]') FROM subnet s WHERE s.network_id = n.id
           ) AS subnets`;

/** `rest`: which networks, and in what order, of `network n`. */
const readNetworks = (db: TransactionClient, rest: Prisma.Sql): Promise<NetworkRow[]> =>
  db.$queryRaw`SELECT ${columnsOfNetwork} FROM network n ${rest}`;

async function readShown(
  db: TransactionClient,
  { now, lowPercent }: LimitQuery,
  rest: Prisma.Sql,
): Promise<ShownNetworkRow[]> {
  const rows = await db.$queryRaw<(NetworkRow & { placements: StandingJson[]; limits: LimitJson })[]>`
    SELECT ${columnsOfNetwork}, ${standingsOfNetwork} AS placements, ${limitsOfNetwork(now, lowPercent)} AS limits
    FROM network n ${rest}`;
  return rows.map((row) => ({
    ...row,
    placements: readStandings(row.placements),
    limits: readLimits(row.limits),
  }));
}

async function findNetwork(db: TransactionClient, name: string): Promise<NetworkRow | undefined> {
  const [row] = await readNetworks(db, Prisma.sql`WHERE n.name = ${name}`);
  return row;
}

/** A network by name or id, with what its state follows from. */
export async function findShown(
  db: TransactionClient,
  limits: LimitQuery,
  by: { name: string } | { id: string },
): Promise<ShownNetworkRow | undefined> {
  const which = 'id' in by ? Prisma.sql`n.id = ${by.id}::uuid` : Prisma.sql`n.name = ${by.name}`;
  const [row] = await readShown(db, limits, Prisma.sql`WHERE ${which}`);
  return row;
}

/** Whether there is a network of this name. */
export async function isTaken(db: TransactionClient, name: string): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`SELECT 1 FROM network WHERE name = ${name}`;
  return rows.length > 0;
}

/**
 * The network, held until the transaction ends. NO KEY UPDATE: an allocation that holds the subnets takes KEY SHARE on
 * the network for its foreign key, and would otherwise wait for whoever waits for it.
 */
export async function lockNetwork(db: TransactionClient, name: string): Promise<NetworkRow | undefined> {
  await db.$queryRaw`SELECT 1 FROM network WHERE name = ${name} FOR NO KEY UPDATE`;
  return findNetwork(db, name);
}

export interface NetworkFilter extends NamedQuery {
  /** On this host. */
  host?: string;
  /** With a subnet that has this address. Canonical. */
  address?: string;
}

/** Up to `take` networks after a name, in the order of names. */
export function listNetworks(
  db: TransactionClient,
  limits: LimitQuery,
  filter: NetworkFilter,
  after: string | undefined,
  take: number,
): Promise<ShownNetworkRow[]> {
  const { host, address } = filter;
  const conditions = [
    Prisma.sql`true`,
    ...(after === undefined ? [] : [Prisma.sql`n.name > ${after}`]),
    ...namedSql('n', filter),
    ...(host === undefined
      ? []
      : [
          Prisma.sql`EXISTS (SELECT 1 FROM placement p JOIN host h ON h.id = p.host_id WHERE p.network_id = n.id AND h.name = ${host})`,
        ]),
    ...(address === undefined
      ? []
      : [
          Prisma.sql`EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = n.id AND s.cidr >>= ${address}::inet)`,
        ]),
  ];
  return readShown(
    db,
    limits,
    Prisma.sql`WHERE ${Prisma.join(conditions, ' AND ')} ORDER BY n.name LIMIT ${take}`,
  );
}

type Column = Exclude<(typeof networkFields)[keyof NetworkSpec]['column'], null>;

/** A field whose column the table does not have does not compile here. */
const columns = (spec: NetworkSpec): Pick<Prisma.NetworkUncheckedCreateInput, Column> =>
  columnsWritten(networkFields, spec) as Pick<Prisma.NetworkUncheckedCreateInput, Column>;

export async function insertNetwork(
  db: TransactionClient,
  network: { name: string; space: string; spec: NetworkSpec; now: Date },
): Promise<string> {
  const { name, space, spec, now } = network;
  const { id } = await db.network.create({
    data: { name, space, ...columns(spec), createdAt: now, updatedAt: now },
    select: { id: true },
  });
  return id;
}

/** Writes the network as it should be, and raises its generation. */
export async function updateNetwork(
  db: TransactionClient,
  id: string,
  spec: NetworkSpec,
  now: Date,
): Promise<void> {
  await db.network.update({
    where: { id },
    data: { ...columns(spec), generation: { increment: 1 }, updatedAt: now },
  });
}

export async function markDeleting(db: TransactionClient, id: string, now: Date): Promise<void> {
  await db.network.update({
    where: { id },
    data: { deletingSince: now, updatedAt: now, generation: { increment: 1 } },
  });
}

/** A network that a container is to be attached to. */
export interface AttachableNetwork {
  id: string;
  name: string;
  deleting: boolean;
  /** Which IP versions it has subnets of. */
  families: (4 | 6)[];
}

/** Networks by name, kept as they are until the transaction ends. Those that do not exist are left out. */
export function findForAttachment(
  { db }: Pick<Change, 'db'>,
  names: readonly string[],
): Promise<AttachableNetwork[]> {
  return db.$queryRaw`
    SELECT n.id, n.name, n.deleting_since IS NOT NULL AS deleting,
           ARRAY(SELECT DISTINCT family(s.cidr) FROM subnet s WHERE s.network_id = n.id ORDER BY 1) AS families
    FROM network n WHERE n.name = ANY (${[...names]}::text[]) ORDER BY n.id FOR SHARE OF n`;
}

export async function deleteNetwork(db: TransactionClient, id: string): Promise<void> {
  await db.network.delete({ where: { id } });
}

/** Keeps the allocator out of the subnets of a network until the transaction ends. */
export async function lockSubnets(db: TransactionClient, networkId: string): Promise<void> {
  await db.$queryRaw`SELECT 1 FROM subnet WHERE network_id = ${networkId}::uuid ORDER BY id FOR UPDATE`;
}

/** A subnet of another network of the space that shares addresses with one of `cidrs`. */
export async function findOverlap(
  db: TransactionClient,
  space: string,
  cidrs: readonly string[],
  exceptNetworkId: string | null,
): Promise<{ asked: string; network: string; cidr: string } | undefined> {
  const [found] = await db.$queryRaw<{ asked: string; network: string; cidr: string }[]>`
    SELECT text(a.cidr) AS asked, n.name AS network, text(s.cidr) AS cidr
    FROM unnest(${[...cidrs]}::inet[]) WITH ORDINALITY AS a (cidr, ordinal)
    JOIN subnet s ON s.space = ${space} AND s.cidr && a.cidr
    JOIN network n ON n.id = s.network_id
    WHERE s.network_id IS DISTINCT FROM ${exceptNetworkId}::uuid ORDER BY a.ordinal LIMIT 1`;
  return found;
}

export async function insertSubnet(
  db: TransactionClient,
  network: { id: string; space: string },
  subnet: SubnetSpec,
  ordinal: number,
): Promise<string> {
  const { id } = await db.subnet.create({
    data: { networkId: network.id, space: network.space, ordinal, ...subnet },
    select: { id: true },
  });
  return id;
}

export async function updateSubnet(
  db: TransactionClient,
  id: string,
  subnet: SubnetSpec,
  ordinal: number,
): Promise<void> {
  const { gateway, ranges, exclude } = subnet;
  await db.subnet.update({ where: { id }, data: { ordinal, gateway, ranges, exclude } });
}

/** Up to `limit` addresses of a subnet that keep it; what is quarantined, or is in a warm pool only, does not. */
export function heldInSubnet(
  db: TransactionClient,
  subnetId: string,
  limit: number,
): Promise<{ ip: string; owner: string | null }[]> {
  return db.$queryRaw`
    SELECT host(ip) AS ip, owner FROM address
    WHERE subnet_id = ${subnetId}::uuid AND keeps_subnet(address) ORDER BY ip LIMIT ${limit}`;
}

export interface AddressInTheWay {
  state: AddressState;
  owner: string | null;
  host: string | null;
  container: string | null;
}

/** What has one address of a subnet, so that nothing else can be put there. */
export async function addressInTheWay(
  db: TransactionClient,
  subnetId: string,
  ip: string,
): Promise<AddressInTheWay | undefined> {
  const [inTheWay] = await db.$queryRaw<AddressInTheWay[]>`
    SELECT a.state::text AS state, a.owner, h.name AS host, COALESCE(c.name, a.container_name) AS container
    FROM address a LEFT JOIN host h ON h.id = a.host_id LEFT JOIN container c ON c.id = a.container_id
    WHERE a.subnet_id = ${subnetId}::uuid AND a.ip = ${ip}::inet
      AND a.state <> 'quarantined' AND (a.state <> 'conflicted' OR is_reserved(a))`;
  return inTheWay;
}

/** Ends quarantines no later than the network has it now. */
export async function shortenQuarantines(
  db: TransactionClient,
  networkId: string,
  seconds: number,
): Promise<void> {
  await db.$executeRaw`SELECT shorten_quarantines(${networkId}::uuid, ${seconds}::int)`;
}

/**
 * The subnet leaves, and with it what was quarantined or leased in advance there. An address that is held keeps it (foreign
 * key). Answers the hosts that held something: they have to confirm that they let go of it.
 */
export async function deleteSubnet(db: TransactionClient, subnetId: string): Promise<string[]> {
  const [row] = await db.$queryRaw<
    { hosts: string[] }[]
  >`SELECT revoke_subnet(${subnetId}::uuid)::text[] AS hosts`;
  await db.$executeRaw`SELECT drop_of_subnet(${subnetId}::uuid)`;
  await db.$executeRaw`SELECT drop_stations_of_subnet(${subnetId}::uuid)`;
  await db.subnet.delete({ where: { id: subnetId } });
  return row?.hosts ?? [];
}
