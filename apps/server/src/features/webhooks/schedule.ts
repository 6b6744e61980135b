/** When a message that failed is sent again, in seconds after the last attempt (Standard Webhooks 1.0, "retry schedule"). */
const pauses = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400] as const;

/** How often a message is sent before it is given up. */
export const maxAttempts = pauses.length + 1;

/** By how much a pause is lengthened, so that messages that failed together do not come together again. */
const jitter = 0.1;
const maxRetryAfterSeconds = 86_400;

/**
 * Milliseconds until the next attempt after so many; undefined: it is given up.
 *
 * `random`: from 0 to 1. `retryAfterSeconds`: as the target asked for; it lengthens the pause, and never shortens it.
 */
export function pauseAfter(
  attempts: number,
  random: number,
  retryAfterSeconds: number | undefined,
): number | undefined {
  const pause = pauses[attempts - 1];
  if (pause === undefined) return undefined;
  const asked = Math.min(retryAfterSeconds ?? 0, maxRetryAfterSeconds);
  return Math.round(Math.max(pause * (1 + jitter * random), asked) * 1000);
}
