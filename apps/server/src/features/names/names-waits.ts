/** What the waits work with. */
export interface NamesWaitsDeps {
  /** The version of the names of each of these hosts, by one statement. */
  versionsOf(hostIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Calls back on every change of the database. */
  subscribe(listener: () => void): () => void;
  /** Pause between two looks, in milliseconds: of changes that come fast, most are about something else. Default 100. */
  pauseMs?: number;
  warn(error: unknown): void;
}

/** All polls for names that wait on this server, woken by one look for all of them. */
export interface NamesWaits {
  /**
   * Starts to wait: `changed` resolves with true when the names of the host are of another version than `version`, and with
   * false after `timeoutMs`, or when `signal` fires. Never rejects. Start it before looking, so that no change falls between.
   */
  start(
    hostId: string,
    version: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): { changed: Promise<boolean>; cancel(): void };
}

interface Wait {
  hostId: string;
  version: string;
  end(isChanged: boolean): void;
}

const defaultPauseMs = 100;
const retryMs = 1_000;

export function createNamesWaits(deps: NamesWaitsDeps): NamesWaits {
  const { pauseMs = defaultPauseMs } = deps;
  const waits = new Set<Wait>();
  let running = false;
  let again = false;

  const look = async (): Promise<void> => {
    const versions = await deps.versionsOf([...new Set([...waits].map(({ hostId }) => hostId))]);
    for (const wait of waits) {
      const version = versions.get(wait.hostId);
      // One that began to wait meanwhile was not looked at, and looks itself.
      if (version !== undefined && version !== wait.version) wait.end(true);
    }
  };

  const run = async (): Promise<void> => {
    while (again && waits.size > 0) {
      again = false;
      let restMs = pauseMs;
      try {
        await look();
      } catch (error) {
        deps.warn(error);
        // The waits go on; each ends by its own time at the latest.
        again = true;
        restMs = retryMs;
      }
      await new Promise((resolve) => setTimeout(resolve, restMs).unref());
    }
    running = false;
  };

  const changed = (): void => {
    again = true;
    if (running || waits.size === 0) return;
    running = true;
    void run();
  };
  deps.subscribe(changed);

  return {
    start(hostId, version, timeoutMs, signal) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const cancel = (): void => wait.end(false);
      const timer = setTimeout(cancel, timeoutMs);
      const wait: Wait = {
        hostId,
        version,
        end(isChanged) {
          if (!waits.delete(wait)) return;
          clearTimeout(timer);
          signal.removeEventListener('abort', cancel);
          resolve(isChanged);
        },
      };
      waits.add(wait);
      signal.addEventListener('abort', cancel);
      if (signal.aborted) cancel();
      // Changes that came while nobody waited were not looked at.
      else if (again) changed();
      return { changed: promise, cancel };
    },
  };
}
