/** A clock whose times can be compared, whatever is done to the clock of the machine. */
export interface SteadyClock {
  /** Milliseconds since 1970, never less than before: where the machine's clock is set back, it goes on from where it was. */
  readonly now: () => number;
  /** When the machine's clock was set forward, or woke up, for the last time; 0: never. No time passed before that moment. */
  readonly setForwardAt: () => number;
}

/** What is no more than a correction of the clock, in milliseconds. */
const correctionMs = 1000;

/**
 * `wall`: the machine's clock, milliseconds since 1970; `elapsed`: milliseconds that passed, which nobody sets. How far
 * it is ahead of the machine's clock is made good when that is set forward again.
 */
export function createSteadyClock(wall: () => number, elapsed: () => number): SteadyClock {
  let last = { wall: wall(), elapsed: elapsed() };
  let aheadMs = 0;
  let setForwardAt = 0;

  function now(): number {
    const read = { wall: wall(), elapsed: elapsed() };
    const leapMs = read.wall - last.wall - (read.elapsed - last.elapsed);
    if (read.wall < last.wall) aheadMs += last.wall - read.wall;
    const isLeap = leapMs > correctionMs;
    const repaidMs = isLeap ? Math.min(aheadMs, leapMs) : 0;
    aheadMs -= repaidMs;
    last = read;
    if (leapMs - repaidMs > correctionMs) setForwardAt = read.wall + aheadMs;
    return read.wall + aheadMs;
  }

  return {
    now,
    setForwardAt: () => {
      now();
      return setForwardAt;
    },
  };
}
