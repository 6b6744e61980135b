import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { patient } from '../hosts/patience.ts';

/** How many lines of a program are kept for failure messages. */
const keptLines = 400;

/** What a server writes of a request that was answered: it explains no failure, and would push out the lines that do. */
const routine = /^\{"level":30,.*"msg":"request"\}$/;

/** A program of ours that runs as a process of its own; what it prints is kept. */
export interface Program {
  readonly name: string;
  readonly running: boolean;
  /** Process id while it runs. */
  readonly pid: number | undefined;
  /** Its last lines, stdout and stderr together. */
  lines(): readonly string[];
  /** Returns once a line holds `text`. Throws with the last lines when it ends first, or after `deadlineMs`. */
  printed(text: string, deadlineMs: number): Promise<void>;
  /** SIGTERM, and SIGKILL after `graceMs`; returns when it is gone. */
  stop(graceMs: number): Promise<void>;
  /** SIGKILL; returns when it is gone. */
  kill(): Promise<void>;
}

/** Takes over a child that was started with stdout and stderr as pipes. `lines` goes on where an earlier run stopped. */
export function watchProgram(name: string, child: ChildProcess, lines: string[] = []): Program {
  let changed = Promise.withResolvers<void>();
  const wake = (): void => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  let failure: string | undefined;
  let ended = false;
  // Lines of an earlier run answer no question about this one.
  let fresh: string[] = [];
  const gone = new Promise<void>((resolve) => {
    // `close` comes after the last line was read.
    child.once('close', () => resolve());
    child.once('error', (error) => {
      failure = error.message;
      resolve();
    });
  }).then(() => {
    ended = true;
    wake();
    return undefined;
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      if (routine.test(line)) return;
      lines.push(line);
      if (lines.length > keptLines) lines.splice(0, lines.length - keptLines);
      fresh.push(line);
      if (fresh.length > keptLines) fresh = fresh.slice(-keptLines);
      wake();
    });
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!ended) child.kill(signal);
    await gone;
  };
  return {
    name,
    get running() {
      return !ended && child.exitCode === null && child.signalCode === null;
    },
    get pid() {
      return ended ? undefined : child.pid;
    },
    lines: () => lines,
    async printed(text, deadlineMs) {
      const patientMs = patient(deadlineMs);
      const deadline = AbortSignal.timeout(patientMs);
      const late = once(deadline, 'abort');
      while (!fresh.some((line) => line.includes(text))) {
        const why = ended
          ? (failure ?? `it ended (exit code ${String(child.exitCode)}, signal ${String(child.signalCode)})`)
          : deadline.aborted
            ? `not within ${String(patientMs / 1000)} s`
            : undefined;
        if (why !== undefined) {
          throw new Error(`${name} did not print "${text}": ${why}\n${fresh.slice(-30).join('\n')}`);
        }
        await Promise.race([changed.promise, late]);
      }
    },
    async stop(graceMs) {
      if (ended) return;
      child.kill('SIGTERM');
      const grace = new AbortController();
      try {
        await Promise.race([gone, delay(patient(graceMs), undefined, { signal: grace.signal })]);
      } finally {
        grace.abort();
      }
      await end('SIGKILL');
    },
    kill: () => end('SIGKILL'),
  };
}
