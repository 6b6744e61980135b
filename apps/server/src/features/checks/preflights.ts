import { networkPath, type DesiredNetwork, type PreflightResult } from '@trunkline/contracts';
import type { ChangeContext } from '../../platform/changes.ts';
import { holdUntil } from '../../platform/database/change-feed.ts';
import type { Platform } from '../../platform/platform.ts';
import { countOpen, insertPreflights, keepHosts, readPreflights } from './preflights.store.ts';

/** A network as a host should have it, were the change made. */
export interface PreflightQuestion {
  hostId: string;
  network: DesiredNetwork;
}

/** What a host answered. */
export type PreflightAnswer = { result: PreflightResult } | { failed: string };

/** How long to wait for answers, and whether anybody still wants them. */
export interface WaitBudget {
  ms: number;
  gone: AbortSignal;
}

/** Questions to agents about a change that is not made. */
export interface Preflights {
  /**
   * Asks each host what it would do for the network; answers by host id. A host that has not answered when the time is
   * up, or was retired, is left out.
   */
  preflight(
    network: string,
    questions: readonly PreflightQuestion[],
    context: ChangeContext,
    waitBudget: WaitBudget,
  ): Promise<Map<string, PreflightAnswer>>;
}

/** Any server may take the answers: what is asked and answered is in the database, and the feed wakes this one. */
export function createPreflights(
  platform: Pick<Platform, 'database' | 'changes' | 'feed' | 'now'>,
): Preflights {
  const { changes, feed, now } = platform;
  const { prisma } = platform.database;

  return {
    async preflight(network, questions, { actor, requestId }, { ms, gone }) {
      if (questions.length === 0) return new Map();
      // A context of its own: the dry run, which this is a part of, would undo the questions too.
      const by: ChangeContext = { actor, ...(requestId === undefined ? {} : { requestId }) };
      const ids = await changes.make(by, async (change) => {
        const joined = await keepHosts(
          change.db,
          questions.map(({ hostId }) => hostId),
        );
        const asked = questions.filter(({ hostId }) => joined.has(hostId));
        if (asked.length === 0) return [];
        const made = now();
        const expiresAt = new Date(made.getTime() + ms);
        const inserted = await insertPreflights(change.db, asked, { now: made, expiresAt });
        change.record({
          type: 'preflight.asked',
          subject: networkPath(network),
          network,
          data: { hosts: asked.length },
        });
        change.notifyHosts(joined);
        return inserted;
      });
      if (ids.length === 0) return new Map();
      await holdUntil(feed, async () => (await countOpen(prisma, ids)) === 0, ms, gone);
      const answers = new Map<string, PreflightAnswer>();
      for (const { hostId, state, result, error } of await readPreflights(prisma, ids)) {
        if (hostId === null) continue;
        if (state === 'done' && result !== null) answers.set(hostId, { result });
        if (state === 'failed') answers.set(hostId, { failed: error ?? 'it gave no reason' });
      }
      return answers;
    },
  };
}
