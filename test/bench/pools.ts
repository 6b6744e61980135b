import type { Pool } from 'pg';

/** Sizes and fills that allocation is measured at. */
export interface PoolShape {
  label: string;
  prefix: number;
  /** Share of the addresses that somebody holds before a stretch. */
  fill: 0 | 0.99;
  /** Networks of that size, filled one after the other in a stretch. */
  networks: number;
  /** Clients that ask at once. */
  clients: number;
  /** Requests of one client in each network in a stretch. */
  each: number;
  /** Stretches, each beside some of the empty Fastify; what it took is freed again behind it, untimed. */
  stretches: number;
}

/**
 * A /24 has room for three requests of each of 64 clients. All ask at once at the beginning of a stretch and the last ones
 * wait alone at its end, which in one as short as that would be much of what is measured: so a stretch goes through many.
 * A /24 that is 99 % full has 3 free addresses, too few for 64 clients that all want one: it is measured with 3 clients,
 * beside an empty /24 with 3 clients, which shows what the fill costs.
 */
export const shapes: readonly PoolShape[] = [
  { label: '/24 empty, 64 clients', prefix: 24, fill: 0, networks: 16, clients: 64, each: 3, stretches: 40 },
  { label: '/16 empty, 64 clients', prefix: 16, fill: 0, networks: 1, clients: 64, each: 40, stretches: 40 },
  {
    label: '/16 99 % full, 64 clients',
    prefix: 16,
    fill: 0.99,
    networks: 4,
    clients: 64,
    each: 10,
    stretches: 40,
  },
  { label: '/10 empty, 64 clients', prefix: 10, fill: 0, networks: 1, clients: 64, each: 40, stretches: 40 },
  {
    label: '/10 99 % full, 64 clients',
    prefix: 10,
    fill: 0.99,
    networks: 1,
    clients: 64,
    each: 40,
    stretches: 40,
  },
  { label: '/24 empty, 3 clients', prefix: 24, fill: 0, networks: 1, clients: 3, each: 1, stretches: 300 },
  {
    label: '/24 99 % full, 3 clients',
    prefix: 24,
    fill: 0.99,
    networks: 1,
    clients: 3,
    each: 1,
    stretches: 300,
  },
];

/** Takes 99 of 100 addresses, evenly spread: the free space falls into as many runs as it can. Straight into the tables, which is not what is measured. */
export async function fill(pool: Pool, network: string): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    // Foreign keys are checked row by row; millions of rows of our own making need it not.
    await client.query(`SET LOCAL session_replication_role = replica`);
    await client.query(
      `INSERT INTO address (space, ip, subnet_id, network_id, cidr, state)
       SELECT s.space, host(s.cidr)::inet + i, s.id, s.network_id, s.cidr, 'reserved'
       FROM subnet s JOIN network n ON n.id = s.network_id,
            generate_series(1, (2 ^ (32 - masklen(s.cidr)))::bigint - 2) AS i
       WHERE n.name = $1 AND i % 100 <> 50 AND host(s.cidr)::inet + i IS DISTINCT FROM s.gateway`,
      [network],
    );
    await client.query(
      `SELECT rebuild_free_space(s.id, s.allocatable) FROM subnet s JOIN network n ON n.id = s.network_id WHERE n.name = $1`,
      [network],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/** Frees what a stretch took, and clears away the rows that freeing so many in one transaction leaves dead. */
export async function reset(pool: Pool, networks: readonly string[]): Promise<void> {
  await pool.query(
    `SELECT release_addresses(n.id, array_agg(a.ip), true) FROM address a JOIN network n ON n.id = a.network_id
     WHERE n.name = ANY ($1) AND a.owner IS NOT NULL GROUP BY n.id`,
    [networks],
  );
  await pool.query('VACUUM free_extent, subnet');
}
