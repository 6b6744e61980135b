import type { AgentClient } from '@trunkline/client';
import type { Logger } from 'pino';
import { fatalFailure } from '../lib/failure.ts';
import { backoffMs, type Timing } from '../lib/timing.ts';
import type { Waker } from '../lib/waker.ts';
import type { NamesStore } from './names-store.ts';

/** What the poll works with. */
export interface NamesPollDeps {
  readonly client: Pick<AgentClient, 'names'>;
  readonly store: NamesStore;
  /** Whether a network of this host has names: without one, nobody is asked. */
  readonly isWanted: () => boolean;
  /** Woken when `isWanted` may have changed. */
  readonly waker: Waker;
  readonly heartbeatMs: () => number;
  /** Names were taken; they are in the store. */
  readonly onChange: () => void;
  readonly timing: Timing;
  readonly log: Logger;
}

const waitSeconds = 25;
const firstBackoffMs = 500;
/** A server that answers a long poll at once must not make the agent spin. */
const shortestRoundMs = 250;
const longestPauseMs = 5_000;
const idleMs = 3_600_000;

/**
 * Asks for the names of the fleet until `signal` aborts. Whatever fails, the last names stay. The pause after an answer grows with
 * its size, a millisecond for each container: in a large fleet in motion each host would get all of them again and again.
 * Fails only with `AgentSuperseded`.
 */
export async function pollNames(deps: NamesPollDeps, signal: AbortSignal): Promise<void> {
  const { client, store, timing } = deps;
  let failures = 0;
  while (!signal.aborted) {
    deps.waker.reset();
    if (!deps.isWanted()) {
      await timing.delay(idleMs, AbortSignal.any([signal, deps.waker.any()]));
      continue;
    }
    const began = timing.now();
    try {
      const version = store.current()?.version;
      const answer = await client.names({
        ...(version === undefined ? {} : { version }),
        wait: version === undefined ? 0 : waitSeconds,
        signal,
      });
      failures = 0;
      let size = 0;
      if (answer !== 'unchanged') {
        await store.change(() => answer);
        size = answer.networks.reduce((sum, { containers }) => sum + containers.length, 0);
        deps.onChange();
      }
      const restMs = Math.max(shortestRoundMs - (timing.now() - began), Math.min(size, longestPauseMs));
      if (restMs > 0) await timing.delay(restMs, signal);
    } catch (error) {
      const fatal = fatalFailure(error);
      if (fatal !== null) throw fatal;
      if (signal.aborted) return;
      failures += 1;
      const backoff = { firstMs: firstBackoffMs, maxMs: deps.heartbeatMs() };
      const waitMs = backoffMs(failures, backoff, timing.random);
      deps.log.warn({ err: error, waitMs }, 'names of the fleet not reachable, keeping the current ones');
      await timing.delay(waitMs, signal);
    }
  }
}
