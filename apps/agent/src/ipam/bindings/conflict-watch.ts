import type { Logger } from 'pino';
import type { Observed } from '../../observation/observed.ts';
import type { NetworkResolver } from '../../observation/stands-for.ts';
import { createWaker } from '../../lib/waker.ts';
import type { Timing } from '../../lib/timing.ts';
import { addressesInUse, type AddressInUse } from './addresses-in-use.ts';
import { keyOf, type LeaseKey } from '../leases/lease-record.ts';
import type { AddressOnWire, NetworkWire } from './network-wire.ts';

/** What the watch works with. */
export interface ConflictWatchDeps {
  readonly wire: Pick<NetworkWire, 'ask'>;
  /** Our network's id for what was named by `--ipam-opt`. */
  readonly standsFor: NetworkResolver;
  readonly look: () => Promise<unknown>;
  /** What is in conflict has changed. */
  readonly onChange: () => void;
  readonly timing: Timing;
  readonly log: Logger;
}

/** An address of a running container that a foreign station answers for as well. */
export type FoundConflict = Pick<AddressInUse, 'networkId' | 'ip' | 'container'> & {
  /** The MAC that was heard. */
  readonly mac: string;
};

/** Probes addresses in use, one group after the other. */
export interface ConflictWatch {
  /** A look came to an end. */
  readonly onObservation: (observed: Pick<Observed, 'docker'>) => void;
  readonly conflicts: () => readonly FoundConflict[];
  /** Probes an address out of turn, as soon as a look sees it on a running container: it could not be probed before. */
  readonly soon: (about: AddressOnWire) => void;
  /** Runs until aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Between rounds, in milliseconds; 0.8 to 1.2 of it, so that hosts do not ask together. */
const roundMs = 30_000;
/** Addresses of a round: two frames a second on average, whatever the host has. */
const maxOfRound = 64;
/** A container that is not seen on its address in this time did not start, in milliseconds. */
const pressingMs = 300_000;
/** Bound of a round's question, in milliseconds; it takes a second. */
const askMs = 15_000;

/**
 * Watches for stations that come later. What is in conflict is asked for in every round, then what never was, then what was
 * asked for longest ago: 64 addresses in each half minute, in one question for all networks. A conflict is one only when
 * the container was seen on the address with the same MAC before and after: from Engine 28 on each start has another one.
 */
export function createConflictWatch(deps: ConflictWatchDeps): ConflictWatch {
  const { timing, log } = deps;
  let inUse: ReadonlyMap<LeaseKey, AddressInUse> = new Map();
  const askedAt = new Map<LeaseKey, number>();
  const found = new Map<LeaseKey, FoundConflict>();
  const pressing = new Map<LeaseKey, number>();
  const waker = createWaker();

  const hears = async (one: AddressInUse, signal: AbortSignal) => {
    const { networkId, ip, mac } = one;
    const until = AbortSignal.any([signal, AbortSignal.timeout(askMs)]);
    return { one, answer: await deps.wire.ask('recheck', { networkId, ip, known: [mac] }, until) };
  };

  function isSame(one: AddressInUse): boolean {
    const now = inUse.get(keyOf(one));
    return now?.mac === one.mac && now.container === one.container;
  }

  function note(one: AddressInUse, mac: string): boolean {
    const key = keyOf(one);
    const { networkId, ip, container } = one;
    if (found.get(key)?.mac === mac && found.get(key)?.container === container) return false;
    log.warn(
      { networkId, ip, container, mac },
      'a foreign station answers for the address of a running container',
    );
    found.set(key, { networkId, ip, container, mac });
    return true;
  }

  async function round(signal: AbortSignal): Promise<void> {
    const turn = [...inUse].toSorted(([a], [b]) => whenOf(a) - whenOf(b)).slice(0, maxOfRound);
    for (const [key] of turn) {
      askedAt.set(key, timing.now());
      pressing.delete(key);
    }
    const heard = await Promise.all(turn.map(([, one]) => hears(one, signal)));
    let isNews = false;
    for (const { one, answer } of heard) {
      if (answer.answer === 'clear') isNews = found.delete(keyOf(one)) || isNews;
    }
    const suspects = heard.flatMap(({ one, answer }) => (answer.answer === 'taken' ? [one] : []));
    if (suspects.length > 0) {
      // The container may have been started again since it was seen, with another MAC.
      await deps.look();
      const again = await Promise.all(suspects.filter(isSame).map((one) => hears(one, signal)));
      for (const { one, answer } of again) {
        if (answer.answer === 'taken' && isSame(one)) isNews = note(one, answer.mac) || isNews;
      }
    }
    if (isNews) deps.onChange();
  }

  const whenOf = (key: LeaseKey): number =>
    found.has(key) || pressing.has(key) ? -1 : (askedAt.get(key) ?? 0);

  return {
    onObservation: ({ docker }) => {
      if (!docker.reachable) return;
      inUse = new Map(addressesInUse(docker, deps.standsFor).map((one) => [keyOf(one), one]));
      for (const key of askedAt.keys()) if (!inUse.has(key)) askedAt.delete(key);
      for (const [key, { container }] of found) {
        if (inUse.get(key)?.container !== container) found.delete(key);
      }
      for (const [key, since] of pressing) if (timing.now() - since > pressingMs) pressing.delete(key);
      if ([...pressing.keys()].some((key) => inUse.has(key))) waker.wake('now');
    },
    soon: (about) => {
      // More than a round has room for come in their turn.
      if (pressing.size < maxOfRound) pressing.set(keyOf(about), timing.now());
    },
    conflicts: () => [...found.values()],
    run: async (signal) => {
      while (!signal.aborted) {
        const until = AbortSignal.any([signal, waker.any()]);
        await timing.delay(roundMs * (0.8 + 0.4 * timing.random()), until);
        waker.reset();
        if (signal.aborted || inUse.size === 0) continue;
        await round(signal).catch((error: unknown) => {
          if (!signal.aborted)
            log.warn({ err: error }, 'addresses in use could not be probed, will try again');
        });
      }
    },
  };
}
