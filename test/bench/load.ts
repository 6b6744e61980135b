import { Pool } from 'undici';

/** Connections of `clients` clients, opened before anything is timed. */
export async function connect(origin: string, clients: number): Promise<Pool> {
  const pool = new Pool(origin, { connections: clients, pipelining: 1 });
  await Promise.all(
    Array.from({ length: clients }, async () =>
      (await pool.request({ method: 'GET', path: '/livez' })).body.dump(),
    ),
  );
  return pool;
}

/** What one measured stretch of requests came to. */
export interface Load {
  requests: number;
  seconds: number;
  /** Milliseconds from sending a request to the end of its answer, sorted. */
  latencies: Float64Array;
  /** Answers by status. */
  statuses: Record<number, number>;
}

export interface LoadTarget {
  /** Connections, one a client, kept open from stretch to stretch. */
  pool: Pool;
  clients: number;
  /** The nth request of a client; undefined: this client has no more. */
  request: (client: number, n: number) => { path: string; body: string } | undefined;
  headers: Record<string, string>;
}

/** `clients` connections, each with one request under way at a time, until every client has no more to ask. */
export async function runLoad({ pool, clients, request, headers }: LoadTarget): Promise<Load> {
  const latencies: number[] = [];
  const statuses: Record<number, number> = {};
  const client = async (id: number): Promise<void> => {
    for (let n = 0; ; n += 1) {
      const next = request(id, n);
      if (next === undefined) return;
      const begin = performance.now();
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: next.path,
        body: next.body,
        headers,
      });
      await body.dump();
      latencies.push(performance.now() - begin);
      statuses[statusCode] = (statuses[statusCode] ?? 0) + 1;
    }
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: clients }, (_, id) => client(id)));
  const seconds = (performance.now() - begin) / 1000;
  return { requests: latencies.length, seconds, latencies: Float64Array.from(latencies).sort(), statuses };
}

/** Several stretches as one. */
export function joinLoads(loads: readonly Load[]): Load {
  const statuses: Record<number, number> = {};
  for (const load of loads)
    for (const [status, n] of Object.entries(load.statuses))
      statuses[Number(status)] = (statuses[Number(status)] ?? 0) + n;
  return {
    requests: loads.reduce((sum, load) => sum + load.requests, 0),
    seconds: loads.reduce((sum, load) => sum + load.seconds, 0),
    latencies: Float64Array.from(loads.flatMap((load) => [...load.latencies])).sort(),
    statuses,
  };
}

export const perSecond = (load: Load): number => load.requests / load.seconds;

/** The value that a share of the sorted values does not exceed. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
