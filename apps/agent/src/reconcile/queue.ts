import { backoffMs, type Backoff, type Timing } from '../lib/timing.ts';

/** How the work on a key ended. `parked`: trying again cannot help until something changes. */
export type WorkOutcome = 'done' | 'retry' | 'parked';

/**
 * Why a key is put on the queue. `changed`: what is wanted changed, or Docker was started again, so it is tried at once. `seen`: something happened
 * on the host; a key that waits after a failure keeps waiting, since its own attempts make things happen too. `resync`:
 * as `seen`, but a parked key is tried again.
 */
export type WorkReason = 'changed' | 'seen' | 'resync';

/** What a queue is made of. */
export interface WorkQueueDeps<K extends string> {
  /** Looks and does what is needed for a key; a failure that is thrown counts as `retry`. */
  readonly work: (key: K) => Promise<WorkOutcome>;
  readonly onError: (key: K, error: unknown) => void;
  /** How many keys are worked on at the same time. */
  readonly concurrency: number;
  /** Default: 0.5 s to 5 min. */
  readonly backoff?: Backoff;
  readonly timing: Pick<Timing, 'delay' | 'random'>;
}

/**
 * A work queue as controller-runtime has it: level-based (a key names what to look at, not what to do), a key stands on
 * it once, is never worked on twice at once, and waits after failures, with full jitter.
 */
export interface WorkQueue<K extends string> {
  readonly add: (key: K, reason: WorkReason) => void;
  /** Nothing is queued or being worked on; keys that wait after a failure do not count. */
  readonly isIdle: () => boolean;
  /** Takes no more work and waits for what runs. */
  readonly close: () => Promise<void>;
}

const usualBackoff: Backoff = { firstMs: 500, maxMs: 300_000 };

interface KeyState {
  queued: boolean;
  running: boolean;
  /** Put on the queue again while it was worked on. */
  again: boolean;
  failures: number;
  parked: boolean;
  /** Ends the wait after a failure. */
  waiting: AbortController | null;
}

/** Makes an empty queue. */
export function createWorkQueue<K extends string>(deps: WorkQueueDeps<K>): WorkQueue<K> {
  const backoff = deps.backoff ?? usualBackoff;
  const states = new Map<K, KeyState>();
  const ready: K[] = [];
  const running = new Set<Promise<void>>();
  let closed = false;

  function stateOf(key: K): KeyState {
    const known = states.get(key);
    if (known !== undefined) return known;
    const fresh = { queued: false, running: false, again: false, failures: 0, parked: false, waiting: null };
    states.set(key, fresh);
    return fresh;
  }

  function enqueue(key: K, state: KeyState): void {
    state.waiting?.abort();
    state.waiting = null;
    state.parked = false;
    if (state.running) state.again = true;
    else if (!state.queued) {
      state.queued = true;
      ready.push(key);
    }
    pump();
  }

  function nextKey(): K | undefined {
    return closed || running.size >= deps.concurrency ? undefined : ready.shift();
  }

  function pump(): void {
    for (let key = nextKey(); key !== undefined; key = nextKey()) {
      const run: Promise<void> = runKey(key, stateOf(key)).finally(() => {
        running.delete(run);
        pump();
      });
      running.add(run);
    }
  }

  async function runKey(key: K, state: KeyState): Promise<void> {
    state.queued = false;
    state.running = true;
    state.again = false;
    let outcome: WorkOutcome;
    try {
      outcome = await deps.work(key);
    } catch (error) {
      deps.onError(key, error);
      outcome = 'retry';
    }
    state.running = false;
    settle(key, state, outcome);
  }

  function settle(key: K, state: KeyState, outcome: WorkOutcome): void {
    if (closed) return;
    if (outcome === 'done') state.failures = 0;
    else if (outcome === 'retry') state.failures += 1;
    if (state.again) return enqueue(key, state);
    if (outcome === 'parked') state.parked = true;
    else if (outcome === 'retry') void retryLater(key, state);
    else states.delete(key);
  }

  async function retryLater(key: K, state: KeyState): Promise<void> {
    const waiting = new AbortController();
    state.waiting = waiting;
    await deps.timing.delay(backoffMs(state.failures, backoff, deps.timing.random), waiting.signal);
    if (!waiting.signal.aborted && !closed) enqueue(key, state);
  }

  return {
    add: (key, reason) => {
      if (closed) return;
      const state = stateOf(key);
      if (reason === 'changed') state.failures = 0;
      else if (state.waiting !== null || (state.parked && reason === 'seen')) return;
      // What a run sees of its own doing does not cut short the wait after its failure.
      else if (state.running && state.failures > 0) return;
      enqueue(key, state);
    },
    isIdle: () => ready.length === 0 && running.size === 0,
    close: async () => {
      closed = true;
      for (const state of states.values()) state.waiting?.abort();
      await Promise.all(running);
    },
  };
}
