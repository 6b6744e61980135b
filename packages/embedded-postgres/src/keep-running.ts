import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from './log.ts';
import type { Postmaster, PostmasterExit } from './postmaster.ts';

/** How long to wait before a restart, in milliseconds: `firstMs`, then double up to `maxMs`. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Having run this long, the next restart waits `firstMs` again. */
  readonly stableMs: number;
}

/** A PostgreSQL that is started again when it ends by itself. */
export interface KeptRunning {
  /** Resolves when it takes connections: at once while it runs, else after the restart. Rejects once stopped. */
  ready(): Promise<void>;
  /** Ends it for good; see `Postmaster.stop`. */
  stop(fastMs?: number): Promise<void>;
}

/** The wait before the restart after `failures` short lives in a row (1 for the first), in milliseconds. */
export function restartDelay(failures: number, { firstMs, maxMs }: Backoff): number {
  return Math.min(maxMs, firstMs * 2 ** Math.max(0, failures - 1));
}

/**
 * Watches a started PostgreSQL. When it ends without being asked to, `onExit` is called and `start` is tried,
 * with growing pauses, until it works.
 */
export function keepRunning(options: {
  readonly first: Postmaster;
  readonly start: (signal: AbortSignal) => Promise<Postmaster>;
  readonly onExit: (exit: PostmasterExit) => void;
  readonly backoff: Backoff;
  readonly log: Log;
}): KeptRunning {
  const { start, onExit, backoff, log } = options;
  const stopping = new AbortController();
  let running: Postmaster | undefined = options.first;
  let current = Promise.withResolvers<void>();
  current.resolve();

  async function watch(): Promise<void> {
    let failures = 0;
    for (;;) {
      const since = performance.now();
      const exit = await running?.exited;
      if (stopping.signal.aborted || exit === undefined) return;
      failures = performance.now() - since < backoff.stableMs ? failures + 1 : 1;
      running = undefined;
      current = Promise.withResolvers<void>();
      // Nobody may be waiting when it is stopped.
      current.promise.catch(() => {});
      log.warn({ ...exit }, 'PostgreSQL ended by itself and is started again');
      onExit(exit);
      for (; running === undefined && !stopping.signal.aborted; failures += 1) {
        running = await restart(failures);
      }
      if (running === undefined) return;
      current.resolve();
    }
  }

  async function restart(failures: number): Promise<Postmaster | undefined> {
    try {
      await delay(restartDelay(failures, backoff), undefined, { signal: stopping.signal });
      return await start(stopping.signal);
    } catch (error) {
      if (!stopping.signal.aborted)
        log.error({ err: error }, 'PostgreSQL could not be started; trying again');
      return undefined;
    }
  }

  const watching = watch();
  return {
    async ready() {
      if (stopping.signal.aborted) throw new Error('PostgreSQL is stopped');
      await current.promise;
    },
    async stop(fastMs) {
      stopping.abort();
      current.reject(new Error('PostgreSQL is stopped'));
      await running?.stop(fastMs);
      await watching;
      // A restart that came through while we asked.
      await running?.stop(fastMs);
    },
  };
}
