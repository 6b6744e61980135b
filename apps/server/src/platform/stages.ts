import type { FastifyBaseLogger } from 'fastify';

/** One thing that is undone at the end. */
export interface Stage {
  name: string;
  /** How long it may take, in milliseconds; the next stage begins then at the latest. */
  boundMs: number;
  /** The end must not come before this is done: `hurry` does not cut it short, it only runs it at once. */
  essential?: boolean;
  run: () => Promise<unknown>;
}

const never = new AbortController().signal;

/**
 * Runs the stages, one after another. One that fails or takes too long is logged and does not keep the next from running:
 * what hangs in the first must not leave the last undone. After `hurry` only the essential ones are still waited for.
 */
export async function runStages(
  stages: readonly Stage[],
  log: Pick<FastifyBaseLogger, 'warn'>,
  hurry: AbortSignal = never,
): Promise<void> {
  for (const { name, boundMs, essential, run } of stages) {
    try {
      if (!(await within(run(), boundMs, essential === true ? never : hurry)))
        log.warn({ stage: name, boundMs }, 'a part of the server did not stop in time');
    } catch (error) {
      log.warn({ err: error, stage: name }, 'a part of the server did not stop cleanly');
    }
  }
}

/** Whether `work` is done within the time; fails when it fails in time. */
async function within(work: Promise<unknown>, boundMs: number, hurry: AbortSignal): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const giveUp = (): void => late.resolve(false);
  const timer = setTimeout(giveUp, hurry.aborted ? 0 : boundMs);
  hurry.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([work.then(() => true as const), late.promise]);
  } finally {
    clearTimeout(timer);
    hurry.removeEventListener('abort', giveUp);
    work.catch(() => undefined);
  }
}
