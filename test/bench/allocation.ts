import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiClient } from '@trunkline/client';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../apps/server/src/platform/embedded-postgres/index.ts';
import { connect, joinLoads, perSecond, quantile, runLoad, type Load } from './load.ts';
import { fill, reset, shapes, type PoolShape } from './pools.ts';
import { startProgram } from './processes.ts';

const headers = (token: string): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
});
const silent = { debug() {}, info() {}, warn: console.warn, error: console.error };
const emptyRequests = 12_800;

/** The bare limit with as many clients, asking as often without a break as the shape does in a stretch. */
async function measureEmpty(
  origin: string,
  token: string,
  { clients, each, stretches }: PoolShape,
): Promise<number> {
  const pool = await connect(origin, clients);
  const loads: Load[] = [];
  const perStretch = Math.max(each, Math.floor(emptyRequests / clients / stretches));
  for (let round = 0; round < stretches; round += 1) {
    loads.push(
      await runLoad({
        pool,
        clients,
        headers: headers(token),
        request: (id, n) =>
          n < perStretch
            ? { path: '/empty', body: JSON.stringify({ owner: `r${round}c${id}-${n}` }) }
            : undefined,
      }),
    );
  }
  await pool.close();
  return perSecond(joinLoads(loads.slice(1)));
}

async function measureShape(
  origin: string,
  token: string,
  shape: PoolShape,
  network: string,
  free: () => Promise<void>,
): Promise<Load> {
  const { clients, each, stretches } = shape;
  const pool = await connect(origin, clients);
  const loads: Load[] = [];
  // The first stretch warms up.
  for (let round = 0; round <= stretches; round += 1) {
    loads.push(
      await runLoad({
        pool,
        clients,
        headers: headers(token),
        request: (id, n) =>
          n < each
            ? {
                path: `/v1/networks/${network}/addresses`,
                body: JSON.stringify({ owner: `r${round}c${id}-${n}` }),
              }
            : undefined,
      }),
    );
    await free();
  }
  await pool.close();
  return joinLoads(loads.slice(1));
}

/**
 * Requests a second and p99 of `POST …/addresses` (token, validation, durable commit, event) for pools of
 * several sizes and fills, each beside Fastify doing nothing in the same run. fsync is on.
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

    const rows = [['allocation', 'requests/s', 'p99', 'empty Fastify/s', 'ratio']];
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
      const before = await measureEmpty(empty.url, token, shape);
      const load = await measureShape(server.url, token, shape, name, () => reset(pool, name));
      const limit = (before + (await measureEmpty(empty.url, token, shape))) / 2;
      const refused = Object.entries(load.statuses).filter(([status]) => status !== '201');
      if (refused.length > 0)
        throw new Error(`${shape.label}: not every request got an address: ${JSON.stringify(load.statuses)}`);
      rows.push([
        shape.label,
        perSecond(load).toFixed(0),
        `${quantile(load.latencies, 0.99).toFixed(1)} ms`,
        limit.toFixed(0),
        `${(perSecond(load) / limit).toFixed(2)}x`,
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
