import { apiErrorFromDatabase, databaseFault } from '../../platform/database/database-errors.ts';
import { ApiError } from '../../platform/errors.ts';
import { runBatch, type Allocation, type AllocationRequest, type BatchOptions } from './allocation-batch.ts';

interface Waiting {
  request: AllocationRequest;
  resolve(allocation: Allocation): void;
  reject(error: unknown): void;
}

/** Requests answered in one transaction at most: keeps the time the locks are held short. */
const mostInBatch = 256;
/**
 * Batches with the database at once. The second waits there for the locks of the first and starts the moment they are
 * free, so that neither side stands still while answers travel; a third would only make batches smaller.
 */
const mostLanes = 2;
/** Requests that may wait; beyond that the server says so at once. */
const mostWaiting = 10_000;

/**
 * Requests that wait are answered together: one transaction, one flush to disk for all of them, one lock a network.
 * While batches are with the database the next one gathers, so the size of a batch follows the load by itself and a
 * lone request waits for nobody.
 */
export function createAllocator(options: BatchOptions): {
  allocate(request: AllocationRequest): Promise<Allocation>;
} {
  let waiting: Waiting[] = [];
  let lanes = 0;

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const { batch, rest } = nextBatch(waiting);
      waiting = rest;
      options.metrics.allocationBatch.observe(batch.length);
      await answer(options, batch);
    }
    lanes -= 1;
  };

  return {
    allocate(request) {
      if (waiting.length >= mostWaiting) {
        return Promise.reject(
          new ApiError('overloaded', 'too many requests for addresses are waiting: try again shortly', {
            retryAfterSeconds: 1,
          }),
        );
      }
      return new Promise((resolve, reject) => {
        waiting.push({ request, resolve, reject });
        // The turn of the event loop ends first: requests that came in together go together.
        if (lanes < mostLanes) {
          lanes += 1;
          setImmediate(() => void drain());
        }
      });
    },
  };
}

const conflictKeys = ({ request }: Waiting): string[] => {
  const keys: string[] = [];
  if (request.item.owner !== undefined)
    keys.push(`owner ${request.network} ${request.family ?? ''} ${request.item.owner}`);
  if (request.idempotency !== undefined)
    keys.push(`key ${request.idempotency.tokenId} ${request.idempotency.key}`);
  return keys;
};

/** Takes requests from the front; a second one of the same owner or key waits for the first to be answered. */
function nextBatch(waiting: readonly Waiting[]): { batch: Waiting[]; rest: Waiting[] } {
  const batch: Waiting[] = [];
  const rest: Waiting[] = [];
  const taken = new Set<string>();
  for (const one of waiting) {
    const keys = conflictKeys(one);
    if (batch.length >= mostInBatch || keys.some((key) => taken.has(key))) {
      rest.push(one);
      continue;
    }
    for (const key of keys) taken.add(key);
    batch.push(one);
  }
  return { batch, rest };
}

async function answer(options: BatchOptions, batch: readonly Waiting[]): Promise<void> {
  try {
    const results = await runBatch(
      options,
      batch.map((one) => one.request),
    );
    batch.forEach((one, pos) => {
      const result = results[pos];
      if (result === undefined) one.reject(new Error('the allocator lost a request'));
      else if (result instanceof Error) one.reject(result);
      else one.resolve(result);
    });
  } catch (error) {
    // One network that cannot be locked, or one bad row, must not fail the others: each on its own.
    if (
      batch.length > 1 &&
      databaseFault(error) !== undefined &&
      apiErrorFromDatabase(error)?.code !== 'database_unavailable'
    ) {
      for (const one of batch) await answer(options, [one]);
      return;
    }
    const failure = apiErrorFromDatabase(error) ?? error;
    for (const one of batch) {
      options.metrics.allocations.inc({ outcome: 'error' });
      one.reject(failure);
    }
  }
}
