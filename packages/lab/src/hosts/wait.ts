import { setTimeout as delay } from 'node:timers/promises';
import { patient } from './patience.ts';

/**
 * Asks `condition` every `everyMs` until it gives something other than undefined or false, and returns
 * that. Throws after `deadlineMs`, as this machine needs it ({@link patient}), with `what` was waited for.
 */
export async function waitFor<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs: number,
  everyMs = 20,
): Promise<T> {
  const patientMs = patient(deadlineMs);
  const end = Date.now() + patientMs;
  for (;;) {
    const answer = await condition();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${String(patientMs / 1000)} s`);
    await delay(everyMs);
  }
}
