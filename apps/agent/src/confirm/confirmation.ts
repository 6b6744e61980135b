import { ApiError, type AgentClient } from '@trunkline/client';
import type { DesiredDocument, DesiredNetwork, Report } from '@trunkline/contracts';
import type { Logger } from 'pino';
import type { LinksToRestoreStore } from '../observation/links-to-restore.ts';
import type { Observed } from '../observation/observed.ts';
import type { ItemKey } from '../plan/plan.ts';
import type { Step } from '../plan/steps.ts';
import { createWaker } from '../lib/waker.ts';
import type { Timing } from '../lib/timing.ts';
import { isInPlace, withRollbacks } from './placement-evidence.ts';
import type { TrialStore } from './trial-store.ts';
import {
  beginSteps,
  clampDeadlines,
  effectiveDocument,
  expire,
  forgetLinkToRestore,
  linksToRestore,
  nextDeadline,
  noteExchange,
  type Evidence,
  type Trials,
} from './trials.ts';

/** What confirming works with. */
export interface ConfirmationDeps {
  readonly store: TrialStore;
  /** What the server wants. */
  readonly document: () => DesiredDocument | null;
  /** How long the server may be silent after a change of a link, in milliseconds. */
  readonly windowMs: number;
  /** What is to be carried out has changed, without a new document. */
  readonly onRollback: () => void;
  readonly timing: Pick<Timing, 'now' | 'delay'>;
  readonly log: Logger;
}

/**
 * Changes of a network's parent or VLAN are confirmed once the server is reached after them. Otherwise they are rolled back, as
 * `netplan try` does for people.
 */
export interface Confirmation {
  /** What is to be carried out now. The same object while nothing changed. */
  readonly effective: () => DesiredDocument | null;
  /** Called before the steps of an item. Returns once a trial that begins is safe on disk. */
  readonly begin: (
    key: ItemKey,
    desired: DesiredDocument,
    observed: Observed,
    steps: readonly Step[],
  ) => Promise<void>;
  /** Called after the steps of an item, also when they failed. */
  readonly end: (key: ItemKey) => void;
  /** Links that were set up by changes which have been rolled back. */
  readonly linksToRestore: LinksToRestoreStore;
  /** Every report on its way to the server: notes what it shows to be in place, and adds what was rolled back. */
  readonly annotate: (report: Report) => Report;
  /** A client whose answered polls and reports confirm. */
  readonly observing: <C extends Pick<AgentClient, 'desired' | 'report'>>(client: C) => C;
  /** Rolls trials back at their deadlines, until aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Wait while nothing is on trial, in milliseconds. A trial that begins ends it. */
const idleMs = 3_600_000;
/** Pause before a failed trial that could not be written to disk is written again. It is rolled back all the same. */
const rewriteMs = 5000;

/** What was carried out last, and until when it holds. */
interface Known {
  readonly document: DesiredDocument;
  readonly trials: Trials;
  readonly until: number;
  readonly effective: DesiredDocument;
}

type Noted = { readonly generation: number } & Evidence;

/** Wires trials, their store and the clock. */
export function createConfirmation(deps: ConfirmationDeps): Confirmation {
  const { store, timing, log, windowMs } = deps;
  const noted = new Map<string, Noted>();
  const waker = createWaker();
  let known: Known | null = null;

  function effective(): DesiredDocument | null {
    const document = deps.document();
    if (document === null) return null;
    const trials = store.all();
    const now = timing.now();
    if (known?.document === document && known.trials === trials && now < known.until) return known.effective;
    const fresh = effectiveDocument(document, trials, now);
    // Whether its failure is written down already changes nothing of what is carried out.
    const before = known?.document === document ? known.effective : null;
    const same = before !== null && JSON.stringify(before) === JSON.stringify(fresh);
    known = {
      document,
      trials,
      until: nextDeadline(trials, document, now) ?? Number.POSITIVE_INFINITY,
      effective: same ? before : fresh,
    };
    return known.effective;
  }

  function evidence(network: DesiredNetwork): Evidence {
    const found = noted.get(network.id);
    if (found?.generation === network.generation) return found;
    return { inPlaceAt: null, quietSince: found === undefined ? 0 : found.quietSince };
  }

  async function exchanged(beganAt: number): Promise<void> {
    const document = deps.document();
    if (document === null) return;
    try {
      await store.change((before) =>
        noteExchange(before, document, { beganAt, now: timing.now(), evidence }),
      );
    } catch (error) {
      log.warn({ err: error }, 'confirmed networks could not be written to disk, trying again');
    }
  }

  async function observed<T>(exchange: () => Promise<T>): Promise<T> {
    const beganAt = timing.now();
    try {
      const answer = await exchange();
      await exchanged(beganAt);
      return answer;
    } catch (error) {
      if (isOutOfOrder(error)) await exchanged(beganAt);
      throw error;
    }
  }

  /** Whether all failed trials are on disk. */
  async function expireDue(now: number): Promise<boolean> {
    const document = deps.document();
    if (document === null) return true;
    const before = store.all();
    const after = expire(before, document, now);
    if (after === before) return true;
    deps.onRollback();
    for (const [networkId, { trial }] of Object.entries(after)) {
      if (trial?.rolledBackAt !== now) continue;
      log.error(
        { networkId, generation: trial.generation, silentMs: trial.windowMs },
        'server not reached after a change of a parent or VLAN, restoring the old state',
      );
    }
    try {
      await store.change((current) => expire(current, document, now));
      return true;
    } catch (error) {
      log.warn({ err: error }, 'a failed trial could not be written to disk, trying again');
      return false;
    }
  }

  return {
    effective,
    begin: async (key, desired, { defaultRoute, links }, steps) => {
      const network = networkOf(key, desired);
      if (network === undefined) return;
      const before = noted.get(network.id);
      const setsUp = steps.flatMap((step) =>
        // One that is made by a step before was not down.
        step.do === 'set-link-up' && links.some(({ name }) => name === step.link) ? [step.link] : [],
      );
      noted.set(network.id, { generation: network.generation, inPlaceAt: null, quietSince: null });
      try {
        await store.change((trials) =>
          beginSteps(trials, network, { defaultRoute, now: timing.now(), windowMs, setsUp }),
        );
      } catch (error) {
        if (before === undefined) noted.delete(network.id);
        else noted.set(network.id, before);
        throw error;
      }
      waker.wake('now');
    },
    end: (key) => {
      const id = networkIdOf(key);
      const found = id === null ? undefined : noted.get(id);
      if (id !== null && found !== undefined) noted.set(id, { ...found, quietSince: timing.now() });
    },
    linksToRestore: {
      all: () => {
        const document = deps.document();
        return document === null ? {} : linksToRestore(store.all(), document, timing.now());
      },
      forget: (networkId, link) => store.change((trials) => forgetLinkToRestore(trials, networkId, link)),
    },
    annotate: (report) => {
      const at = Date.parse(report.observedAt);
      for (const placement of report.placements) {
        const found = noted.get(placement.networkId) ?? { generation: 0, inPlaceAt: null, quietSince: 0 };
        const { generation } = placement;
        // What was looked at before the last step, or while one is carried out, proves nothing.
        if (found.quietSince === null || at < found.quietSince) continue;
        const still = found.generation === generation ? found.inPlaceAt : null;
        const inPlaceAt = isInPlace(placement) ? (still ?? at) : null;
        noted.set(placement.networkId, { generation, inPlaceAt, quietSince: found.quietSince });
      }
      return withRollbacks(report, deps.document(), store.all(), timing.now());
    },
    observing: (client) => ({
      ...client,
      desired: (options) => observed(() => client.desired(options)),
      report: (report, signal) => observed(() => client.report(report, signal)),
    }),
    run: async (signal) => {
      await store.change((trials) => clampDeadlines(trials, timing.now())).catch(() => {});
      while (!signal.aborted) {
        waker.reset();
        const now = timing.now();
        const written = await expireDue(now);
        const document = deps.document();
        const due = document === null ? null : nextDeadline(store.all(), document, now);
        const waitMs = written ? (due === null ? idleMs : Math.max(0, due - timing.now())) : rewriteMs;
        await timing.delay(waitMs, AbortSignal.any([signal, waker.any()]));
      }
    },
  };
}

/** The server itself answers that it cannot serve now, for instance without its database: the way to it is whole. */
function isOutOfOrder(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 500 && error.problem !== null;
}

function networkIdOf(key: ItemKey): string | null {
  return key.startsWith('network:') ? key.slice('network:'.length) : null;
}

function networkOf(key: ItemKey, { networks }: DesiredDocument): DesiredNetwork | undefined {
  const id = networkIdOf(key);
  return networks.find((network) => network.id === id);
}
