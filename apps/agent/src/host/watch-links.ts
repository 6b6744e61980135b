/** A program that runs until it is stopped. */
export interface SpawnedProcess {
  /** Its standard output, piece by piece; ends when the program does. Fails when it cannot be started. */
  readonly output: AsyncIterable<unknown>;
  /** Ends it; harmless when it has ended. */
  readonly stop: () => void;
}

/** Starts a program that prints until it is stopped; the counterpart of `RunCommand` for streams. Argv only. */
export type SpawnCommand = (file: string, argv: readonly string[]) => SpawnedProcess;

/** How the watch waits before it starts again; tests bring their own. */
export interface WatchTiming {
  /** Resolves after so many milliseconds, and at once when aborted. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 to 1. */
  readonly random: () => number;
}

const shortestWaitMs = 500;
const maxWaitMs = 30_000;

/**
 * Calls `onChange` when something about the links or their addresses changed. It does not report what: the caller looks at all of them. Calls
 * `onChange` also whenever the watch has (re)started, since changes in the gap went unseen; a change in the instant
 * before `ip` listens is missed, so the caller's own timer stays needed.
 *
 * Runs until `signal` aborts and never fails: a monitor that dies is started again, after 0.5 s to 30 s with full
 * jitter.
 */
export async function watchLinks(
  spawn: SpawnCommand,
  onChange: () => void,
  signal: AbortSignal,
  timing: WatchTiming,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const monitor = spawn('ip', ['-json', 'monitor', 'link', 'address']);
    signal.addEventListener('abort', monitor.stop, { once: true });
    onChange();
    try {
      for await (const _ of monitor.output) {
        failures = 0;
        onChange();
      }
    } catch {
      // A monitor that could not start or broke is the same to us as one that ended.
    } finally {
      signal.removeEventListener('abort', monitor.stop);
      monitor.stop();
    }
    if (signal.aborted) return;
    const ceiling = Math.min(maxWaitMs, shortestWaitMs * 2 ** failures);
    failures = Math.min(failures + 1, 10);
    await timing.delay(ceiling * timing.random(), signal);
  }
}
