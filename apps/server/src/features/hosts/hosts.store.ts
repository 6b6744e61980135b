import { addressPath, containerPath, type Condition, type HostFacts } from '@trunkline/contracts';
import type { Prisma, TransactionClient } from '../../platform/database/database.ts';
import { namedWhere, type NamedQuery } from '../../platform/list-filters.ts';

const whole = { desired: true, recovery: true } as const;
export type HostRow = Prisma.HostGetPayload<{ include: typeof whole }>;

export function findHost(db: TransactionClient, name: string): Promise<HostRow | null> {
  return db.host.findUnique({ where: { name }, include: whole });
}

/**
 * The host, held until the transaction ends. NO KEY UPDATE: it does not stand in the way of rows that are being made to
 * refer to the host (placements, containers), whose foreign keys take KEY SHARE.
 */
export async function lockHost(db: TransactionClient, name: string): Promise<HostRow | null> {
  await db.$queryRaw`SELECT 1 FROM host WHERE name = ${name} FOR NO KEY UPDATE`;
  return findHost(db, name);
}

/** The host, kept from being retired until the transaction ends. */
export function keepHost(
  db: TransactionClient,
  name: string,
): Promise<{ id: string; name: string; labels: Record<string, string> }[]> {
  return db.$queryRaw`SELECT id, name, labels FROM host WHERE name = ${name} FOR KEY SHARE`;
}

/** When the recovery that goes on, or went on last, began; null: there was none. */
export async function recoveryBegan(db: TransactionClient): Promise<Date | null> {
  const [row] = await db.$queryRaw<{ since: Date }[]>`SELECT since FROM past`;
  return row?.since ?? null;
}

/** Addresses of a network that a host has held for a while and that no container was seen on. */
export interface UnusedLeases {
  hostId: string;
  network: string;
  unused: number;
  warm: number;
  since: Date;
}

/**
 * Where hosts hold many such addresses: more than the warm pool and half of what `lease_room` in prisma/functions gives them
 * beside it, for a minute.
 */
export function manyUnused(
  db: TransactionClient,
  hostIds: readonly string[],
  most: number,
  now: Date,
): Promise<UnusedLeases[]> {
  return db.$queryRaw`
    SELECT a.host_id AS "hostId", n.name AS network, n.warm,
           (count(*) FILTER (WHERE a.state = 'leased' AND NOT is_reserved(a)))::int AS unused,
           min(a.updated_at) FILTER (WHERE a.state = 'leased' AND NOT is_reserved(a)) AS since
    FROM address a JOIN network n ON n.id = a.network_id
    WHERE a.host_id = ANY (${[...hostIds]}::uuid[]) AND (a.state = 'bound' OR a.updated_at < ${new Date(now.getTime() - 60_000)})
    GROUP BY a.host_id, n.name, n.warm, family(a.ip)
    HAVING count(*) FILTER (WHERE a.state = 'leased' AND NOT is_reserved(a))
      > n.warm + GREATEST(${most}::int, count(*) FILTER (WHERE a.state = 'bound')) / 2
    ORDER BY n.name COLLATE "C"`;
}

/** Up to `take` hosts after a name, in the order of names. */
export function listHosts(
  db: TransactionClient,
  filter: NamedQuery,
  after: string | undefined,
  take: number,
): Promise<HostRow[]> {
  return db.host.findMany({
    where: {
      ...(after === undefined ? {} : { name: { gt: after } }),
      ...namedWhere(filter),
    },
    orderBy: { name: 'asc' },
    take,
    include: whole,
  });
}

export async function selectableHosts(
  db: TransactionClient,
  names?: readonly string[],
): Promise<{ id: string; name: string; labels: Record<string, string> }[]> {
  const rows = await db.host.findMany({
    where: names === undefined ? {} : { name: { in: [...names] } },
    orderBy: { name: 'asc' },
    select: { id: true, name: true, labels: true },
  });
  return rows.map((row) => ({ ...row, labels: row.labels as Record<string, string> }));
}

export function countHosts(db: TransactionClient): Promise<number> {
  return db.host.count();
}

export async function insertHost(
  db: TransactionClient,
  host: { name: string; publicKey: Uint8Array<ArrayBuffer>; conditions: Condition[]; at: Date },
): Promise<string> {
  const { name, publicKey, conditions, at } = host;
  const row = await db.host.create({
    data: { name, publicKey, conditions, lastSeenAt: at, createdAt: at },
    select: { id: true },
  });
  return row.id;
}

export async function writeLabels(
  db: TransactionClient,
  id: string,
  labels: Record<string, string>,
): Promise<void> {
  await db.host.update({ where: { id }, data: { labels, version: { increment: 1 } } });
}

export async function writeConditions(
  db: TransactionClient,
  id: string,
  conditions: Condition[],
): Promise<void> {
  await db.host.update({ where: { id }, data: { conditions } });
}

/** What a report changes; what is left out stays. Under the lock of the host's reports. */
export interface ReportWrite {
  lastSeenAt: Date;
  observedAt?: Date;
  observedRevision?: bigint;
  facts?: HostFacts;
  conditions?: Condition[];
}

const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

export async function writeReport(db: TransactionClient, id: string, write: ReportWrite): Promise<void> {
  const { lastSeenAt, observedAt = null, observedRevision = null, facts, conditions } = write;
  await db.$executeRaw`
    UPDATE host
    SET last_seen_at = ${lastSeenAt}, observed_at = coalesce(${observedAt}, observed_at),
        observed_revision = coalesce(${observedRevision}, observed_revision),
        facts = coalesce(${json(facts)}::jsonb, facts), conditions = coalesce(${json(conditions)}::jsonb, conditions)
    WHERE id = ${id}::uuid`;
}

/** A host as its reports left it. */
export interface ReportedHost {
  name: string;
  version: number;
  createdAt: Date;
  lastSeenAt: Date | null;
  observedAt: Date | null;
  conditions: Condition[];
  facts: HostFacts | null;
  desiredRevision: bigint;
}

/**
 * Waits for those who write before what the host is by its reports, and answers what it is then; undefined for one that was
 * retired. Nobody else writes that until the transaction ends.
 */
export async function lockHostReport(db: TransactionClient, id: string): Promise<ReportedHost | undefined> {
  const [row] = await db.$queryRaw<ReportedHost[]>`
    SELECT name, version, created_at AS "createdAt", last_seen_at AS "lastSeenAt", observed_at AS "observedAt", conditions,
           facts, desired_revision AS "desiredRevision" FROM lock_host_report(${id}::uuid)`;
  return row;
}

/** Hosts that fell silent and are not yet marked so. */
export function silentHosts(db: TransactionClient, before: Date, take: number): Promise<{ id: string }[]> {
  return db.$queryRaw`
    SELECT id FROM host
    WHERE last_seen_at < ${before} AND conditions @> '[{"type": "AgentConnected", "status": "True"}]'
    ORDER BY id LIMIT ${take}`;
}

/**
 * What a host still holds: paths of its containers, and of addresses that are bound there or reserved for something
 * there, and names of running containers on networks that some other tool started. What it has in advance is not held.
 */
export async function holdingsOf(
  db: TransactionClient,
  id: string,
  most: number,
  isSilent: boolean,
): Promise<{ containers: string[]; addresses: string[]; others: string[] }> {
  const containers = await db.$queryRaw<{ name: string }[]>`
    SELECT name FROM container WHERE host_id = ${id}::uuid ORDER BY name LIMIT ${most}`;
  const addresses = await db.$queryRaw<{ network: string; ip: string }[]>`
    SELECT n.name AS network, host(a.ip) AS ip
    FROM address a JOIN network n ON n.id = a.network_id LEFT JOIN container c ON c.id = a.container_id
    WHERE (a.host_id = ${id}::uuid OR c.host_id = ${id}::uuid) AND a.state <> 'quarantined'
      AND (a.state <> 'leased' OR is_reserved(a) OR ${isSilent}) ORDER BY n.name, a.ip LIMIT ${most}`;
  const others = await db.$queryRaw<{ name: string }[]>`
    SELECT DISTINCT e.name FROM endpoint e
    WHERE e.host_id = ${id}::uuid AND e.state IN ('running', 'paused')
      AND NOT EXISTS (SELECT 1 FROM container c WHERE c.host_id = e.host_id AND c.observed ->> 'dockerId' = e.docker_id)
    ORDER BY e.name LIMIT ${most}`;
  return {
    containers: containers.map(({ name }) => containerPath(name)),
    addresses: addresses.map(({ network, ip }) => addressPath(network, ip)),
    others: others.map(({ name }) => name),
  };
}

export async function deleteHost(db: TransactionClient, id: string): Promise<void> {
  await db.host.delete({ where: { id } });
}
