import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiClient } from '@trunkline/client';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../apps/server/src/platform/embedded-postgres/index.ts';
import { whileMeasured } from './family-cost.ts';
import { connect, disconnect, joinLoads, perSecond, quantile, runLoad, type Load } from './load.ts';
import { fill, reset, shapes, type PoolShape } from './pools.ts';
import { startProgram } from './processes.ts';

const headers = (token: string): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
});
const silent = { debug() {}, info() {}, warn: console.warn, error: console.error };
const emptyRequests = 12_800;

/** Stretches of one shape as one, and the processor time of each family of processes over them, in milliseconds. */
interface Measured {
  load: Load;
  cpuMs: number[];
}

interface Stretches {
  url: string;
  pids: readonly number[];
  path: string;
  clients: number;
  /** Requests of one client in a stretch. */
  each: number;
  /** The first warms up and does not count. */
  count: number;
  /** After a stretch, untimed. */
  between?: () => Promise<void>;
}

async function measure(
  token: string,
  { url, pids, path, clients, each, ...of }: Stretches,
): Promise<Measured> {
  const connected = await connect(url, clients);
  const stretches: Measured[] = [];
  for (let round = 0; round < of.count; round += 1) {
    const { result: load, cpuMs } = await whileMeasured(pids, () =>
      runLoad({
        clients: connected,
        headers: headers(token),
        request: (id, n) =>
          n < each ? { path, body: JSON.stringify({ owner: `r${round}c${id}-${n}` }) } : undefined,
      }),
    );
    stretches.push({ load, cpuMs });
    await of.between?.();
  }
  disconnect(connected);
  const counted = stretches.slice(1);
  return {
    load: joinLoads(counted.map(({ load }) => load)),
    cpuMs: pids.map((_, n) => counted.reduce((sum, { cpuMs }) => sum + (cpuMs[n] ?? 0), 0)),
  };
}

/** The bare limit with as many clients, asking as often without a break as the shape does in a stretch. */
const measureEmpty = (
  { url, pid }: { url: string; pid: number },
  token: string,
  { clients, each, stretches }: PoolShape,
): Promise<Measured> =>
  measure(token, {
    url,
    pids: [pid],
    path: '/empty',
    clients,
    each: Math.max(each, Math.floor(emptyRequests / clients / stretches)),
    count: stretches,
  });

/** Microseconds of processor time a request: of each family of processes, then of the clients. */
const costs = ({ load, cpuMs }: Measured): string =>
  [...cpuMs, load.cpuMs].map((ms) => ((ms * 1000) / load.requests).toFixed(0)).join(' + ');

/**
 * Requests a second and p99 of `POST …/addresses` (token, validation, durable commit, event) for pools of
 * several sizes and fills, each beside Fastify doing nothing in the same run, and the processor time a request: rates
 * depend on what else runs on the machine, that hardly does. fsync is on.
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
        'CPU us: PostgreSQL + server + clients',
        'empty + clients',
      ],
    ];
    for (const [n, shape] of shapes.entries()) {
      progress(`${shape.label}: preparing`);
      const name = `bench${n}`;
      await api.networks.create({
        name,
        space: name,
        hosts: { names: ['nobody'] },
        subnets: [{ cidr: `10.0.0.0/${shape.prefix}` }],
        quarantineSeconds: 0,
      });
      if (shape.fill > 0) await fill(pool, name);
      await pool.query('VACUUM ANALYZE address, free_extent, subnet, network');
      progress(`${shape.label}: measuring`);
      const before = await measureEmpty(empty, token, shape);
      const measured = await measure(token, {
        url: server.url,
        pids,
        path: `/v1/networks/${name}/addresses`,
        clients: shape.clients,
        each: shape.each,
        count: shape.stretches + 1,
        between: () => reset(pool, name),
      });
      const { load } = measured;
      const limit = (perSecond(before.load) + perSecond((await measureEmpty(empty, token, shape)).load)) / 2;
      const refused = Object.entries(load.statuses).filter(([status]) => status !== '201');
      if (refused.length > 0)
        throw new Error(`${shape.label}: not every request got an address: ${JSON.stringify(load.statuses)}`);
      rows.push([
        shape.label,
        perSecond(load).toFixed(0),
        `${quantile(load.latencies, 0.99).toFixed(1)} ms`,
        limit.toFixed(0),
        `${(perSecond(load) / limit).toFixed(2)}x`,
        costs(measured),
        costs(before),
      ]);
      await pool.query(`DELETE FROM address a USING network n WHERE n.id = a.network_id AND n.name = $1`, [
        name,
      ]);
      await pool.query(`DELETE FROM network WHERE name = $1`, [name]);
    }
    return rows;
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}
