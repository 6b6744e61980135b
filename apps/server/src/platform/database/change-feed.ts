import type pg from 'pg';
import { breakConnection, openClient } from './connections.ts';

/** Notifies that something was committed, by this server or another one. */
export interface ChangeFeed {
  /** Resolves at the next change, after `timeoutMs`, or when `signal` fires, whichever comes first. Never rejects. */
  next(timeoutMs: number, signal?: AbortSignal): Promise<void>;
  /** Fires when the server stops: nothing is waited for any more. */
  stopping: AbortSignal;
  /** Calls back on every change; answers how to stop. */
  subscribe(listener: () => void): () => void;
  close(): Promise<void>;
}

export interface ChangeFeedOptions {
  connection: pg.ClientConfig;
  stopping: AbortSignal;
  log: { warn(data: object, message: string): void };
}

const firstRetryMs = 100;
const maxRetryMs = 5_000;

/**
 * LISTEN on one connection of its own, opened again with backoff when it breaks. Notifications sent meanwhile are lost,
 * so every (re)connect counts as a change: listeners look at the database, never at the notification.
 */
export function openChangeFeed(options: ChangeFeedOptions): ChangeFeed {
  const listeners = new Set<() => void>();
  let client: pg.Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let retryMs = firstRetryMs;
  let closed = false;

  const changed = (): void => {
    for (const listener of listeners) listener();
  };

  const connect = async (): Promise<void> => {
    let lost = false;
    const reconnect = (error?: Error): void => {
      if (lost || closed) return;
      lost = true;
      client = undefined;
      fresh.end().catch(() => undefined);
      options.log.warn({ err: error, retryMs }, 'change feed lost its connection');
      retry = setTimeout(() => void connect(), retryMs);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    };
    const fresh = openClient(options.connection, reconnect);
    fresh.on('end', () => reconnect());
    fresh.on('notification', changed);
    try {
      await fresh.connect();
      await fresh.query('LISTEN trunkline');
    } catch (error) {
      reconnect(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (closed) {
      await fresh.end();
      return;
    }
    client = fresh;
    retryMs = firstRetryMs;
    changed();
  };
  void connect();

  options.stopping.addEventListener('abort', changed, { once: true });

  return {
    stopping: options.stopping,
    next(timeoutMs, signal) {
      return new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          listeners.delete(done);
          signal?.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, timeoutMs);
        listeners.add(done);
        signal?.addEventListener('abort', done);
        if (signal?.aborted === true || options.stopping.aborted) done();
      });
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      changed();
      // Not `end`, which waits for a database that may no longer answer.
      if (client !== undefined) breakConnection(client);
    },
  };
}

/** Time alone settles things too (a host falls silent): looked at again at least this often, in milliseconds. */
const lookEveryMs = 5_000;

/**
 * Looks again after every change until `settled` is true, the time is up, the caller is gone or the server stops. Answers whether it
 * settled. A change that falls between a look and the wait is not missed: the wait starts before the look.
 */
export async function holdUntil(
  feed: ChangeFeed,
  settled: () => Promise<boolean>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const waiting = new AbortController();
    const remaining = Math.max(0, deadline - Date.now());
    const change = feed.next(
      Math.min(remaining, lookEveryMs),
      signal === undefined ? waiting.signal : AbortSignal.any([waiting.signal, signal]),
    );
    let done: boolean;
    try {
      done = await settled();
    } catch (error) {
      waiting.abort();
      throw error;
    }
    if (done || remaining === 0 || signal?.aborted === true || feed.stopping.aborted) {
      waiting.abort();
      return done;
    }
    await change;
  }
}
