import { recallSeconds } from '@trunkline/contracts';
import { parseCidr } from '@trunkline/netaddr';
import type { ChangeContext } from '../../platform/changes.ts';
import { holdUntil } from '../../platform/database/change-feed.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { recallOfNetwork } from './leases.store.ts';

export interface RecallFirst {
  /**
   * Does `work`; when that is refused because a subnet is full (`subnet_full`), hosts are first asked for what they do not
   * use, and it is tried again at each return, for up to `recallSeconds` (promise 3). A dry run asks nobody.
   */
  recallFirst<T>(context: ChangeContext, work: () => Promise<T>): Promise<T>;
}

/** The network and IP versions that a refusal is about; undefined for another error. */
function fullNetwork(error: unknown): { network: string; families: (4 | 6)[] } | undefined {
  if (!(error instanceof ApiError) || error.code !== 'subnet_full') return undefined;
  const { network, subnets } = error.data as { network?: string; subnets?: { cidr: string }[] };
  if (network === undefined || subnets === undefined) return undefined;
  return { network, families: [...new Set(subnets.map(({ cidr }) => parseCidr(cidr).family))] };
}

export function createRecallFirst({
  changes,
  feed,
  metrics,
  stopping,
}: Pick<Platform, 'changes' | 'feed' | 'metrics' | 'stopping'>): RecallFirst {
  /** Asks the hosts; false when none of them has anything unused. */
  const recall = ({ network, families }: { network: string; families: (4 | 6)[] }): Promise<boolean> =>
    changes.make({ actor: 'server' }, async (change) => {
      let any = false;
      for (const family of families) {
        const { holding, told } = await recallOfNetwork(change.db, network, family);
        any ||= holding;
        if (told.length === 0) continue;
        change.record({
          type: 'network.short',
          subject: `/v1/networks/${network}`,
          network,
          data: { family: `ipv${family}`, recalledFrom: told.slice(0, 100).map(({ name }) => name) },
        });
        change.concerns(told.map(({ id }) => id));
      }
      return any;
    });

  return {
    async recallFirst(context, work) {
      type Outcome = { value: Awaited<ReturnType<typeof work>> } | { refused: unknown };
      const attempt = async (): Promise<Outcome> => {
        try {
          return { value: await work() };
        } catch (error) {
          if (context.dryRun === true || fullNetwork(error) === undefined) throw error;
          return { refused: error };
        }
      };
      let outcome = await attempt();
      const full = 'refused' in outcome ? fullNetwork(outcome.refused) : undefined;
      if (full !== undefined && (await recall(full))) {
        metrics.recalls.inc();
        await holdUntil(
          feed,
          async () => {
            outcome = await attempt();
            return 'value' in outcome;
          },
          recallSeconds * 1000,
          stopping,
        );
      }
      if ('refused' in outcome) throw outcome.refused;
      return outcome.value;
    },
  };
}
