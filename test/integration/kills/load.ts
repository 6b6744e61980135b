import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SpawnedServer } from './spawned-server.ts';

/** What clients saw while servers and databases were killed. */
export interface Seen {
  /** Owner to the address that was acknowledged. */
  readonly acknowledged: Map<string, string>;
  /** Answers that no outage explains, in words. */
  readonly wrong: string[];
  /** Status to how often it was answered. */
  readonly statuses: Map<number, number>;
}

/** Clients that ask for addresses, one after another, until stopped. */
export interface Load {
  readonly seen: Seen;
  /** Each client finishes the request it is at, trying again until it is answered. */
  stop(): Promise<void>;
}

/**
 * Each client asks for an address for an owner of its own under an Idempotency-Key, and tries the same request again,
 * on any of the servers, until it is acknowledged. Only 503 with Retry-After or a connection that broke may come instead.
 */
export function startLoad(options: {
  readonly servers: () => readonly SpawnedServer[];
  readonly network: string;
  readonly clients: number;
}): Load {
  const seen: Seen = { acknowledged: new Map(), wrong: [], statuses: new Map() };
  const stopping = new AbortController();

  const once = async (owner: string, key: string, server: SpawnedServer): Promise<boolean> => {
    const answer = await server
      .ask('POST', `/v1/networks/${options.network}/addresses`, {
        body: { owner },
        headers: { 'idempotency-key': key },
      })
      .catch(() => undefined);
    if (answer === undefined) return false;
    seen.statuses.set(answer.status, (seen.statuses.get(answer.status) ?? 0) + 1);
    if (answer.status === 201 || answer.status === 200) {
      seen.acknowledged.set(owner, (answer.body as { ip: string }).ip);
      return true;
    }
    const retryAfter = Number(answer.headers.get('retry-after') ?? 0);
    if (answer.status !== 503 || !(retryAfter > 0))
      seen.wrong.push(`${answer.status} ${JSON.stringify(answer.body)}`);
    return false;
  };
  const client = async (number: number): Promise<void> => {
    for (let n = 0; !stopping.signal.aborted; n += 1) {
      const owner = `c${number}-${n}`;
      const key = randomUUID();
      for (let attempt = 0; ; attempt += 1) {
        const servers = options.servers();
        const server = servers[(number + attempt) % servers.length];
        if (server !== undefined && (await once(owner, key, server))) break;
        if (attempt > 3_000) throw new Error(`${owner} got no address`);
        await delay(20);
      }
    }
  };
  const running = Promise.all(Array.from({ length: options.clients }, (_, number) => client(number)));
  running.catch(() => undefined);
  return {
    seen,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Every address of the network as the API lists it: address to owner. */
export async function listAddresses(server: SpawnedServer, network: string): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await server.ask('GET', `/v1/networks/${network}/addresses?limit=500${query}`);
    if (page.status !== 200) throw new Error(`${page.status}: ${JSON.stringify(page.body)}`);
    const { items, nextCursor } = page.body as {
      items: { ip: string; owner: string }[];
      nextCursor: string | null;
    };
    for (const { ip, owner } of items) all.set(ip, owner);
    cursor = nextCursor;
  } while (cursor !== null);
  return all;
}
