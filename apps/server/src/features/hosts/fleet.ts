/** A host that has not been heard for this many heartbeats counts as silent. */
export const heartbeatsToSilence = 3;

/**
 * How often agents report at least, in seconds: every 10 s in a fleet of up to 300 hosts, then so that about 30 reports
 * a second arrive, and no more seldom than every 5 minutes.
 */
export function heartbeatFor(hosts: number): number {
  return Math.min(300, Math.max(10, Math.ceil(hosts / 30)));
}

/** Whether a host last heard at `lastSeenAt` still counts as connected. */
export function isHeard(lastSeenAt: Date | null, now: Date, heartbeatSeconds: number): boolean {
  return (
    lastSeenAt !== null &&
    now.getTime() - lastSeenAt.getTime() <= heartbeatsToSilence * heartbeatSeconds * 1000
  );
}

/**
 * Whether it is worth waiting for a host. Silence counts only once the server itself has listened for long
 * enough: after an outage of the server every host was last heard long ago, and most will be back in a moment.
 */
export function isAwaited(
  lastSeenAt: Date | null,
  listeningSince: Date,
  now: Date,
  heartbeatSeconds: number,
): boolean {
  return (
    isHeard(lastSeenAt, now, heartbeatSeconds) ||
    (lastSeenAt !== null && isHeard(listeningSince, now, heartbeatSeconds))
  );
}

/** How large the fleet is, near enough. */
export interface Fleet {
  /** Heartbeat of the fleet as last counted, in seconds. */
  heartbeatSeconds(): number;
  /** Counts again when the last count is old. Never fails: an old count does no harm. */
  refresh(): Promise<void>;
}

/** A count is good for this long, in milliseconds. */
const countedForMs = 30_000;

export function createFleet(deps: { count(): Promise<number>; now(): Date }): Fleet {
  let seconds = heartbeatFor(0);
  let countedAt = Number.NEGATIVE_INFINITY;
  let counting: Promise<void> | undefined;

  const count = async (): Promise<void> => {
    try {
      seconds = heartbeatFor(await deps.count());
      countedAt = deps.now().getTime();
    } catch {
      // The caller's own query fails with the database's error.
    } finally {
      counting = undefined;
    }
  };
  const refresh = async (): Promise<void> => {
    if (deps.now().getTime() - countedAt < countedForMs) return;
    counting ??= count();
    await counting;
  };
  return {
    heartbeatSeconds: () => {
      void refresh();
      return seconds;
    },
    refresh,
  };
}
