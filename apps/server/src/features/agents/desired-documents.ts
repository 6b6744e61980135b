import { createBatches } from '@trunkline/batching';
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
  /** Hosts whose document is in no statement yet. */
  const asked = new Map<string, Promise<Document>>();
  const batches = createBatches<string, Document>({
    run: async (batch) => {
      const hostIds = batch.map(({ question }) => question);
      for (const hostId of hostIds) asked.delete(hostId);
      const documents = await readAll(hostIds);
      for (const { question, resolve } of batch) resolve(documents.get(question));
    },
    most: maxAtOnce,
    atOnce: lanes,
  });

  return {
    read(hostId) {
      const document = asked.get(hostId) ?? batches.ask(hostId);
      asked.set(hostId, document);
      return document;
    },
  };
}
