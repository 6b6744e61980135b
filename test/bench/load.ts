import { openConnection, postRequest, type HttpConnection } from './http-connection.ts';

/** Connections of clients, one a client, kept open from stretch to stretch. */
export interface Clients {
  readonly origin: URL;
  readonly connections: readonly HttpConnection[];
}

/** Connects `count` clients, before anything is timed. */
export async function connect(url: string, count: number): Promise<Clients> {
  const origin = new URL(url);
  return {
    origin,
    connections: await Promise.all(Array.from({ length: count }, () => openConnection(origin))),
  };
}

export function disconnect({ connections }: Clients): void {
  for (const connection of connections) connection.close();
}

/** What one measured stretch of requests came to. */
export interface Load {
  requests: number;
  seconds: number;
  /** Milliseconds from sending a request to the end of its answer, sorted. */
  latencies: Float64Array;
  /** Answers by status. */
  statuses: Record<number, number>;
  /** Processor time of the clients, in milliseconds. */
  cpuMs: number;
}

export interface LoadTarget {
  clients: Clients;
  /** The nth request of a client; undefined: this client has no more. */
  request: (client: number, n: number) => { path: string; body: string } | undefined;
  headers: Record<string, string>;
}

/** Every client has one request under way at a time, until it has no more to ask. */
export async function runLoad({ clients, request, headers }: LoadTarget): Promise<Load> {
  const latencies: number[] = [];
  const statuses: Record<number, number> = {};
  const run = async (connection: HttpConnection, id: number): Promise<void> => {
    for (let n = 0; ; n += 1) {
      const next = request(id, n);
      if (next === undefined) return;
      const text = postRequest(clients.origin, next.path, headers, next.body);
      const begin = performance.now();
      const status = await connection.ask(text);
      latencies.push(performance.now() - begin);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  const cpuBefore = process.cpuUsage();
  const begin = performance.now();
  await Promise.all(clients.connections.map(run));
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    requests: latencies.length,
    seconds,
    latencies: Float64Array.from(latencies).sort(),
    statuses,
    cpuMs: (user + system) / 1000,
  };
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
    cpuMs: loads.reduce((sum, load) => sum + load.cpuMs, 0),
  };
}

export const perSecond = (load: Load): number => load.requests / load.seconds;

/** The value that a share of the sorted values does not exceed. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
