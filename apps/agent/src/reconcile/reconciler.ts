import type { DesiredDocument, HostFacts, Report } from '@trunkline/contracts';
import type { Logger } from 'pino';
import type { Timing } from '../lib/timing.ts';
import { applySteps, type ApplyDeps } from './apply.ts';
import { readFailure, type StepFailure } from './failures.ts';
import type { NotStarted } from '../observation/not-started.ts';
import type { Observed } from '../observation/observed.ts';
import type { Observer } from '../observation/observer.ts';
import { planHost, type ItemKey } from '../plan/plan.ts';
import { createWorkQueue, type WorkOutcome, type WorkReason } from './queue.ts';
import { buildReport, type ReportInput } from './report.ts';
import { changesLinks, type Step } from '../plan/steps.ts';
import { createWaker } from '../lib/waker.ts';

/** What the reconciler works with. */
export interface ReconcilerDeps {
  readonly desired: () => DesiredDocument | null;
  readonly observer: Observer;
  readonly apply: ApplyDeps;
  /** Called before the steps of each item, which wait for it, and after them. */
  readonly around?: {
    readonly begin: (
      key: ItemKey,
      desired: DesiredDocument,
      observed: Observed,
      steps: readonly Step[],
    ) => Promise<void>;
    readonly end: (key: ItemKey) => void;
  };
  /** Reports the state of the addresses of this host and of its networks. */
  readonly addressBook?: ReportInput['addressBook'];
  readonly facts: (observed: Observed) => Promise<HostFacts>;
  /** There may be something new to report. */
  readonly onNews: () => void;
  readonly timing: Timing;
  readonly log: Logger;
}

/** Brings the host to the desired state, and keeps it there. */
export interface Reconciler {
  /** Another document is to be carried out. */
  readonly desiredChanged: () => void;
  /** Something happened on the host. */
  readonly hostChanged: () => void;
  /** The report as of the last look, or of a new one when `fresh`. Null before the first look. */
  readonly report: (fresh: boolean) => Promise<Report | null>;
  /** Containers of others that should run and could not be started again. */
  readonly notStarted: () => readonly NotStarted[];
  /** Runs until aborted, then lets running work end. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Rounds of look, plan and apply that one item may take; more means that it never settles. */
const maxRounds = 8;
/** A look is shared by items that were put on the queue by it, in milliseconds. */
const looksFreshMs = 1000;
const shortestGapMs = 200;
const resyncMs = 60_000;
/** Each start of a container of others can keep Docker busy for a minute: few at once, and none in the way of other items. */
const revivalsAtOnce = 4;
const revivalBackoff = { firstMs: 2000, maxMs: 300_000 };

/** Wires queue, looks, plans and steps. Starts with {@link Reconciler.run}. */
export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { observer, timing, log } = deps;
  const failures = new Map<ItemKey, StepFailure>();
  const attempted = new Map<ItemKey, number>();
  const lastActions = new Map<ItemKey, string>();
  const pending = new Set<ItemKey>();
  const waker = createWaker();
  let observedRevision = '0';
  let pendingRevision: string | null = null;
  let carriedOut: DesiredDocument | null = null;
  let lastOutageEnd: number | null = null;
  let lastReport: Report | null = null;

  const work = {
    work: (key: ItemKey) => settleItem(key),
    onError: (key: ItemKey, error: unknown) =>
      log.warn({ err: error, key }, 'work on an item failed, trying again'),
    timing,
  };
  const queue = createWorkQueue<ItemKey>({ ...work, concurrency: 8 });
  const revivals = createWorkQueue<ItemKey>({
    ...work,
    concurrency: revivalsAtOnce,
    backoff: revivalBackoff,
  });

  /** One item: look, plan and apply until nothing is left to do. */
  async function settleItem(key: ItemKey): Promise<WorkOutcome> {
    let observed = recentLook() ?? (await observer.look());
    for (let round = 0; round < maxRounds; round += 1) {
      const desired = deps.desired();
      const host = planHost(desired, observed);
      const plan = host.item(key);
      if (plan === undefined || plan.steps.length === 0) {
        failures.delete(key);
        finish(key, desired);
        // Others may have waited for this one.
        if (round > 0) enqueue(desired, observed, { items: 'seen', revivals: 'seen' });
        return 'done';
      }
      if (desired !== null) await deps.around?.begin(key, desired, observed, plan.steps);
      const { done, failed } = await applySteps(plan.steps, deps.apply);
      deps.around?.end(key);
      if (done.length > 0) {
        for (const subject of host.shownBy(key)) lastActions.set(subject, done.join(', '));
        log.info({ key, done }, 'host changed');
      }
      observed = await observer.look(plan.steps.some(changesLinks) ? 'all' : 'docker');
      if (failed !== null) {
        const failure = readFailure(failed.step, failed.error);
        if (failure === null) failures.delete(key);
        else failures.set(key, failure);
        log.warn({ err: failed.error, key, step: failed.step.do }, 'step failed');
        finish(key, desired);
        return failure?.terminal === true ? 'parked' : 'retry';
      }
    }
    finish(key, deps.desired());
    throw new Error(`${key} does not settle: something undoes the changes of the agent`);
  }

  function recentLook(): Observed | null {
    const latest = observer.latest();
    return latest !== null && timing.now() - latest.at < looksFreshMs ? latest : null;
  }

  /** The item was carried out as far as it goes; its conditions show how far that is. */
  function finish(key: ItemKey, desired: DesiredDocument | null): void {
    const generation = desired === null ? undefined : generationOf(desired, key);
    if (generation !== undefined) attempted.set(key, generation);
    pending.delete(key);
    takeRevision();
    deps.onNews();
  }

  function takeRevision(): void {
    if (pendingRevision !== null && pending.size === 0) {
      observedRevision = pendingRevision;
      pendingRevision = null;
    }
  }

  /** Looks at everything and puts what has something to do on the queue. */
  async function lookAround(resync: boolean): Promise<void> {
    const desired = deps.desired();
    const observed = await observer.look();
    const revived: WorkReason = dockerIsBack(observed) ? 'changed' : 'seen';
    if (desired === null) {
      enqueue(null, observed, { items: 'seen', revivals: revived });
      return;
    }
    // The same revision may have to be carried out otherwise: a change that was not confirmed is undone.
    const changed = desired.revision !== (pendingRevision ?? observedRevision) || desired !== carriedOut;
    carriedOut = desired;
    if (changed) forgetOthers(desired, observed);
    const items = changed || revived === 'changed' ? 'changed' : resync ? 'resync' : 'seen';
    const withWork = enqueue(desired, observed, { items, revivals: revived });
    if (changed) {
      pending.clear();
      for (const key of withWork) pending.add(key);
      pendingRevision = desired.revision;
      takeRevision();
    }
  }

  /** Whether Docker was away since the last look: what it refused before, it may accept now. */
  function dockerIsBack({ docker }: Observed): boolean {
    if (!docker.reachable) return false;
    const before = lastOutageEnd;
    lastOutageEnd = docker.outage?.to ?? null;
    return lastOutageEnd !== before;
  }

  /** Puts every item that has something to do on its queue; answers those of the document. */
  function enqueue(
    desired: DesiredDocument | null,
    observed: Observed,
    reasons: { readonly items: WorkReason; readonly revivals: WorkReason },
  ): ItemKey[] {
    const plan = planHost(desired, observed);
    const withWork = plan.keys().filter((key) => (plan.item(key)?.steps.length ?? 0) > 0);
    for (const key of withWork) {
      if (isRevival(key)) revivals.add(key, reasons.revivals);
      else queue.add(key, reasons.items);
    }
    return withWork.filter((key) => !isRevival(key));
  }

  /** Forgets items that no longer have a plan. */
  function forgetOthers(desired: DesiredDocument, observed: Observed): void {
    const named = new Set(planHost(desired, observed).keys());
    for (const memory of [failures, attempted, lastActions]) {
      for (const key of memory.keys()) if (!named.has(key)) memory.delete(key);
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    let dueAt = timing.now();
    while (!signal.aborted) {
      const resync = timing.now() >= dueAt;
      if (resync) dueAt = timing.now() + resyncMs * (0.8 + 0.4 * timing.random());
      try {
        await lookAround(resync);
      } catch (error) {
        log.warn({ err: error }, 'the host could not be observed');
      }
      // Most changes are done within this pause; only what takes longer is reported as being under way.
      if (queue.isIdle()) deps.onNews();
      await timing.delay(shortestGapMs, AbortSignal.any([signal, waker.immediate()]));
      // Woken for another document, the look that follows is the one worth telling.
      if (!waker.immediate().aborted) deps.onNews();
      await timing.delay(Math.max(0, dueAt - timing.now()), AbortSignal.any([signal, waker.any()]));
      waker.reset();
    }
    await Promise.all([queue.close(), revivals.close()]);
  }

  return {
    desiredChanged: () => waker.wake('now'),
    hostChanged: () => waker.wake('soon'),
    run,
    notStarted: () => {
      const observed = observer.latestWithDocker();
      if (observed === null) return [];
      const planned = planHost(deps.desired(), observed).revivals();
      return [...planned].flatMap(([id, { name, networks }]) => {
        const failure = failures.get(`revival:${id}`);
        return failure === undefined ? [] : [{ name, networks, why: failure.message }];
      });
    },
    report: async (fresh) => {
      const observed = fresh ? await observer.look() : observer.latest();
      if (observed === null) return null;
      if (fresh) enqueue(deps.desired(), observed, { items: 'seen', revivals: 'seen' });
      const since = observer.lookingSince();
      lastReport = buildReport({
        desired: deps.desired(),
        observed,
        withDocker: observer.latestWithDocker(),
        facts: await deps.facts(observed),
        lookingForMs: since === null ? null : timing.now() - since,
        observedRevision,
        memory: {
          attempted: (key) => attempted.get(key) ?? 0,
          failure: (key) => failures.get(key),
          lastAction: (key) => lastActions.get(key) ?? null,
        },
        addressBook: deps.addressBook ?? null,
        before: lastReport,
      });
      return lastReport;
    },
  };
}

function isRevival(key: ItemKey): boolean {
  return key.startsWith('revival:');
}

function generationOf(desired: DesiredDocument, key: ItemKey): number | undefined {
  const id = key.slice(key.indexOf(':') + 1);
  const items = key.startsWith('network:') ? desired.networks : desired.containers;
  return items.find((item) => item.id === id)?.generation;
}
