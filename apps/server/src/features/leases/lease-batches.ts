import { createBatches, type Waiting } from '@trunkline/batching';
import { apiErrorFromDatabase, databaseFault } from '../../platform/database/database-errors.ts';
import type { Query } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import { leaseBatch, type BatchRow, type LeaseAsk } from './leases.store.ts';

type Asked = Waiting<LeaseAsk, BatchRow[]>;

/** Hosts answered in one transaction at most: keeps the time the locks are held short. */
const maxInBatch = 64;
/** The second batch waits in the database for the locks of the first: neither side stands still while answers travel. */
const maxLanes = 2;
/** Requests that may wait; beyond that the request is refused at once. */
const maxWaiting = 4_096;
/** Deadlocks and serialization failures: worth another try by itself. */
const transient = new Set(['40P01', '40001']);
const maxTries = 3;
/** What ails all of a batch alike. */
const outOfOrder = new Set(['database_unavailable', 'recovering']);

/**
 * Hosts that wait for leases are answered together, as requests for addresses are (addresses/allocator.ts): one
 * transaction and one flush to disk for all that came while the one before was with the database.
 */
export function createLeaseBatches(query: Query): { ask(ask: LeaseAsk): Promise<BatchRow[]> } {
  const batches = createBatches<LeaseAsk, BatchRow[]>({
    run: (batch) => answer(query, batch),
    most: maxInBatch,
    atOnce: maxLanes,
  });
  return {
    ask: (ask) =>
      batches.waiting() < maxWaiting
        ? batches.ask(ask)
        : Promise.reject(
            new ApiError('overloaded', 'too many hosts wait for leases: try again shortly', {
              retryAfterSeconds: 1,
            }),
          ),
  };
}

async function answer(query: Query, batch: readonly Asked[], tries = 1): Promise<void> {
  try {
    const rows = await leaseBatch(
      query,
      batch.map(({ question }) => question),
    );
    batch.forEach((one, pos) => one.resolve(rows.filter((row) => row.pos === pos)));
  } catch (error) {
    const fault = databaseFault(error);
    const failure = apiErrorFromDatabase(error);
    // One network that cannot be locked, or one bad row, must not fail the others: each on its own.
    if (batch.length > 1 && fault !== undefined && !outOfOrder.has(failure?.code ?? '')) {
      for (const one of batch) await answer(query, [one]);
      return;
    }
    if (fault !== undefined && transient.has(fault.code) && tries < maxTries)
      return answer(query, batch, tries + 1);
    for (const one of batch) one.reject(failure ?? error);
  }
}
