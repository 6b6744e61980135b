import type { Logger } from 'pino';
import { createWaker } from '../reconcile/waker.ts';
import type { Timing } from '../sync/timing.ts';
import type { AddressProbe, ProbeAnswer } from './address-probe.ts';
import { admitted, keyOf, returning, type LeaseKey, type LeaseRecord } from './lease-record.ts';
import type { LeaseStore } from './lease-store.ts';

/** What the prober works with. */
export type ProberDeps = {
  readonly store: LeaseStore;
  readonly probe: AddressProbe;
  /** Interface of this host that a network hangs on; null while that is not known. */
  readonly linkOf: (networkId: string) => string | null;
  /** Whether the network has its interface for one container alone: nothing of ours may be there to listen. */
  readonly isPassthru: (networkId: string) => boolean;
  readonly onChange: () => void;
  readonly timing: Timing;
  readonly log: Logger;
};

/** Asks the wire for each address before it enters a warm pool. */
export type Prober = {
  /** There may be something to ask for. */
  readonly wake: () => void;
  /** Why the wire could not be asked, by network; only what was so at the last probe of that network. */
  readonly blind: () => ReadonlyMap<string, string>;
  /** Runs until aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

/** Bound of one probe, in milliseconds; RFC 5227 takes 4 to 7 s. */
const probeMs = 15_000;
/** Probes at a time. */
const mostProbes = 32;
const idleMs = 60_000;

/** Makes it. */
export function createProber(deps: ProberDeps): Prober {
  const { store, timing, log } = deps;
  const waker = createWaker();
  const blind = new Map<string, string>();
  const running = new Map<LeaseKey, Promise<void>>();

  async function probeOne(record: LeaseRecord, signal: AbortSignal): Promise<void> {
    const answer = await ask(record, signal);
    // Given meanwhile to a container that could not wait, or gone: the answer is about nothing that is still to be decided.
    if (signal.aborted || store.get(keyOf(record)) !== record) return;
    const { networkId, ip } = record;
    const now = timing.now();
    if (answer.answer === 'unknown') blind.set(networkId, answer.reason);
    else blind.delete(networkId);
    if (answer.answer === 'taken') {
      log.warn(
        { networkId, ip, mac: answer.mac },
        'something foreign answers for an address, it is given to nobody',
      );
    }
    const next = answer.answer === 'taken' ? returning(record, now, answer.mac) : admitted(record, now);
    await store.apply([next]);
    deps.onChange();
  }

  async function ask({ networkId, ip }: LeaseRecord, signal: AbortSignal): Promise<ProbeAnswer> {
    if (deps.isPassthru(networkId)) {
      return { answer: 'unknown', reason: 'a passthru network has room for its one container only' };
    }
    const link = deps.linkOf(networkId);
    if (link === null) return { answer: 'unknown', reason: 'the interface of the network is not known yet' };
    try {
      const bound = AbortSignal.any([signal, AbortSignal.timeout(probeMs)]);
      return await deps.probe.probe({ link, ip }, bound);
    } catch (error) {
      return { answer: 'unknown', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  function begin(signal: AbortSignal): void {
    for (const [key, record] of store.all()) {
      if (running.size >= mostProbes) return;
      if (record.use !== 'probing' || running.has(key)) continue;
      const probing = probeOne(record, signal)
        .catch((error: unknown) => log.warn({ err: error }, 'an address is probed again later'))
        .finally(() => {
          running.delete(key);
          waker.wake('soon');
        });
      running.set(key, probing);
    }
  }

  return {
    wake: () => waker.wake('soon'),
    blind: () => blind,
    run: async (signal) => {
      while (!signal.aborted) {
        waker.reset();
        begin(signal);
        await timing.delay(idleMs, AbortSignal.any([signal, waker.any()]));
      }
      await Promise.all(running.values());
    },
  };
}
