import { messageOf } from '@trunkline/log';
import { ApiError, type AgentClient } from '@trunkline/client';
import type { CheckReport, DesiredCheck } from '@trunkline/contracts';
import type { Logger } from 'pino';
import { backoffMs, type Timing } from '../lib/timing.ts';

/** What checks are run with. */
export interface CheckRunnerDeps {
  /** Runs one check; answers a report in any case that is not a programming error. */
  readonly check: (check: DesiredCheck, signal: AbortSignal) => Promise<CheckReport>;
  readonly client: Pick<AgentClient, 'checkResult'>;
  readonly timing: Timing;
  readonly log: Logger;
}

/** Runs each check of the document once. */
export interface CheckRunner {
  /** The checks that are wanted now; those that are new are run. */
  readonly wanted: (checks: readonly DesiredCheck[], signal: AbortSignal) => void;
}

const backoff = { firstMs: 500, maxMs: 10_000 };

/** Remembers each check that it ran until the document no longer names it. */
export function createCheckRunner(deps: CheckRunnerDeps): CheckRunner {
  const known = new Set<string>();

  async function runOne(check: DesiredCheck, signal: AbortSignal): Promise<void> {
    const leftMs = Date.parse(check.expiresAt) - deps.timing.now();
    if (leftMs <= 0) return;
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(leftMs)]);
    try {
      await deps.client.checkResult(check.id, { state: 'running', result: null, error: null }, bounded);
    } catch (error) {
      deps.log.warn({ err: error, check: check.id }, 'the start of a check could not be reported');
    }
    try {
      await tell(check.id, await attempt(check, bounded), bounded);
    } catch (error) {
      if (!signal.aborted)
        deps.log.warn({ err: error, check: check.id }, 'the result of a check could not be reported');
    }
  }

  async function attempt(check: DesiredCheck, signal: AbortSignal): Promise<CheckReport> {
    try {
      return await deps.check(check, signal);
    } catch (error) {
      signal.throwIfAborted();
      deps.log.error({ err: error, check: check.id }, 'check failed');
      return { state: 'failed', result: null, error: messageOf(error) };
    }
  }

  async function tell(id: string, report: CheckReport, signal: AbortSignal): Promise<void> {
    for (let failures = 1; ; failures += 1) {
      signal.throwIfAborted();
      try {
        return await deps.client.checkResult(id, report, signal);
      } catch (error) {
        // No longer wanted, or refused for good.
        if (error instanceof ApiError && error.status < 500) throw error;
        await deps.timing.delay(backoffMs(failures, backoff, deps.timing.random), signal);
      }
    }
  }

  return {
    wanted: (checks, signal) => {
      const ids = new Set(checks.map(({ id }) => id));
      for (const id of known) if (!ids.has(id)) known.delete(id);
      for (const check of checks) {
        if (known.has(check.id)) continue;
        known.add(check.id);
        void runOne(check, signal);
      }
    },
  };
}
