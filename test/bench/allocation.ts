import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiClient } from '@trunkline/client';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../apps/server/src/platform/embedded-postgres/index.ts';
import { whileMeasured } from './family-cost.ts';
import {
  connect,
  disconnect,
  joinLoads,
  perSecond,
  quantile,
  runLoad,
  type Clients,
  type Load,
} from './load.ts';
import { fill, reset, shapes, type PoolShape } from './pools.ts';
import { startProgram } from './processes.ts';

const headers = (token: string): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
});
const silent = { debug() {}, info() {}, warn: console.warn, error: console.error };

/** Requests of one client in the stretches of the empty Fastify beside one of ours: some 0.1 s of them. */
const emptyEach = 80;
/** Requests of one client, on either side, before anything is counted: V8 compiles what runs often, and is slow until then. */
const warmUpEach = 300;

/** Who is asked, by clients that stay connected. */
interface Side {
  clients: Clients;
  /** Processes whose families are measured. */
  pids: readonly number[];
  /** Of the nth request of a client. */
  path: (n: number) => string;
}

/** Stretches of one shape as one, and the processor time of each family of processes over them, in milliseconds. */
interface Measured {
  load: Load;
  cpuMs: number[];
}

const stretch = async (
  { clients, pids, path }: Side,
  token: string,
  each: number,
  round: number,
): Promise<Measured> => {
  const { result: load, cpuMs } = await whileMeasured(pids, () =>
    runLoad({
      clients,
      headers: headers(token),
      request: (id, n) =>
        n < each ? { path: path(n), body: JSON.stringify({ owner: `r${round}c${id}-${n}` }) } : undefined,
    }),
  );
  return { load, cpuMs };
};

const joined = (stretches: readonly Measured[]): Measured => ({
  load: joinLoads(stretches.map(({ load }) => load)),
  cpuMs: (stretches[0]?.cpuMs ?? []).map((_, n) =>
    stretches.reduce((sum, { cpuMs }) => sum + (cpuMs[n] ?? 0), 0),
  ),
});

/** The product and the bare limit, and the share of its rate that the product had in each pair of stretches, sorted. */
interface Compared {
  ours: Measured;
  empty: Measured;
  ratios: Float64Array;
}

/**
 * Stretch by stretch, each right after some of the bare limit: a machine that others use too is twice as fast in one
 * second as in the next, so only what ran within the same moment is compared.
 */
async function compare(
  ours: Side,
  empty: Side,
  token: string,
  { networks, each: ofNetwork, stretches }: PoolShape,
  between: () => Promise<void>,
): Promise<Compared> {
  const each = networks * ofNetwork;
  const pairs: { ours: Measured; empty: Measured }[] = [];
  for (let round = 0; round <= stretches; round += 1) {
    // In stretches as short as ours: all ask at once at the beginning of each, and the last ones wait alone at its end.
    const limits: Measured[] = [];
    for (let asked = 0; asked < emptyEach; asked += each)
      limits.push(await stretch(empty, token, each, round));
    pairs.push({ empty: joined(limits), ours: await stretch(ours, token, each, round) });
    await between();
  }
  // The first of a pool also makes what later ones find made.
  const counted = pairs.slice(1);
  return {
    ours: joined(counted.map((pair) => pair.ours)),
    empty: joined(counted.map((pair) => pair.empty)),
    ratios: Float64Array.from(
      counted.map((pair) => perSecond(pair.ours.load) / perSecond(pair.empty.load)),
    ).sort(),
  };
}

/** Microseconds of processor time a request: of each family of processes, then of the clients. */
const costs = ({ load, cpuMs }: Measured): string =>
  [...cpuMs, load.cpuMs].map((ms) => ((ms * 1000) / load.requests).toFixed(0)).join(' + ');

const times = (ratio: number): string => `${ratio.toFixed(2)}x`;

/**
 * Requests a second and p99 of `POST …/addresses` (token, validation, durable commit, event) for pools of
 * several sizes and fills, each beside Fastify doing nothing in the same run, and the processor time a request. The ratio
 * is the median over pairs of stretches, with its quartiles. fsync is on.
 */
export async function benchAllocation(progress: (text: string) => void): Promise<string[][]> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-bench-'));
  const undo: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    await chmod(folder, 0o755);
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log: silent });
    undo.push(() => postgres.stop());
    const token = randomBytes(32).toString('base64url');
    const server = await startProgram('../../apps/server/src/main.ts', {
      DATABASE_URL: postgres.connectionString,
      TRUNKLINE_DATA_DIR: join(folder, 'server'),
      TRUNKLINE_ADMIN_TOKEN: token,
      TRUNKLINE_LISTEN: '127.0.0.1:0',
      TRUNKLINE_LOG_LEVEL: 'info',
    });
    undo.push(() => server.stop());
    const empty = await startProgram('./empty-fastify.ts');
    undo.push(() => empty.stop());
    const pool = new pg.Pool({ connectionString: postgres.connectionString });
    undo.push(() => pool.end());
    const api = createApiClient({ baseUrl: server.url, token });

    const { rows: own } = await pool.query<{ pid: number }>(
      `SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::integer AS pid`,
    );
    const pids = [own[0]?.pid ?? 0, server.pid];

    const rows = [
      [
        'allocation',
        'requests/s',
        'p99',
        'empty Fastify/s',
        'ratio',
        'quartiles',
        'CPU us: PostgreSQL + server + clients',
        'empty + clients',
      ],
    ];
    const makeNetwork = (name: string, prefix: number): Promise<unknown> =>
      api.networks.create({
        name,
        space: name,
        hosts: { names: ['nobody'] },
        subnets: [{ cidr: `10.0.0.0/${prefix}` }],
        quarantineSeconds: 0,
      });
    /** Both sides, with so many clients each, that go through the networks. */
    const connected = async (
      names: readonly string[],
      { clients, each }: Pick<PoolShape, 'clients' | 'each'>,
    ): Promise<{ ours: Side; limit: Side }> => {
      const paths = names.map((name) => `/v1/networks/${name}/addresses`);
      return {
        ours: {
          clients: await connect(server.url, clients),
          pids,
          path: (n) => paths[Math.floor(n / each)] ?? '',
        },
        limit: { clients: await connect(empty.url, clients), pids: [empty.pid], path: () => '/empty' },
      };
    };

    progress('warming up');
    await makeNetwork('warm-up', 16);
    const warm = await connected(['warm-up'], { clients: 64, each: warmUpEach });
    for (const side of Object.values(warm)) {
      await stretch(side, token, warmUpEach, 0);
      disconnect(side.clients);
    }
    for (const [n, shape] of shapes.entries()) {
      progress(`${shape.label}: preparing`);
      const names = Array.from({ length: shape.networks }, (_, of) => `bench${n}-${of}`);
      for (const name of names) {
        await makeNetwork(name, shape.prefix);
        if (shape.fill > 0) await fill(pool, name);
      }
      await pool.query('VACUUM ANALYZE address, free_extent, subnet, network');
      progress(`${shape.label}: measuring`);
      const sides = await connected(names, shape);
      const compared = await compare(sides.ours, sides.limit, token, shape, () => reset(pool, names));
      for (const { clients } of Object.values(sides)) disconnect(clients);
      const { load } = compared.ours;
      const refused = Object.entries(load.statuses).filter(([status]) => status !== '201');
      if (refused.length > 0)
        throw new Error(`${shape.label}: not every request got an address: ${JSON.stringify(load.statuses)}`);
      rows.push([
        shape.label,
        perSecond(load).toFixed(0),
        `${quantile(load.latencies, 0.99).toFixed(1)} ms`,
        perSecond(compared.empty.load).toFixed(0),
        times(quantile(compared.ratios, 0.5)),
        `${times(quantile(compared.ratios, 0.25))} to ${times(quantile(compared.ratios, 0.75))}`,
        costs(compared.ours),
        costs(compared.empty),
      ]);
      await pool.query(
        `DELETE FROM address a USING network n WHERE n.id = a.network_id AND n.name = ANY ($1)`,
        [names],
      );
      await pool.query(`DELETE FROM network WHERE name = ANY ($1)`, [names]);
    }
    return rows;
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}
