import type {
  DesiredCheck,
  DesiredContainer,
  DesiredDocument,
  DesiredNetwork,
  Recall,
} from '@trunkline/contracts';
import type { Database, TransactionClient } from '../../platform/database/database.ts';
import type { OfHosts } from '../../platform/of-hosts.ts';
import { desiredRevisions } from './agents.store.ts';

/** Where the parts of a document come from: each reads those of some hosts at once. */
export interface DesiredParts {
  networks(db: TransactionClient, hostIds: readonly string[]): Promise<OfHosts<DesiredNetwork>>;
  containers(db: TransactionClient, hostIds: readonly string[]): Promise<OfHosts<DesiredContainer>>;
  recalls(db: TransactionClient, hostIds: readonly string[]): Promise<OfHosts<Recall>>;
  checks(db: TransactionClient, hostIds: readonly string[]): Promise<OfHosts<DesiredCheck>>;
  heartbeatSeconds(): Promise<number>;
}

/** Reads what hosts should be. */
export interface DesiredDocuments {
  /** As the database has it now, in one view. Undefined for a host that was retired. */
  read(hostId: string): Promise<DesiredDocument | undefined>;
}

type Document = DesiredDocument | undefined;

/** Documents of one transaction: bounds its length and what is in memory at a time. */
const mostAtOnce = 32;
/** Transactions under way: the other connections are for everybody else. */
const lanes = 4;

/**
 * A change of a network wakes all of its hosts: those that ask in the same moment are answered by one transaction, whose
 * queries cost little more for 32 hosts than for one.
 */
export function createDesiredDocuments(
  { prisma }: Pick<Database, 'prisma'>,
  parts: DesiredParts,
): DesiredDocuments {
  const asked = new Map<string, PromiseWithResolvers<Document>>();
  let underWay = 0;

  const readAll = (hostIds: readonly string[]): Promise<Map<string, DesiredDocument>> =>
    prisma.$transaction(
      async (db) => {
        const revisions = await desiredRevisions(db, hostIds);
        const heartbeatSeconds = await parts.heartbeatSeconds();
        const networks = await parts.networks(db, hostIds);
        const containers = await parts.containers(db, hostIds);
        const recalls = await parts.recalls(db, hostIds);
        const checks = await parts.checks(db, hostIds);
        return new Map(
          [...revisions].map(([hostId, revision]) => [
            hostId,
            {
              hostId,
              revision: revision.toString(),
              heartbeatSeconds,
              networks: networks.get(hostId) ?? [],
              containers: containers.get(hostId) ?? [],
              recalls: recalls.get(hostId) ?? [],
              checks: checks.get(hostId) ?? [],
            },
          ]),
        );
      },
      { isolationLevel: 'RepeatableRead' },
    );

  async function answer(batch: readonly [string, PromiseWithResolvers<Document>][]): Promise<void> {
    try {
      const documents = await readAll(batch.map(([hostId]) => hostId));
      for (const [hostId, { resolve }] of batch) resolve(documents.get(hostId));
    } catch (error) {
      for (const [, { reject }] of batch) reject(error);
    } finally {
      underWay -= 1;
      answerSome();
    }
  }

  function answerSome(): void {
    while (asked.size > 0 && underWay < lanes) {
      const batch = [...asked].slice(0, mostAtOnce);
      for (const [hostId] of batch) asked.delete(hostId);
      underWay += 1;
      void answer(batch);
    }
  }

  return {
    read(hostId) {
      const known = asked.get(hostId);
      if (known !== undefined) return known.promise;
      // The turn of the event loop ends first: those that were woken together ask together.
      if (asked.size === 0) setImmediate(answerSome);
      const deferred = Promise.withResolvers<Document>();
      asked.set(hostId, deferred);
      return deferred.promise;
    },
  };
}
