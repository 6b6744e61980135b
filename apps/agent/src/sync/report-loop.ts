import type { AgentClient } from '@trunkline/client';
import type { Report } from '@trunkline/contracts';
import type { Logger } from 'pino';
import { fatalFailure } from '../lib/failure.ts';
import { backoffMs, type Timing } from '../lib/timing.ts';

/** What the loop works with. */
export interface ReportLoopDeps {
  readonly client: Pick<AgentClient, 'report'>;
  /** The newest report, after another look when `fresh`. Null before the first look. */
  readonly build: (fresh: boolean) => Promise<Report | null>;
  /** How often to report when nothing changes, and the longest wait after a failure, in milliseconds. */
  readonly heartbeatMs: () => number;
  readonly timing: Timing;
  readonly log: Logger;
}

/** Reports on change and at least every heartbeat. */
export interface ReportLoop {
  /**
   * Something may have changed, to be reported within so many milliseconds: at once by default, and earlier with another
   * report. Many calls become one report.
   */
  readonly changed: (withinMs?: number) => void;
  /** The server answered another part of the agent: a report that waits after a failure is tried at once. */
  readonly serverAnswers: () => void;
  /** Runs until aborted; fails only with `AgentSuperseded`. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

const firstBackoffMs = 500;
/** This part of a heartbeat a look may take before the heartbeat goes out without it. */
const lookShare = 0.5;

/** Makes the loop; nothing is sent before `run`. */
export function createReportLoop(deps: ReportLoopDeps): ReportLoop {
  const { timing, log } = deps;
  /** When the next report is due, apart from the heartbeat: the clock's time, in milliseconds. */
  let dueAt = Number.NEGATIVE_INFINITY;
  let wake = new AbortController();
  let backoff = new AbortController();
  let looking: { readonly since: number; readonly report: Promise<Report | null> } | null = null;
  let lastSent: string | null = null;
  let lastSentAt = Number.NEGATIVE_INFINITY;

  /** Whether a report went out or was not needed; throws what the client throws. */
  async function once(signal: AbortSignal): Promise<void> {
    const heartbeatDue = timing.now() - lastSentAt >= deps.heartbeatMs();
    if (dueAt > timing.now() && !heartbeatDue) return;
    dueAt = Number.POSITIVE_INFINITY;
    const report = await (heartbeatDue ? freshOrLatest(signal) : deps.build(false));
    if (report === null) return;
    const content = JSON.stringify({ ...report, observedAt: '' });
    if (!heartbeatDue && content === lastSent) return;
    await deps.client.report(report, signal);
    lastSent = content;
    lastSentAt = timing.now();
  }

  /**
   * A report of a fresh look where that takes no longer than a part of a heartbeat, else of the last look, with its age. So a slow
   * Docker makes the report older, and not the host silent. What the look finds is reported once it ends.
   */
  async function freshOrLatest(signal: AbortSignal): Promise<Report | null> {
    looking ??= lookAgain();
    const { since, report } = looking;
    const enough = new AbortController();
    const leftMs = Math.max(0, since + deps.heartbeatMs() * lookShare - timing.now());
    const late = timing.delay(leftMs, AbortSignal.any([signal, enough.signal])).then(() => 'late' as const);
    try {
      const first = await Promise.race([report, late]);
      if (first !== 'late') return first;
    } finally {
      enough.abort();
    }
    report.then(
      () => changed(),
      () => undefined,
    );
    return deps.build(false);
  }

  function lookAgain(): NonNullable<typeof looking> {
    const look = { since: timing.now(), report: deps.build(true) };
    const over = (): void => {
      if (looking === look) looking = null;
    };
    look.report.then(over, over);
    return look;
  }

  function changed(withinMs = 0): void {
    dueAt = Math.min(dueAt, timing.now() + withinMs);
    wake.abort();
  }

  async function run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await once(signal);
        failures = 0;
      } catch (error) {
        const fatal = fatalFailure(error);
        if (fatal !== null) throw fatal;
        if (signal.aborted) return;
        failures += 1;
        // A report that failed is built again for the next try.
        lastSent = null;
        dueAt = Number.NEGATIVE_INFINITY;
        const waitMs = backoffMs(
          failures,
          { firstMs: firstBackoffMs, maxMs: deps.heartbeatMs() },
          timing.random,
        );
        log.warn({ err: error, waitMs }, 'report failed, trying again');
        backoff = new AbortController();
        await timing.delay(waitMs, AbortSignal.any([signal, backoff.signal]));
        continue;
      }
      const now = timing.now();
      if (dueAt <= now) continue;
      wake = new AbortController();
      const heartbeatInMs = Math.max(50, lastSentAt + deps.heartbeatMs() - now);
      await timing.delay(Math.min(dueAt - now, heartbeatInMs), AbortSignal.any([signal, wake.signal]));
    }
  }

  return {
    changed,
    serverAnswers: () => backoff.abort(),
    run,
  };
}
