import { networkPath, recallSeconds, type ErrorCode } from '@trunkline/contracts';
import { parseIp } from '@trunkline/netaddr';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import { holdUntil } from '../../platform/database/change-feed.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { HeldByHosts, type Recallable } from '../addresses/held-by-hosts.ts';
import { recallOfAddress, recallOfNetwork } from './recalls.store.ts';

export interface RecallFirst {
  /**
   * Does `work`. When it is refused for what hosts hold (`HeldByHosts`), hosts are asked to return what they do not use, and
   * it is tried again at each return, for up to `recallSeconds`, or `addressWaitMs` for one address (promise 3). A dry run
   * asks nobody.
   */
  recallFirst<T>(context: ChangeContext, work: () => Promise<T>): Promise<T>;
}

/** How long an address that a host holds in advance is waited for, in milliseconds; for a claim of a host too. */
export const addressWaitMs = 4_000;

/** Asks the hosts; false when none of them has anything unused. */
async function recall(
  change: Change,
  { network, families, address, count = 1 }: Recallable,
): Promise<boolean> {
  let any = false;
  for (const family of families ?? [parseIp(address).family]) {
    const { holding, notified } =
      address === undefined
        ? await recallOfNetwork(change.db, network, family, count)
        : await recallOfAddress(change.db, network, address);
    any ||= holding;
    if (notified.length === 0) continue;
    change.record({
      type: 'network.shortage',
      subject: networkPath(network),
      network,
      data: { family: `ipv${family}`, recalledFrom: notified.slice(0, 100).map(({ name }) => name) },
    });
    change.notifyHosts(notified.map(({ id }) => id));
  }
  return any;
}

export function createRecallFirst({
  changes,
  feed,
  metrics,
  stopping,
}: Pick<Platform, 'changes' | 'feed' | 'metrics' | 'stopping'>): RecallFirst {
  return {
    async recallFirst(context, work) {
      type Outcome = { value: Awaited<ReturnType<typeof work>> } | { refused: HeldByHosts };
      const attempt = async (): Promise<Outcome> => {
        try {
          return { value: await work() };
        } catch (error) {
          if (context.dryRun === true || !(error instanceof HeldByHosts)) throw error;
          return { refused: error };
        }
      };
      let outcome = await attempt();
      const wanted = 'refused' in outcome ? outcome.refused.recallable : undefined;
      if (
        wanted !== undefined &&
        (await changes.make({ actor: 'server' }, async (change) => recall(change, wanted)))
      ) {
        metrics.recalls.inc();
        await holdUntil(
          feed,
          async () => {
            outcome = await attempt();
            return 'value' in outcome;
          },
          wanted.address === undefined ? recallSeconds * 1000 : addressWaitMs,
          stopping,
        );
      }
      if ('refused' in outcome) throw outcome.refused;
      return outcome.value;
    },
  };
}

/**
 * As `work`, where that wants something gone: what a host held (`held`) and is not there any more (`missing`) after it was
 * called back is done.
 */
export function onceGone(
  held: ErrorCode,
  missing: ErrorCode,
  work: () => Promise<void>,
): () => Promise<void> {
  let wasHeld = false;
  return async () => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (wasHeld && error.code === missing) return;
      wasHeld ||= error.code === held;
      throw error;
    }
  };
}
