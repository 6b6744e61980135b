import type { StatePast } from '../machine/state-past.ts';
import type { Timing } from '../sync/timing.ts';

/** Holds grants from the disk after a start, until the server has confirmed what this host holds. */
export type StartGate = {
  /** Why nothing may be given from the disk; null: it may. */
  readonly pending: () => string | null;
  /** Resolves when it may, or after so many milliseconds. */
  readonly opened: (timeoutMs: number) => Promise<void>;
  /** The server confirmed what this host holds. */
  readonly confirmed: () => void;
  /** The server could not be asked, for this reason. */
  readonly notReached: (why: string) => void;
};

/** How long an ordinary start waits for a server that does not answer, in milliseconds. */
const startMs = 2000;

/**
 * Makes the gate of one start.
 *
 * | past of the state folder | opens |
 * | --- | --- |
 * | `continued`, `rebooted` | when the server confirmed, when it turned out to be away, or {@link startMs} after the start: what runs keeps running |
 * | `restored` | when the server confirmed; never without it: what the folder holds may be another host's by now |
 *
 * A disk that holds nothing needs no gate.
 */
export function createStartGate({
  past,
  isEmpty,
  onOpen,
  timing,
}: {
  readonly past: StatePast;
  readonly isEmpty: boolean;
  /** It opened since the server confirmed. */
  readonly onOpen: () => void;
  readonly timing: Pick<Timing, 'now' | 'delay'>;
}): StartGate {
  const opening = Promise.withResolvers<void>();
  const until = timing.now() + startMs;
  let away: string | null = null;
  let isOpen = isEmpty && past !== 'restored';
  if (isOpen) opening.resolve();

  const open = (): void => {
    isOpen = true;
    opening.resolve();
  };
  return {
    pending: () => {
      if (past !== 'restored' || isOpen) return null;
      return (
        `the state folder of the Trunkline agent was put back from a copy, and the server has not confirmed yet what this host holds${away === null ? '' : ` (${away})`}: ` +
        'try again when the server is reached; if the folder is not a copy, stop the agent and run it once with --accept-machine'
      );
    },
    opened: async (timeoutMs) => {
      const boundMs = past === 'restored' ? timeoutMs : Math.min(timeoutMs, until - timing.now());
      if (isOpen || boundMs <= 0) return;
      const ended = new AbortController();
      await Promise.race([opening.promise, timing.delay(boundMs, ended.signal)]);
      ended.abort();
    },
    confirmed: () => {
      if (isOpen) return;
      open();
      onOpen();
    },
    notReached: (why) => {
      away = why;
      if (past !== 'restored') open();
    },
  };
}
