import { ApiError, type AgentClient } from '@trunkline/client';
import type { Logger } from 'pino';
import type { DesiredCache } from './desired-cache.ts';
import { faultFields } from '../lib/connection-fault.ts';
import { fatalFailure } from '../lib/failure.ts';
import { backoffMs, type Timing } from '../lib/timing.ts';

/** What the poll works with. */
export interface DesiredPollDeps {
  readonly client: Pick<AgentClient, 'desired'>;
  readonly cache: DesiredCache;
  /** The highest generation of a lease that this host holds. */
  readonly generation?: () => number;
  /** How often the server wants to hear of this host, in milliseconds: a server that is gone is not asked more seldom. */
  readonly heartbeatMs: () => number;
  /** The server answered, whatever the answer was. */
  readonly onAnswer: () => void;
  /** A document was taken; it is in the cache. */
  readonly onChange: () => void;
  readonly timing: Timing;
  readonly log: Logger;
}

const waitSeconds = 25;
const firstBackoffMs = 500;
/** A server that answers a long poll at once must not make the agent spin. */
const shortestRoundMs = 250;
/**
 * Pause after a document, in milliseconds: changes that come in a burst are taken together, and a host that has just begun
 * to carry one out is not busy with asking for the next.
 */
const burstMs = 50;

/**
 * Asks for desired state until `signal` aborts. Whatever fails, the last document stays: silence and errors are never an
 * empty desired state. Fails only with `AgentSuperseded`.
 */
export async function pollDesired(deps: DesiredPollDeps, signal: AbortSignal): Promise<void> {
  let failures = 0;
  // The first answer shows whether the document on the disk is the newest, so it does not wait for a newer one.
  let wait = 0;
  while (!signal.aborted) {
    const began = deps.timing.now();
    try {
      const took = await pollOnce(deps, wait, signal);
      failures = 0;
      wait = waitSeconds;
      deps.onAnswer();
      const tooFast = deps.timing.now() - began < shortestRoundMs;
      if (took) await deps.timing.delay(burstMs, signal);
      else if (tooFast) await deps.timing.delay(shortestRoundMs, signal);
    } catch (error) {
      const fatal = fatalFailure(error);
      if (fatal !== null) throw fatal;
      // The loop's condition ends it; an aborted call is no failure.
      if (!signal.aborted) {
        failures += 1;
        const waitMs = backoffMs(
          failures,
          { firstMs: firstBackoffMs, maxMs: deps.heartbeatMs() },
          deps.timing.random,
        );
        logFailure(deps.log, error, waitMs);
        await deps.timing.delay(waitMs, signal);
      }
    }
  }
}

/** Whether a document was taken. */
async function pollOnce(
  { client, cache, generation, onChange, log }: DesiredPollDeps,
  wait: number,
  signal: AbortSignal,
): Promise<boolean> {
  const after = cache.current()?.revision;
  const heard = cache.current()?.incarnation;
  const answer = await client.desired({
    ...(after === undefined ? {} : { after }),
    ...(heard === undefined ? {} : { heard }),
    ...(generation === undefined ? {} : { generation: generation() }),
    // Without a document there is nothing to wait for.
    wait: after === undefined ? 0 : wait,
    signal,
  });
  if (answer === 'unchanged') return false;
  const refusal = await cache.accept(answer);
  if (refusal !== null) {
    throw new DesiredRefused(
      refusal.reason === 'older'
        ? `the server sent revision ${refusal.got}, but this host has already applied ${refusal.have}, and the server declares no recovery: nothing is changed`
        : `the server sent the desired state of host ${refusal.hostId}: nothing is changed`,
    );
  }
  log.info({ revision: answer.revision, before: after ?? null }, 'desired state changed');
  onChange();
  return true;
}

/** The server answered a document that is not to be carried out. */
class DesiredRefused extends Error {
  override readonly name = 'DesiredRefused';
}

function logFailure(log: Logger, error: unknown, waitMs: number): void {
  const needsSomeone =
    error instanceof DesiredRefused ||
    (error instanceof ApiError && error.status < 500 && error.problem?.retryable !== true);
  const fault = faultFields(error);
  if (needsSomeone) log.error({ ...fault, waitMs }, 'no usable desired state, keeping the current one');
  else log.warn({ ...fault, waitMs }, 'desired state not reachable, keeping the current one');
}
