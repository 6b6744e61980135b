import type { AgentClient } from '@trunkline/client';
import type { DesiredDocument } from '@trunkline/contracts';
import type { Logger } from 'pino';
import type { Observed } from '../../observation/observed.ts';
import type { NetworkResolver } from '../../observation/stands-for.ts';
import { createWaker } from '../../lib/waker.ts';
import { fatalFailure } from '../../lib/failure.ts';
import { backoffMs, within, type Timing } from '../../lib/timing.ts';
import { comparedChanges, comparedItems } from './comparison-plan.ts';
import type { LeaseStore } from '../leases/lease-store.ts';
import { shownAddresses, type ShownAddresses } from './seen-addresses.ts';

/** What a comparison works with. */
export interface ComparisonDeps {
  readonly store: LeaseStore;
  readonly desired: () => DesiredDocument | null;
  readonly standsFor: NetworkResolver;
  /** Null until this host has joined. */
  readonly source: () => Pick<AgentClient, 'compareLeases'> | null;
  readonly look: () => Promise<Pick<Observed, 'at' | 'docker'> | null>;
  /** What this host holds is confirmed again. */
  readonly onDone: () => void;
  readonly timing: Timing;
  readonly log: Logger;
}

/** Compares all that this host holds once the server reports that its database went back in time. */
export interface Comparison {
  /** Why nothing may be given from the disk; null: it may. */
  readonly pending: () => string | null;
  /** Resolves when it may, or after so many milliseconds. */
  readonly done: (timeoutMs: number) => Promise<void>;
  /** A look came to an end. */
  readonly onObservation: (observed: Pick<Observed, 'at' | 'docker'>) => void;
  readonly desiredChanged: () => void;
  /** Runs until aborted; fails only with what ends the agent. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

const backoff = { firstMs: 200, maxMs: 5000 };
const compareMs = 20_000;
/** How long a look at Docker is waited for, in milliseconds: less than a start waits for the comparison. */
const lookMs = 1500;
const idleMs = 3_600_000;

/** Sends nothing before `run`. */
export function createComparison(deps: ComparisonDeps): Comparison {
  const { store, timing, log } = deps;
  const waker = createWaker();
  let comparedFor: string | null = null;
  let finished = Promise.withResolvers<void>();
  let lastSeen: ShownAddresses | null = null;

  const wanted = (): string | null => {
    const recovery = deps.desired()?.compare ?? null;
    return recovery === comparedFor ? null : recovery;
  };

  /**
   * What containers have, by a look of now or, where that does not end soon, by the last one: Docker does not show a
   * container whose start waits for this. What was given since is on the disk of this host.
   */
  async function addressesNow(): Promise<ShownAddresses | null> {
    const ended = new AbortController();
    const bound = timing.delay(lookMs, ended.signal).then(() => null);
    const fresh = deps.look().then(
      (observed) => (observed === null ? null : shownAddresses(observed, deps.standsFor)),
      () => null,
    );
    const seen = await Promise.race([fresh, bound]);
    ended.abort();
    return seen ?? lastSeen;
  }

  async function compare(recovery: string, signal: AbortSignal): Promise<void> {
    const source = deps.source();
    const seen = source === null ? null : await addressesNow();
    if (source === null || seen === null)
      throw new Error('Docker does not answer, so the addresses cannot be compared');
    const listed = new Map(store.all());
    const { held } = await source.compareLeases(comparedItems(listed, seen), {
      timeoutMs: compareMs,
      signal,
    });
    await store.apply(comparedChanges(held, listed, store.all(), timing.now()));
    comparedFor = recovery;
    log.warn(
      { recovery, listed: listed.size, held: held.length },
      'the database of the server was restored: the addresses of this host were compared with it',
    );
    finished.resolve();
    finished = Promise.withResolvers();
    deps.onDone();
  }

  return {
    pending: () =>
      wanted() === null
        ? null
        : 'the database of the Trunkline server was restored, and the addresses of this host are not confirmed yet: try again in a moment',
    done: async (timeoutMs) => {
      if (wanted() !== null) await within(finished.promise, timeoutMs, timing);
    },
    onObservation: (observed) => {
      lastSeen = shownAddresses(observed, deps.standsFor) ?? lastSeen;
    },
    desiredChanged: () => {
      if (wanted() !== null) waker.wake('now');
    },
    run: async (signal) => {
      for (let failures = 0; !signal.aborted;) {
        waker.reset();
        const recovery = wanted();
        if (recovery === null) {
          await timing.delay(idleMs, AbortSignal.any([signal, waker.any()]));
          continue;
        }
        try {
          await compare(recovery, signal);
          failures = 0;
        } catch (error) {
          const fatal = fatalFailure(error);
          if (fatal !== null) throw fatal;
          if (signal.aborted) return;
          failures += 1;
          const waitMs = backoffMs(failures, backoff, timing.random);
          log.warn({ err: error, waitMs }, 'the addresses of this host could not be compared, trying again');
          await timing.delay(waitMs, signal);
        }
      }
    },
  };
}
