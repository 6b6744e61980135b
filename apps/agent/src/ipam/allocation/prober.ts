import type { Logger } from 'pino';
import { createWaker } from '../../lib/waker.ts';
import type { Timing } from '../../lib/timing.ts';
import { admitted, keyOf, returning, type LeaseKey, type LeaseRecord } from '../leases/lease-record.ts';
import type { LeaseStore } from '../leases/lease-store.ts';
import type { NetworkWire } from '../bindings/network-wire.ts';

/** What the prober works with. */
export interface ProberDeps {
  readonly store: LeaseStore;
  readonly wire: Pick<NetworkWire, 'ask'>;
  readonly onChange: () => void;
  readonly timing: Timing;
  readonly log: Logger;
}

/**
 * Probes each address before it enters a warm pool. Where the wire cannot be asked, the address stays `probing`, so that it is
 * probed when it is granted, and the network is probed again after growing waits.
 */
export interface Prober {
  /** There may be something to probe. */
  readonly wake: () => void;
  /** Runs until aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Bound of one probe, in milliseconds; RFC 5227 takes 4 to 7 s. */
const probeMs = 15_000;
/** Probes at a time: what is asked for together shares the programs that listen. */
const maxProbes = 256;
const idleMs = 60_000;
/** A network whose wire could not be asked is asked again after this, doubled each time up to {@link idleMs}, in milliseconds. */
const firstRetryMs = 1000;

/** Probes nothing before `run`. */
export function createProber(deps: ProberDeps): Prober {
  const { store, timing, log } = deps;
  const waker = createWaker();
  const running = new Map<LeaseKey, Promise<void>>();
  /** Networks whose wire could not be asked. */
  const retries = new Map<string, { readonly at: number; readonly waitMs: number }>();

  function retryLater(networkId: string): void {
    const before = retries.get(networkId);
    const now = timing.now();
    // What was asked for together failed once.
    if (before !== undefined && before.at > now) return;
    const waitMs = Math.min(idleMs, before === undefined ? firstRetryMs : before.waitMs * 2);
    retries.set(networkId, { at: now + waitMs, waitMs });
  }

  async function probeOne(record: LeaseRecord, signal: AbortSignal): Promise<void> {
    const { networkId, ip } = record;
    const bound = AbortSignal.any([signal, AbortSignal.timeout(probeMs)]);
    const answer = await deps.wire.ask('probe', { networkId, ip }, bound);
    if (signal.aborted) return;
    if (answer.answer === 'unknown') return retryLater(networkId);
    retries.delete(networkId);
    // Given meanwhile to a container that could not wait, or gone: the answer is about nothing that is still to be decided.
    if (store.get(keyOf(record)) !== record) return;
    const now = timing.now();
    if (answer.answer === 'taken') {
      log.warn(
        { networkId, ip, mac: answer.mac },
        'a foreign station answers for an address, which is given to nobody',
      );
    }
    const next = answer.answer === 'taken' ? returning(record, now, answer.mac) : admitted(record, now);
    await store.apply([next]);
    deps.onChange();
  }

  /** Probes what is due; returns in how many milliseconds more may be due. */
  function begin(signal: AbortSignal): number {
    const now = timing.now();
    let waitMs = idleMs;
    for (const [key, record] of store.all()) {
      if (running.size >= maxProbes) return waitMs;
      if (record.use !== 'probing' || running.has(key)) continue;
      const dueMs = (retries.get(record.networkId)?.at ?? now) - now;
      if (dueMs > 0) {
        waitMs = Math.min(waitMs, dueMs);
        continue;
      }
      const probing = probeOne(record, signal)
        .catch((error: unknown) => log.warn({ err: error }, 'an address could not be probed, will try again'))
        .finally(() => {
          running.delete(key);
          waker.wake('soon');
        });
      running.set(key, probing);
    }
    return waitMs;
  }

  return {
    wake: () => waker.wake('soon'),
    run: async (signal) => {
      while (!signal.aborted) {
        waker.reset();
        const waitMs = begin(signal);
        await timing.delay(waitMs, AbortSignal.any([signal, waker.any()]));
      }
      await Promise.all(running.values());
    },
  };
}
