import type { FastifyBaseLogger } from 'fastify';
import type { Changes } from './changes.ts';
import type { ChangeFeed } from './database/change-feed.ts';
import type { Database } from './database/database.ts';
import type { Metrics } from './metrics.ts';

/** What every feature is built on. */
export interface Platform {
  database: Database;
  changes: Changes;
  feed: ChangeFeed;
  metrics: Metrics;
  log: FastifyBaseLogger;
  /** Now; tests bring their own clock. */
  now: () => Date;
  /** Fires when the server stops: open polls and streams end. */
  stopping: AbortSignal;
}
