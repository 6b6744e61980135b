import type { DesiredDocument, HostFacts, Report } from '@trunkline/contracts';
import type { Timing } from '../lib/timing.ts';
import { createWaker } from '../lib/waker.ts';
import type { NotStarted } from '../observation/not-started.ts';
import type { Observed } from '../observation/observed.ts';
import { planHost } from '../plan/plan.ts';
import { createConditionLog } from './condition-log.ts';
import { createItemQueues, type QueueReasons } from './item-queues.ts';
import { createProgress } from './progress.ts';
import { buildReport, type ReportInput } from './report.ts';
import { settleItem, type SettleDeps } from './settle-item.ts';

/** What the reconciler works with. */
export interface ReconcilerDeps extends SettleDeps {
  /** Reports the state of the addresses of this host and of its networks. */
  readonly addressBook?: ReportInput['addressBook'];
  /** Reports the names of containers. */
  readonly names?: ReportInput['names'];
  /** Reports whether names can be asked for over DNS; null where they cannot be. */
  readonly nameServer?: ReportInput['nameServer'];
  readonly facts: (observed: Observed) => Promise<HostFacts>;
  /** There may be something new to report. */
  readonly onNews: () => void;
  readonly timing: Timing;
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

const shortestGapMs = 200;
const resyncMs = 60_000;

/** Wires queues, looks, plans and steps. Starts with {@link Reconciler.run}. */
export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { observer, timing, log } = deps;
  const progress = createProgress();
  const waker = createWaker();
  const conditionLog = createConditionLog(log);
  let lastOutageEnd: number | null = null;
  let lastReport: Report | null = null;

  const results = {
    progress,
    onSettled: (desired: DesiredDocument | null, observed: Observed) =>
      void enqueue(desired, observed, { items: 'seen', revivals: 'seen' }),
    onNews: deps.onNews,
  };
  const queues = createItemQueues({
    work: (key) => settleItem(key, deps, results),
    onError: (key, error) => log.warn({ err: error, key }, 'work on an item failed, trying again'),
    timing,
  });
  const enqueue = (desired: DesiredDocument | null, observed: Observed, reasons: QueueReasons) =>
    queues.add(planHost(desired, observed), reasons);

  /** Looks at everything and puts what has something to do on the queue. */
  async function lookAround(resync: boolean): Promise<void> {
    const desired = deps.desired();
    const observed = await observer.look();
    const revivals = dockerIsBack(observed) ? 'changed' : 'seen';
    if (desired === null) {
      enqueue(null, observed, { items: 'seen', revivals });
      return;
    }
    const changed = progress.take(desired);
    if (changed) progress.keepOnly(planHost(desired, observed).keys());
    const items = changed || revivals === 'changed' ? 'changed' : resync ? 'resync' : 'seen';
    const withWork = enqueue(desired, observed, { items, revivals });
    if (changed) progress.waitFor(desired.revision, withWork);
  }

  /** Whether Docker was away since the last look: what it refused before, it may accept now. */
  function dockerIsBack({ docker }: Observed): boolean {
    if (!docker.reachable) return false;
    const before = lastOutageEnd;
    lastOutageEnd = docker.outage?.to ?? null;
    return lastOutageEnd !== before;
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
      if (queues.isIdle()) deps.onNews();
      await timing.delay(shortestGapMs, AbortSignal.any([signal, waker.immediate()]));
      // Woken for another document, the look that follows is the one worth telling.
      if (!waker.immediate().aborted) deps.onNews();
      await timing.delay(Math.max(0, dueAt - timing.now()), AbortSignal.any([signal, waker.any()]));
      waker.reset();
    }
    await queues.close();
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
        const failure = progress.memory.failure(`revival:${id}`);
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
        observedRevision: progress.revision(),
        memory: progress.memory,
        addressBook: deps.addressBook ?? null,
        names: deps.names ?? null,
        nameServer: deps.nameServer ?? null,
        before: lastReport,
      });
      conditionLog.note(lastReport, deps.desired());
      return lastReport;
    },
  };
}
