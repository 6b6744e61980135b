import type { DesiredDocument } from '@trunkline/contracts';

/** Reads what hosts should be. */
export interface DesiredDocuments {
  /** As the database has it now, in one view. Undefined for a host that was retired. */
  read(hostId: string): Promise<DesiredDocument | undefined>;
}

type Document = DesiredDocument | undefined;

/** Documents of one statement: bounds its length and what is in memory at a time. */
const maxAtOnce = 32;
/** Statements under way: the other connections are for everybody else. */
const lanes = 4;

/**
 * A change of a network wakes all of its hosts: those that ask in the same moment are answered by one call of `readAll`,
 * which costs little more for 32 hosts than for one.
 */
export function createDesiredDocuments(
  readAll: (hostIds: readonly string[]) => Promise<ReadonlyMap<string, DesiredDocument>>,
): DesiredDocuments {
  const asked = new Map<string, PromiseWithResolvers<Document>>();
  let underWay = 0;

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
      const batch = [...asked].slice(0, maxAtOnce);
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
