import type { Logger } from 'pino';
import { apiErrorFromDatabase } from './database/database-errors.ts';

/** What ends the server. */
export interface ProcessGuard {
  /** The server is to stop: a first signal, or an error that nobody handled. */
  stop: AbortSignal;
  /** A second signal: whoever asks has no patience. */
  hurry: AbortSignal;
  /** Whether it was an error. */
  failed: () => boolean;
}

/** The events of `process` that are used here. */
interface ProcessEvents {
  on(event: NodeJS.Signals, listener: () => void): unknown;
  on(event: 'uncaughtException' | 'unhandledRejection', listener: (error: unknown) => void): unknown;
}

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/** Sockets that break at the wrong moment; what was done over them has failed already, and nothing else has. */
const brokenSocket = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_DESTROYED']);

function isBrokenConnection(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return (
    (typeof code === 'string' && brokenSocket.has(code)) ||
    apiErrorFromDatabase(error)?.code === 'database_unavailable'
  );
}

/**
 * Decides what ends the server (docs/decisions/0025). A promise that fails while nobody waits for it has harmed no state:
 * it is logged as the bug that it is. An exception that nobody caught stops the server in order, since what was
 * under way stopped in the middle, unless a connection broke: that is the world's doing, and everybody who used the
 * connection hears of it.
 */
export function guardProcess(
  process: ProcessEvents,
  log: Pick<Logger, 'info' | 'error' | 'fatal'>,
): ProcessGuard {
  const stop = new AbortController();
  const hurry = new AbortController();
  let failed = false;
  for (const signal of signals) {
    process.on(signal, () => {
      log.info(
        { signal },
        stop.signal.aborted ? 'trunkline server stops at once' : 'trunkline server is stopping',
      );
      if (stop.signal.aborted) hurry.abort();
      stop.abort();
    });
  }
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'unhandled rejection of a promise; the server continues');
  });
  process.on('uncaughtException', (error) => {
    if (isBrokenConnection(error)) {
      log.error({ err: error }, 'unhandled error of a connection; the server continues');
      return;
    }
    log.fatal({ err: error }, 'trunkline server failed and stops');
    failed = true;
    stop.abort();
  });
  return { stop: stop.signal, hurry: hurry.signal, failed: () => failed };
}
