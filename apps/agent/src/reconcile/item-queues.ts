import type { HostPlan, ItemKey } from '../plan/plan.ts';
import { createWorkQueue, type WorkQueueDeps, type WorkReason } from './queue.ts';

/** The queues of items: those of the document, and containers of others that are started again. */
export interface ItemQueues {
  /** Puts every item that has something to do on its queue; answers those of the document. */
  readonly add: (plan: HostPlan, reasons: QueueReasons) => ItemKey[];
  /** Nothing of the document is queued or being worked on. */
  readonly isIdle: () => boolean;
  /** Take no more work and wait for what runs. */
  readonly close: () => Promise<void>;
}

/** Why items are put on the queue. */
export interface QueueReasons {
  readonly items: WorkReason;
  readonly revivals: WorkReason;
}

/** Each start of a container of others can keep Docker busy for a minute: few at once, and none in the way of other items. */
const revivalsAtOnce = 4;
const revivalBackoff = { firstMs: 2000, maxMs: 300_000 };

/** Makes empty queues. */
export function createItemQueues(
  deps: Pick<WorkQueueDeps<ItemKey>, 'work' | 'onError' | 'timing'>,
): ItemQueues {
  const items = createWorkQueue<ItemKey>({ ...deps, concurrency: 8 });
  const revivals = createWorkQueue<ItemKey>({
    ...deps,
    concurrency: revivalsAtOnce,
    backoff: revivalBackoff,
  });
  return {
    add: (plan, reasons) => {
      const withWork = plan.keys().filter((key) => (plan.item(key)?.steps.length ?? 0) > 0);
      for (const key of withWork) {
        if (isRevival(key)) revivals.add(key, reasons.revivals);
        else items.add(key, reasons.items);
      }
      return withWork.filter((key) => !isRevival(key));
    },
    isIdle: items.isIdle,
    close: async () => {
      await Promise.all([items.close(), revivals.close()]);
    },
  };
}

function isRevival(key: ItemKey): boolean {
  return key.startsWith('revival:');
}
