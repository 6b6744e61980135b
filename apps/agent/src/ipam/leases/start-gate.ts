import type { StatePast } from '../../machine/state-past.ts';
import { within, type Timing } from '../../lib/timing.ts';

/** Holds grants from the disk until the server has confirmed what this host holds: after a start, and once the server does not know the host. */
export interface StartGate {
  /** Why nothing may be given from the disk; null: it may. */
  readonly pending: () => string | null;
  /** Resolves when it may, or after so many milliseconds. */
  readonly opened: (timeoutMs: number) => Promise<void>;
  /** A comparison with the server begins. Answers a function to call once the server has confirmed all that this host holds. */
  readonly comparing: () => () => void;
  /** The server could not be asked, for this reason. */
  readonly notReached: (why: string) => void;
  /** The server knows no such host, for this reason: what was confirmed before is no longer confirmed. */
  readonly disowned: (why: string) => void;
}

/** How long an ordinary start waits for a server that does not answer, in milliseconds. */
const startMs = 2000;

/**
 * Makes the gate of one start.
 *
 * | past of the state folder | opens |
 * | --- | --- |
 * | `continued`, `rebooted` | when the server confirmed, when it turned out to be away, or {@link startMs} after the start: what runs keeps running |
 * | `restored` | when the server confirmed; never without it: what the folder holds may be another host's by now |
 * | `disowned` | as `restored`, and nobody waits for it |
 *
 * A disk that holds nothing needs no gate after a start. Any of them becomes `disowned` when the server answers that it knows no such host.
 */
export function createStartGate({
  past,
  isEmpty,
  onOpen,
  onDisowned,
  timing,
}: {
  readonly past: StatePast;
  readonly isEmpty: boolean;
  /** It opened since the server confirmed. */
  readonly onOpen: () => void;
  /** It closed since the server knows no such host. */
  readonly onDisowned: () => void;
  readonly timing: Pick<Timing, 'now' | 'delay'>;
}): StartGate {
  const opening = Promise.withResolvers<void>();
  const until = timing.now() + startMs;
  let state: StatePast = past;
  let away: string | null = null;
  let turns = 0;
  const mayOpenAlone = (): boolean => state === 'continued' || state === 'rebooted';
  let isOpen = isEmpty && mayOpenAlone();
  if (isOpen) opening.resolve();

  const open = (): void => {
    isOpen = true;
    opening.resolve();
  };
  return {
    pending: () => {
      if (isOpen || mayOpenAlone()) return null;
      const reason = away === null ? '' : ` (${away})`;
      return state === 'disowned'
        ? `the server does not know this host as the holder of the addresses on its disk${reason}: they may belong to another host by now; ` +
            'if it was retired, give its agent a new join token and an empty state directory'
        : `the state folder of the Trunkline agent was restored from a copy, and the server has not confirmed the addresses of this host yet${reason}: ` +
            'try again when the server can be reached; if the folder is not a copy, stop the agent and run it once with --accept-machine';
    },
    opened: async (timeoutMs) => {
      if (isOpen || state === 'disowned') return;
      const boundMs = state === 'restored' ? timeoutMs : Math.min(timeoutMs, until - timing.now());
      if (boundMs <= 0) return;
      await within(opening.promise, boundMs, timing);
    },
    comparing: () => {
      const turn = turns;
      return () => {
        // An answer from before the server disowned this host proves nothing.
        if (isOpen || turn !== turns) return;
        open();
        onOpen();
      };
    },
    notReached: (why) => {
      away = why;
      if (mayOpenAlone()) open();
    },
    disowned: (why) => {
      away = why;
      turns += 1;
      const isNews = isOpen || state !== 'disowned';
      state = 'disowned';
      isOpen = false;
      opening.resolve();
      if (isNews) onDisowned();
    },
  };
}
