import pg from 'pg';

/** A pool whose connections may break at any moment without harm to the process. */
export interface GuardedPool {
  pool: pg.Pool;
  /** Breaks every connection now: what waits for the database fails as it does when PostgreSQL is killed. */
  cut: () => void;
}

/**
 * Opens a pool. pg-pool listens for errors of a connection while it is idle, and stops when it hands it out: one that
 * breaks between two statements of a transaction would end the process. So each connection gets a listener that it keeps
 * (https://node-postgres.com/apis/pool#events). What breaks fails the statement under way, or the next one.
 *
 * This file is the only place that makes connections; `connections.test.ts` holds it.
 */
export function openPool(config: pg.PoolConfig, onError: (error: Error) => void): GuardedPool {
  const pool = new pg.Pool(config);
  const open = new Set<pg.PoolClient>();
  pool.on('error', onError);
  pool.on('connect', (client) => {
    open.add(client);
    client.on('error', onError);
  });
  pool.on('remove', (client) => open.delete(client));
  return {
    pool,
    cut() {
      for (const client of open) breakConnection(client);
    },
  };
}

/** One connection outside a pool; the caller connects and ends it. */
export function openClient(config: pg.ClientConfig, onError: (error: Error) => void): pg.Client {
  const client = new pg.Client(config);
  client.on('error', onError);
  return client;
}

/** Closes the socket under a connection. `end` would wait for a database that may no longer answer. */
export function breakConnection(client: pg.ClientBase): void {
  const { connection } = client as unknown as { connection?: { stream?: { destroy(): void } } };
  connection?.stream?.destroy();
}
