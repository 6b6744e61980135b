import type { Logger } from 'pino';
import type { Timing } from '../../lib/timing.ts';
import { createWaker } from '../../lib/waker.ts';
import type { LeaseStore } from './lease-store.ts';

/** Finds out by itself when a disk that was full, or broken, takes the leases again. */
export interface WriteWatch {
  /** The leases cannot be written, or can be again. */
  readonly changed: () => void;
  /** Runs until aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** How often a disk that takes no writes is tried, in milliseconds. */
const againMs = 2000;
const idleMs = 3_600_000;

/** Makes the watch of one store. `look`: looks at Docker; what could not be written down before comes of it again. */
export function createWriteWatch({
  store,
  look,
  timing,
  log,
}: {
  readonly store: Pick<LeaseStore, 'whyNotWritten' | 'writeAgain'>;
  readonly look: () => Promise<unknown>;
  readonly timing: Pick<Timing, 'delay'>;
  readonly log: Logger;
}): WriteWatch {
  const waker = createWaker();
  return {
    changed: () => waker.wake('soon'),
    run: async (signal) => {
      let isDown = false;
      while (!signal.aborted) {
        waker.reset();
        const wasDown = isDown;
        isDown = store.whyNotWritten() !== null;
        if (wasDown && !isDown)
          await look().catch((error: unknown) => log.debug({ err: error }, 'Docker could not be observed'));
        await timing.delay(isDown ? againMs : idleMs, AbortSignal.any([signal, waker.any()]));
        if (isDown && !signal.aborted) await store.writeAgain();
      }
    },
  };
}
