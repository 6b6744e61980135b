import { addressesPath } from '@trunkline/contracts';
import type { ApiClient } from '@trunkline/client';
import pg from 'pg';
import { besideEmpty, type Subjects } from './beside-empty.ts';
import { connect, disconnect, perSecond, quantile } from './load.ts';
import { compare, stretch, type Compared, type Measured, type Side } from './pairs.ts';
import { fill, reset, shapes, type PoolShape } from './pools.ts';

/** Requests of one client, on either side, before anything is counted: V8 compiles what runs often, and is slow until then. */
const warmUpEach = 300;

/** Microseconds of processor time a request: of each family of processes, then of the clients. */
const costs = ({ load, cpuMs }: Measured): string =>
  [...cpuMs, load.cpuMs].map((ms) => ((ms * 1000) / load.requests).toFixed(0)).join(' + ');

const times = (ratio: number): string => `${ratio.toFixed(2)}x`;

const head = [
  'allocation',
  'requests/s',
  'p99',
  'empty Fastify/s',
  'ratio',
  'quartiles',
  'CPU us: PostgreSQL + server + clients',
  'empty + clients',
];

function row(label: string, { ours, empty, ratios }: Compared): string[] {
  const refused = Object.keys(ours.load.statuses).filter((status) => status !== '201');
  if (refused.length > 0)
    throw new Error(`${label}: not every request got an address: ${JSON.stringify(ours.load.statuses)}`);
  return [
    label,
    perSecond(ours.load).toFixed(0),
    `${quantile(ours.load.latencies, 0.99).toFixed(1)} ms`,
    perSecond(empty.load).toFixed(0),
    times(quantile(ratios, 0.5)),
    `${times(quantile(ratios, 0.25))} to ${times(quantile(ratios, 0.75))}`,
    costs(ours),
    costs(empty),
  ];
}

const makeNetwork = (api: ApiClient, name: string, prefix: number): Promise<unknown> =>
  api.networks.create({
    name,
    space: name,
    hosts: { names: ['nobody'] },
    subnets: [{ cidr: `10.0.0.0/${prefix}` }],
    quarantineSeconds: 0,
  });

async function dropNetworks(pool: pg.Pool, names: readonly string[]): Promise<void> {
  await pool.query(`DELETE FROM address a USING network n WHERE n.id = a.network_id AND n.name = ANY ($1)`, [
    names,
  ]);
  await pool.query(`DELETE FROM network WHERE name = ANY ($1)`, [names]);
}

/** Both sides with so many clients each, which ask for `each` addresses in one network after the other. */
async function sidesOf(
  { server, empty, token }: Subjects,
  postmaster: number,
  networks: readonly string[],
  { clients, each }: Pick<PoolShape, 'clients' | 'each'>,
): Promise<{ ours: Side; empty: Side }> {
  const paths = networks.map(addressesPath);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return {
    ours: {
      clients: await connect(server.url, clients),
      pids: [postmaster, server.pid],
      path: (n) => paths[Math.floor(n / each)] ?? '',
      headers,
    },
    empty: { clients: await connect(empty.url, clients), pids: [empty.pid], path: () => '/empty', headers },
  };
}

/**
 * Requests a second and p99 of `POST …/addresses` (token, validation, durable commit, event) for pools of
 * several sizes and fills, each beside Fastify doing nothing in the same run, and the processor time a request. The ratio
 * is the median over pairs of stretches, with its quartiles. fsync is on.
 */
export function benchAllocation(progress: (text: string) => void): Promise<string[][]> {
  return besideEmpty(async (subjects, later) => {
    const { api, connectionString } = subjects;
    const pool = new pg.Pool({ connectionString });
    later(() => pool.end());
    const { rows: own } = await pool.query<{ pid: number }>(
      `SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::integer AS pid`,
    );
    const postmaster = own[0]?.pid ?? 0;

    progress('warming up');
    await makeNetwork(api, 'warm-up', 16);
    const warm = await sidesOf(subjects, postmaster, ['warm-up'], { clients: 64, each: warmUpEach });
    for (const side of Object.values(warm)) {
      await stretch(side, warmUpEach, 'warm');
      disconnect(side.clients);
    }

    const rows = [head];
    for (const [n, shape] of shapes.entries()) {
      progress(`${shape.label}: preparing`);
      const names = Array.from({ length: shape.networks }, (_, of) => `bench${n}-${of}`);
      for (const name of names) {
        await makeNetwork(api, name, shape.prefix);
        if (shape.fill > 0) await fill(pool, name);
      }
      await pool.query('VACUUM ANALYZE address, free_extent, subnet, network');
      progress(`${shape.label}: measuring`);
      const sides = await sidesOf(subjects, postmaster, names, shape);
      const each = shape.networks * shape.each;
      const { stretches } = shape;
      rows.push(row(shape.label, await compare(sides, { each, stretches }, () => reset(pool, names))));
      for (const { clients } of Object.values(sides)) disconnect(clients);
      await dropNetworks(pool, names);
    }
    return rows;
  });
}
