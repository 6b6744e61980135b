/** What the waits work with. */
export interface DesiredWaitsDeps {
  /** Hosts whose documents changed after a revision, and the revision of the database in the same view. */
  changesAfter(
    revision: bigint,
  ): Promise<{ revision: bigint; hosts: { hostId: string; revision: bigint }[] }>;
  /** Calls back on every change of the database. */
  subscribe(listener: () => void): () => void;
  warn(error: unknown): void;
}

/** All long polls that wait on this server, woken by one query a change instead of one a poll. */
export interface DesiredWaits {
  /**
   * Starts to wait: `changed` resolves with true when the document of the host is of another revision than `after`, and
   * with false after `timeoutMs`, or when `signal` fires. Never rejects. Start it before looking, so that no change falls
   * between.
   */
  start(
    hostId: string,
    after: bigint,
    timeoutMs: number,
    signal: AbortSignal,
  ): { changed: Promise<boolean>; cancel(): void };
  /** How many wait. */
  size(): number;
}

interface Wait {
  after: bigint;
  done(): void;
}

const retryMs = 1_000;

export function createDesiredWaits(deps: DesiredWaitsDeps): DesiredWaits {
  const waits = new Map<string, Set<Wait>>();
  let seen = 0n;
  let running = false;
  let again = false;
  let count = 0;

  const look = async (): Promise<void> => {
    const { revision, hosts } = await deps.changesAfter(seen);
    seen = revision;
    for (const host of hosts) {
      for (const wait of waits.get(host.hostId) ?? []) if (host.revision !== wait.after) wait.done();
    }
  };

  const changed = (): void => {
    again = true;
    if (running || waits.size === 0) return;
    running = true;
    void (async () => {
      while (again && waits.size > 0) {
        again = false;
        try {
          await look();
        } catch (error) {
          deps.warn(error);
          // The waits go on; each ends by its own time at the latest.
          again = true;
          await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
        }
      }
      running = false;
    })();
  };
  deps.subscribe(changed);

  return {
    size: () => count,
    start(hostId, after, timeoutMs, signal) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const ofHost = waits.get(hostId) ?? new Set();
      const end = (isChanged: boolean): void => {
        if (!ofHost.delete(wait)) return;
        count -= 1;
        if (ofHost.size === 0) waits.delete(hostId);
        clearTimeout(timer);
        signal.removeEventListener('abort', cancel);
        resolve(isChanged);
      };
      const cancel = (): void => end(false);
      const wait: Wait = { after, done: () => end(true) };
      const timer = setTimeout(cancel, timeoutMs);
      ofHost.add(wait);
      waits.set(hostId, ofHost);
      count += 1;
      signal.addEventListener('abort', cancel);
      if (signal.aborted) cancel();
      // Changes that came while nobody waited were not looked at.
      else if (again) changed();
      return { changed: promise, cancel };
    },
  };
}
