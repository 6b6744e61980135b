import type { FastifyBaseLogger } from 'fastify';
import { databaseFault } from './database/database-errors.ts';

/** Logs failures: one line for each kind and interval, however often it fails. */
export interface FailureLog {
  /** `kind`: what it is called, such as the code of the answer. */
  note(kind: string, error: unknown): void;
  /** Logs what was counted and not logged yet. */
  close(): void;
}

const intervalMs = 10_000;
/** Kinds that are counted separately; further ones are counted as one. */
const maxKinds = 50;

/** The database's error without its stack, which is of no use while the server is away. */
export function shortly(error: unknown): { fault: string; why: string } | { err: unknown } {
  const fault = databaseFault(error);
  return fault === undefined ? { err: error } : { fault: fault.code, why: fault.detail.slice(0, 300) };
}

interface Kind {
  times: number;
  since: number;
}

/**
 * The first failure of a kind is logged at once, with its stack; those that follow within the interval are counted, and
 * logged together at its end.
 */
export function createFailureLog(
  log: Pick<FastifyBaseLogger, 'warn'>,
  now: () => number = () => performance.now(),
): FailureLog {
  const kinds = new Map<string, Kind>();
  let timer: NodeJS.Timeout | undefined;

  const write = (name: string, { times, since }: Kind): void => {
    if (times === 0) return;
    const seconds = Math.max(1, Math.round((now() - since) / 1000));
    log.warn({ kind: name, times, seconds }, 'requests still cannot be served');
  };
  const round = (): void => {
    timer = undefined;
    for (const [name, kind] of kinds) {
      write(name, kind);
      // Quiet for an interval: the next one is news.
      if (kind.times === 0) kinds.delete(name);
      else kinds.set(name, { ...kind, times: 0, since: now() });
    }
    if (kinds.size > 0) schedule();
  };
  const schedule = (): void => {
    timer ??= setTimeout(round, intervalMs).unref();
  };

  return {
    note(kind, error) {
      const fault = databaseFault(error);
      const full = fault === undefined ? kind : `${kind} ${fault.code}`;
      const name = kinds.has(full) || kinds.size < maxKinds ? full : 'others';
      const known = kinds.get(name);
      if (known !== undefined) {
        known.times += 1;
        return;
      }
      kinds.set(name, { times: 0, since: now() });
      log.warn({ kind: name, err: error }, 'requests cannot be served');
      schedule();
    },
    close() {
      clearTimeout(timer);
      timer = undefined;
      for (const [name, kind] of kinds) write(name, kind);
      kinds.clear();
    },
  };
}
