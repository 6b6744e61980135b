import { apiErrorFromDatabase, databaseFault } from '../../platform/database/database-errors.ts';
import { ApiError } from '../../platform/errors.ts';
import { nextFreeKey } from './next-free.ts';
import { runBatch, type Allocation, type AllocationRequest, type BatchOptions } from './allocation-batch.ts';

interface Waiting {
  request: AllocationRequest;
  /** Those of one key can be answered in one statement, see `nextFreeKey`. */
  nextFree: string | undefined;
  resolve(allocation: Allocation): void;
  reject(error: unknown): void;
}

/** Requests answered in one transaction at most: keeps the time the locks are held short. */
const maxInBatch = 256;
/** So few are not divided: a good part of what a batch costs does not depend on its size. */
const minDivided = 16;
const noAnswers = (): void => undefined;

/** Requests that may wait; beyond that the request is refused at once. */
const maxWaiting = 10_000;

/**
 * How many go in the next batch: half of those who ask, which are those who wait and those of the last batch, who may ask
 * again once answered. The database then works for one half while the other is answered; all in one batch, and each of
 * the two would stand still while the other works.
 */
const batchSize = (waiting: number, last: number): number =>
  Math.min(maxInBatch, Math.max(minDivided, Math.ceil((waiting + last) / 2)));

/**
 * Requests that wait are answered together: one transaction, one flush to disk for all of them, one lock a network.
 * While a batch is with the database the next one gathers, so the size of a batch follows the load by itself and a
 * lone request waits for nobody. One batch at a time: a second would wait for the locks of the first, and with every
 * one more under way each is smaller, while much of what a batch costs does not depend on its size.
 */
export function createAllocator(options: BatchOptions): {
  allocate(request: AllocationRequest): Promise<Allocation>;
} {
  let waiting: Waiting[] = [];
  let draining = false;

  const drain = async (): Promise<void> => {
    let give = noAnswers;
    let last = 0;
    while (waiting.length > 0) {
      if (options.stopping?.aborted === true) {
        const refused = waiting;
        waiting = [];
        const failure = new ApiError('overloaded', 'the server is stopping: send the request again', {
          retryAfterSeconds: 2,
        });
        for (const one of refused) one.reject(failure);
        break;
      }
      const { batch, rest } = nextBatch(waiting, batchSize(waiting.length, last));
      last = batch.length;
      waiting = rest;
      options.metrics.allocationBatch.observe(batch.length);
      const answers = answer(options, batch);
      // The next batch is on its way first: the database works on it while the answers to the last are written.
      setImmediate(give);
      give = await answers;
    }
    draining = false;
    give();
  };

  return {
    allocate(request) {
      if (waiting.length >= maxWaiting) {
        return Promise.reject(
          new ApiError('overloaded', 'too many address requests are waiting: try again shortly', {
            retryAfterSeconds: 1,
          }),
        );
      }
      return new Promise((resolve, reject) => {
        waiting.push({ request, nextFree: nextFreeKey(request), resolve, reject });
        if (draining) return;
        draining = true;
        // The turn of the event loop ends first: requests that came in together go together.
        setImmediate(() => void drain());
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

/**
 * Those that want what the first one wants, the next free address of its network, where they are enough for a batch of
 * their own: among others each would cost the database twice as much.
 */
function alike(waiting: readonly Waiting[]): readonly Waiting[] {
  const key = waiting[0]?.nextFree;
  if (key === undefined) return waiting;
  const same = waiting.filter(({ nextFree }) => nextFree === key);
  return same.length >= minDivided ? same : waiting;
}

/** Takes up to `most` requests from the front; a second one of the same owner or key waits for the first to be answered. */
function nextBatch(waiting: readonly Waiting[], most: number): { batch: Waiting[]; rest: Waiting[] } {
  const candidates = new Set(alike(waiting));
  const batch: Waiting[] = [];
  const rest: Waiting[] = [];
  const taken = new Set<string>();
  for (const one of waiting) {
    if (batch.length >= most || !candidates.has(one)) {
      rest.push(one);
      continue;
    }
    const keys = conflictKeys(one);
    if (keys.some((key) => taken.has(key))) {
      rest.push(one);
      continue;
    }
    for (const key of keys) taken.add(key);
    batch.push(one);
  }
  return { batch, rest };
}

/**
 * What a batch that failed is tried again in: one network that cannot be locked, or one bad row, must not fail the
 * others. So network by network, then each on its own; one part when that would change nothing.
 */
function smallerParts(batch: readonly Waiting[], error: ApiError | undefined): Waiting[][] {
  if (error?.code === 'database_unavailable' || error?.code === 'recovering') return [[...batch]];
  const networks = Map.groupBy(batch, ({ request }) => request.network);
  if (networks.size > 1) return [...networks.values()];
  return error?.code === 'allocator_busy' ? [[...batch]] : batch.map((one) => [one]);
}

/** Carries a batch out; answers how to give the answers to those who wait. Never rejects. */
async function answer(options: BatchOptions, batch: readonly Waiting[]): Promise<() => void> {
  try {
    const results = await runBatch(
      options,
      batch.map((one) => one.request),
    );
    return () =>
      batch.forEach((one, pos) => {
        const result = results[pos];
        if (result === undefined) one.reject(new Error('the allocator lost a request'));
        else if (result instanceof Error) one.reject(result);
        else one.resolve(result);
      });
  } catch (error) {
    const parts =
      databaseFault(error) === undefined ? [batch] : smallerParts(batch, apiErrorFromDatabase(error));
    if (parts.length > 1) {
      for (const part of parts) (await answer(options, part))();
      return noAnswers;
    }
    const failure = apiErrorFromDatabase(error) ?? error;
    return () => {
      for (const one of batch) {
        options.metrics.allocations.inc({ outcome: 'error' });
        one.reject(failure);
      }
    };
  }
}
