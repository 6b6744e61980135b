import type { FastifyBaseLogger } from 'fastify';
import { shortly } from './failure-log.ts';

/**
 * Runs `work` every `intervalMs`, never twice at once, until stopped. A failure is logged and the next round tries
 * again: what is swept is only ever rubbish. Answers how to stop, which waits for the round that runs.
 */
export function startSweep(
  name: string,
  intervalMs: number,
  log: FastifyBaseLogger,
  work: () => Promise<void>,
): () => Promise<void> {
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const round = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      log.warn({ ...shortly(error), sweep: name }, 'sweep failed, will try again');
    }
    if (!stopped) schedule();
  };
  const schedule = (): void => {
    timer = setTimeout(() => {
      running = round();
    }, intervalMs);
    timer.unref();
  };
  schedule();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}

const maxInStep = 5_000;

/** Deletes until a step finds less than it may delete: bounded steps, so that no lock is held long. */
export async function deleteInSteps(step: (most: number) => Promise<number>): Promise<void> {
  while ((await step(maxInStep)) >= maxInStep);
}
