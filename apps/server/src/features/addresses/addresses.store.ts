import type { Database } from '../../platform/database/database.ts';
import type { Query } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import type { KeptAddress } from './hosts-own.ts';
import { addressColumns, addressJoins, type AddressRow } from './address-rows.ts';

export interface AddressFilter {
  state?: string;
  owner?: string;
  host?: string;
  container?: string;
  /** Canonical; asked for or seen. */
  mac?: string;
  labels?: Record<string, string>;
}

/** Addresses of a network after one, in the order of their IPs. */
export function listAddresses(
  query: Query,
  networkId: string,
  filter: AddressFilter,
  after: string | undefined,
  limit: number,
): Promise<AddressRow[]> {
  const values: unknown[] = [networkId, limit];
  const where = ['a.network_id = $1::uuid'];
  const add = (sql: (n: number) => string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    where.push(sql(values.length));
  };
  add((n) => `a.ip > $${n}::inet`, after);
  add((n) => `a.state = $${n}::address_state`, filter.state);
  add((n) => `a.owner = $${n}`, filter.owner);
  add((n) => `h.name = $${n}`, filter.host);
  add((n) => `COALESCE(c.name, a.container_name) = $${n}`, filter.container);
  add((n) => `(a.mac = $${n} OR a.seen_mac = $${n})`, filter.mac);
  add((n) => `a.labels @> $${n}::jsonb`, filter.labels && JSON.stringify(filter.labels));
  return query(
    `SELECT ${addressColumns} FROM address a ${addressJoins} WHERE ${where.join(' AND ')} ORDER BY a.ip LIMIT $2::int`,
    values,
  );
}

export async function findAddress(
  query: Query,
  networkId: string,
  ip: string,
): Promise<AddressRow | undefined> {
  const [row] = await query<AddressRow>(
    `SELECT ${addressColumns} FROM address a ${addressJoins} WHERE a.network_id = $1::uuid AND a.ip = $2::inet`,
    [networkId, ip],
  );
  return row;
}

/** As `findAddress`, and holds the row until the transaction ends, after the subnets (docs/locking.md). */
export async function lockAddress(
  query: Query,
  networkId: string,
  ip: string,
): Promise<AddressRow | undefined> {
  await query(`SELECT lock_subnets($1::uuid, family($2::inet))`, [networkId, ip]);
  await query(`SELECT 1 FROM address WHERE network_id = $1::uuid AND ip = $2::inet FOR UPDATE`, [
    networkId,
    ip,
  ]);
  return findAddress(query, networkId, ip);
}

export interface FreeRangeRow {
  subnet: string;
  ordinal: number;
  first: string;
  last: string;
}

/** Runs of free addresses after a place, subnet by subnet. */
export function freeRanges(
  query: Query,
  networkId: string,
  after: { ordinal: number; last: string } | undefined,
  limit: number,
): Promise<FreeRangeRow[]> {
  return query(
    `SELECT text(s.cidr) AS subnet, s.ordinal, host(e.first) AS first, host(e.last) AS last
     FROM free_extent e JOIN subnet s ON s.id = e.subnet_id
     WHERE s.network_id = $1::uuid AND ($3::int IS NULL OR (s.ordinal, e.last) > ($3::int, $4::inet))
     ORDER BY s.ordinal, e.last LIMIT $2::int`,
    [networkId, limit, after?.ordinal ?? null, after?.last ?? null],
  );
}

/** Ends the hold on addresses; answers how many that changed. */
export async function releaseAddresses(
  query: Query,
  networkId: string,
  ips: readonly string[],
  immediately: boolean,
): Promise<number> {
  const [row] = await query<{ n: number }>(
    `SELECT release_addresses($1::uuid, $2::inet[], $3::boolean) AS n`,
    [networkId, [...ips], immediately],
  );
  return row?.n ?? 0;
}

/**
 * Takes an address away from the host that holds it; answers the host's id, undefined where none does. Nobody is given the
 * address before the host confirms, which `isAwaited` answers. The subnets are locked.
 */
export async function revokeAddress(
  query: Query,
  networkId: string,
  ip: string,
): Promise<string | undefined> {
  const [row] = await query<{ host: string | null }>('SELECT revoke_address($1::uuid, $2::inet) AS host', [
    networkId,
    ip,
  ]);
  return row?.host ?? undefined;
}

/** Whether a host has to confirm yet that it lets go of an address that is nobody's else. */
export async function isAwaited(query: Query, networkId: string, ip: string): Promise<boolean> {
  const rows = await query(
    'SELECT 1 FROM address WHERE network_id = $1::uuid AND ip = $2::inet AND awaiting_host_id IS NOT NULL',
    [networkId, ip],
  );
  return rows.length > 0;
}

/** What keeps a network: an address of it, and who has it. */
export interface AddressHolder {
  ip: string;
  owner: string | null;
  container: string | null;
  host: string | null;
}

/**
 * Rows of `address a` that keep their network; the rest goes with it. A conflict is kept only for its reservation, and what
 * was only seen in use, on a network that Docker gives the addresses of, not at all.
 */
const keeps = `(a.state IN ('reserved', 'bound') OR is_reserved(a)) AND a.state <> 'quarantined' AND NOT a.from_inventory`;

export async function countHolders(query: Query, networkId: string, gone: boolean): Promise<number> {
  const [row] = await query<{ n: number }>(
    `SELECT count(*)::int AS n FROM address a
     WHERE a.network_id = $1::uuid AND ${keeps} AND NOT ($2::boolean AND a.host_id IS NOT NULL AND NOT is_reserved(a))`,
    [networkId, gone],
  );
  return row?.n ?? 0;
}

export function listHolders(query: Query, networkId: string, limit: number): Promise<AddressHolder[]> {
  return query(
    `SELECT host(a.ip) AS ip, a.owner, COALESCE(c.name, a.container_name) AS container, h.name AS host FROM address a ${addressJoins}
     WHERE a.network_id = $1::uuid AND ${keeps} ORDER BY a.ip LIMIT $2::int`,
    [networkId, limit],
  );
}

/** Drops the addresses of a network that do not keep it. */
export async function forgetAddresses(query: Query, networkId: string): Promise<void> {
  await query('SELECT drop_of_network($1::uuid)::text', [networkId]);
}

/**
 * Writes what a subnet's ranges come to, builds its free space, and keeps what hosts have of it; answers that. `size`: how
 * many addresses may be given out.
 */
export function writeRanges(
  query: Query,
  subnetId: string,
  ranges: readonly { kind: 'allocatable' | 'excluded'; first: string; last: string }[],
  size: bigint,
): Promise<KeptAddress[]> {
  return query('SELECT * FROM prepare_subnet($1::uuid, $2::text[], $3::inet[], $4::inet[], $5::numeric)', [
    subnetId,
    ranges.map((r) => r.kind),
    ranges.map((r) => r.first),
    ranges.map((r) => r.last),
    size.toString(),
  ]);
}

/** Puts addresses whose quarantine is over back into the free space, some of every subnet; answers how many. */
export async function endQuarantines(database: Pick<Database, 'prisma'>, most: number): Promise<number> {
  return database.prisma.$transaction(async (db) => {
    const due = await db.$queryRaw<{ id: string }[]>`
      SELECT s.id FROM subnet s
      WHERE EXISTS (SELECT 1 FROM address a WHERE a.subnet_id = s.id AND a.state = 'quarantined' AND a.quarantined_until <= now()
                    AND a.awaiting_host_id IS NULL)
      ORDER BY s.id FOR UPDATE OF s SKIP LOCKED`;
    let ended = 0;
    for (const { id } of due) {
      const [row] = await db.$queryRaw<
        { n: number }[]
      >`SELECT end_quarantine(${id}::uuid, ${most}::int) AS n`;
      ended += row?.n ?? 0;
    }
    return ended;
  });
}

/** Throws network_not_found. */
export async function networkIdOf(query: Query, name: string): Promise<string> {
  const [row] = await query<{ id: string }>('SELECT id FROM network WHERE name = $1', [name]);
  if (row === undefined) throw new ApiError('network_not_found', `there is no network ${name}`);
  return row.id;
}
