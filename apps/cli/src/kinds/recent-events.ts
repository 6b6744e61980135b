import { ApiError, type ApiClient } from '@trunkline/client';
import type { Event } from '@trunkline/contracts';
import type { Filters } from './kind-table.ts';

/** The log of events, which the API gives from its beginning on. */
export interface EventLog {
  /** Revision of its end. */
  readonly end: () => Promise<bigint>;
  /** Up to `limit` events after a revision, oldest first; the revision before the first where the log does not reach so far back. */
  readonly after: (
    revision: bigint,
    limit: number,
  ) => Promise<readonly Event[] | { readonly beginsAfter: bigint }>;
}

/** A page of the log, and how many pages are read at most to find the last events. */
const pageSize = 1000;
const maxPages = 20;

/**
 * The last events that match, oldest first: windows that end at the end of the log, each eight times as long as the one after it,
 * until there are enough. Rare ones may be further back than is looked.
 */
export async function recentEvents(
  log: EventLog,
  last: number,
  matches: (event: Event) => boolean = () => true,
): Promise<{ readonly events: readonly Event[]; readonly end: bigint }> {
  const end = await log.end();
  let found: readonly Event[] = [];
  let upTo = end;
  let length = BigInt(Math.max(200, last * 4));
  for (let pages = 0; pages < maxPages && found.length < last && upTo > 0n;) {
    let from = upTo > length ? upTo - length : 0n;
    let isBeginning = from === 0n;
    const inWindow: Event[] = [];
    for (let at = from; at < upTo && pages < maxPages;) {
      const page = await log.after(at, pageSize);
      pages += 1;
      if ('beginsAfter' in page) {
        isBeginning = true;
        from = page.beginsAfter;
        at = from;
        continue;
      }
      inWindow.push(...page.filter((event) => BigInt(event.revision) <= upTo));
      const lastOfPage = page.at(-1);
      if (lastOfPage === undefined || page.length < pageSize) break;
      at = BigInt(lastOfPage.revision);
    }
    found = [...inWindow.filter(matches), ...found];
    if (isBeginning) break;
    upTo = from;
    length *= 8n;
  }
  return { events: last === 0 ? [] : found.slice(-last), end };
}

/** The largest revision that the API takes. */
const beyondTheEnd = '999999999999999999';

/** The log of a server, as far as the filters let it through. */
export function logOf(client: ApiClient, filters: Filters): EventLog {
  const { type, network, host } = filters;
  return {
    async end() {
      try {
        await client.events.list({ after: beyondTheEnd, limit: 1 });
      } catch (error) {
        const head = truncated(error)?.['head'];
        if (typeof head === 'string') return BigInt(head);
        throw error;
      }
      return BigInt(beyondTheEnd);
    },
    async after(revision, limit) {
      try {
        const { body } = await client.events.list({ after: String(revision), limit, type, network, host });
        return body.items;
      } catch (error) {
        const first = truncated(error)?.['first'];
        if (typeof first === 'string') return { beginsAfter: BigInt(first) - 1n };
        throw error;
      }
    },
  };
}

const truncated = (error: unknown): Readonly<Record<string, unknown>> | undefined =>
  error instanceof ApiError && error.code === 'event_log_truncated' ? error.problem?.data : undefined;
