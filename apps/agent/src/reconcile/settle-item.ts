import type { DesiredDocument } from '@trunkline/contracts';
import type { Logger } from 'pino';
import type { Timing } from '../lib/timing.ts';
import type { Observed } from '../observation/observed.ts';
import type { Observer } from '../observation/observer.ts';
import { planHost, type ItemKey } from '../plan/plan.ts';
import { changesLinks, type Step } from '../plan/steps.ts';
import { applySteps, type Applied, type ApplyDeps } from './apply.ts';
import { readFailure } from './failures.ts';
import type { Progress } from './progress.ts';
import type { WorkOutcome } from './queue.ts';

/** What the work on an item needs. */
export interface SettleDeps {
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
  readonly timing: Pick<Timing, 'now'>;
  readonly log: Logger;
}

/** What becomes of the work on an item. */
export interface SettleResults {
  readonly progress: Progress;
  /** The host changed and is as it should be for this item: others may have waited for it. */
  readonly onSettled: (desired: DesiredDocument | null, observed: Observed) => void;
  /** There may be something new to report. */
  readonly onNews: () => void;
}

/** Rounds of look, plan and apply that one item may take; more means that it never settles. */
const maxRounds = 8;
/** A look is shared by items that were put on the queue by it, in milliseconds. */
const looksFreshMs = 1000;

/** Works on one item: look, plan and apply until nothing is left to do. */
export async function settleItem(
  key: ItemKey,
  deps: SettleDeps,
  { progress, onSettled, onNews }: SettleResults,
): Promise<WorkOutcome> {
  const { observer, log } = deps;
  const latest = observer.latest();
  const isFresh = latest !== null && deps.timing.now() - latest.at < looksFreshMs;
  let observed = isFresh ? latest : await observer.look();
  for (let round = 0; round < maxRounds; round += 1) {
    const desired = deps.desired();
    const host = planHost(desired, observed);
    const plan = host.item(key);
    if (plan === undefined || plan.steps.length === 0) {
      progress.failed(key, null);
      finish(desired);
      if (round > 0) onSettled(desired, observed);
      return 'done';
    }
    let failed: Applied['failed'];
    progress.working(key, true);
    try {
      if (desired !== null) await deps.around?.begin(key, desired, observed, plan.steps);
      const applied = await applySteps(plan.steps, deps.apply);
      ({ failed } = applied);
      deps.around?.end(key);
      if (applied.done.length > 0) {
        progress.acted(host.shownBy(key), applied.done);
        log.info({ key, done: applied.done }, 'host changed');
      }
      observed = await observer.look(plan.steps.some(changesLinks) ? 'all' : 'docker');
    } finally {
      progress.working(key, false);
    }
    if (failed !== null) {
      const failure = readFailure(failed.step, failed.error);
      progress.failed(key, failure);
      log.warn({ err: failed.error, key, step: failed.step.do }, 'step failed');
      finish(desired);
      return failure?.terminal === true ? 'parked' : 'retry';
    }
  }
  finish(deps.desired());
  throw new Error(`${key} does not settle: something undoes the changes of the agent`);

  /** The item was carried out as far as it goes; its conditions show how far that is. */
  function finish(desired: DesiredDocument | null): void {
    progress.finished(key, desired);
    onNews();
  }
}
