import type { DesiredDocument } from '@trunkline/contracts';
import type { Query } from '../../platform/database/query.ts';
import type { Platform } from '../../platform/platform.ts';
import type { HostRef, HostsService } from '../hosts/hosts.service.ts';
import type { RecoveryService } from '../recovery/recovery.service.ts';
import { unknownHost } from './agent-actor.ts';
import { desiredChanges, desiredRevision, readStanding } from './agents.store.ts';
import { createDesiredDocuments } from './desired-documents.ts';
import { createDesiredWaits } from './desired-waits.ts';
import { readDocuments, type DesiredParts } from './read-documents.ts';

/** The long polls of agents for what their hosts should be. */
export interface DesiredPolls {
  /**
   * All that a host should be, as soon as it is not of the revision `after`; undefined when it still is after
   * `waitSeconds`, or when `gone` fires.
   */
  desired(
    host: HostRef,
    poll: {
      after: bigint | undefined;
      /** The incarnation that the agent heard last, and the highest generation that it holds. */
      heard?: string | undefined;
      generation?: number | undefined;
      waitSeconds: number;
      gone: AbortSignal;
    },
  ): Promise<DesiredDocument | undefined>;
}

const maxWaitSeconds = 60;

/** Revision of what a host should be. Throws for one that was retired while its request was under way. */
async function revisionFor(query: Query, host: HostRef): Promise<bigint> {
  const revision = await desiredRevision(query, host.id);
  if (revision === undefined) throw unknownHost(host.id);
  return revision;
}

export function createDesiredPolls(
  {
    query,
    feed,
    log,
    metrics,
    stopping,
  }: Pick<Platform, 'feed' | 'log' | 'metrics' | 'stopping'> & { query: Query },
  {
    hosts,
    recovery,
    parts,
  }: {
    hosts: Pick<HostsService, 'heartbeatSeconds'>;
    recovery: Pick<RecoveryService, 'hear'>;
    parts: DesiredParts;
  },
): DesiredPolls {
  const waits = createDesiredWaits({
    changesAfter: (revision) => desiredChanges(query, revision),
    subscribe: (listener) => feed.subscribe(listener),
    warn: (error) => log.warn({ err: error }, 'reading changes of desired state failed, will try again'),
  });

  const documents = createDesiredDocuments(async (hostIds) =>
    readDocuments(query, hostIds, parts, await hosts.heartbeatSeconds()),
  );

  return {
    async desired(host, { after, heard, generation = 0, waitSeconds, gone }) {
      const read = async (): Promise<DesiredDocument> => {
        const document = await documents.read(host.id);
        if (document === undefined) throw unknownHost(host.id);
        return document;
      };
      const reported = { incarnation: heard ?? null, revision: after ?? 0n, generation };
      const standing = await readStanding(query, host.id, reported);
      if (standing === undefined) throw unknownHost(host.id);
      if (standing.matters) await recovery.hear(host.id, reported);
      if (after === undefined || standing.matters) return read();
      // An agent that heard another incarnation has to know this one.
      if (heard !== undefined && heard !== standing.incarnation) return read();
      const waitMs = Math.min(waitSeconds, maxWaitSeconds) * 1000;
      const wait = waits.start(host.id, after, waitMs, AbortSignal.any([gone, stopping]));
      metrics.agentsConnected.set(waits.size());
      try {
        // Not equal, rather than newer: after a restored backup the agent may have more than the database.
        if ((await revisionFor(query, host)) !== after) return await read();
        if (await wait.changed) return await read();
        if (gone.aborted || stopping.aborted) return undefined;
        return (await revisionFor(query, host)) === after ? undefined : await read();
      } finally {
        wait.cancel();
        metrics.agentsConnected.set(waits.size());
      }
    },
  };
}
