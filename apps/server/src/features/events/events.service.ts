import type { Event } from '@trunkline/contracts';
import { ApiError } from '../../platform/errors.ts';
import { decodeCursor, isRevisionPosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { deleteInSteps, startSweep } from '../../platform/sweep.ts';
import type { EventFilter } from './event-filter.ts';
import { deleteOldEvents, listEvents, logBounds, type EventRow } from './events.store.ts';

export interface EventsService {
  list(
    filter: EventFilter,
    page: { limit: number; cursor?: string | undefined; after?: string | undefined },
  ): Promise<PageOf<Event>>;
  /** The same, newest first: back to a revision where one is given. */
  listNewest(
    filter: EventFilter,
    page: { limit: number; cursor?: string | undefined; after?: string | undefined },
  ): Promise<PageOf<Event>>;
  /** The revision after which a stream that names none begins: now. */
  head(): Promise<bigint>;
  /** Events after a revision, oldest first; throws `event_log_truncated` where the log no longer reaches so far back. */
  after(revision: bigint, filter: EventFilter, limit: number): Promise<Event[]>;
  startSweep(): () => Promise<void>;
}

/** How long events are kept, in days. */
const keepDays = 30;
/** How many are kept at most, whatever their age: some hundred bytes each. */
const maxEvents = 1_000_000;
const sweepMs = 600_000;

function present(row: EventRow): Event {
  return {
    revision: row.revision.toString(),
    at: row.at.toISOString(),
    type: row.type as Event['type'],
    subject: row.subject,
    network: row.network,
    host: row.host,
    actor: row.actor,
    requestId: row.requestId,
    data: row.data as Event['data'],
  };
}

export function createEventsService(platform: Platform): EventsService {
  const { prisma } = platform.database;

  const after: EventsService['after'] = async (revision, filter, limit) => {
    const { first, head } = await logBounds(prisma);
    if (revision > head) {
      throw new ApiError(
        'event_log_truncated',
        `the log ends at ${head}: ${revision} is from another database; start again without Last-Event-ID`,
        { data: { head: head.toString() } },
      );
    }
    if (first !== null && revision + 1n < first) {
      throw new ApiError(
        'event_log_truncated',
        `the log begins at ${first}: read the resources again, then follow from ${head}`,
        { data: { first: first.toString(), head: head.toString() } },
      );
    }
    return (await listEvents(prisma, filter, { after: revision }, limit)).map(present);
  };

  return {
    after,
    async head() {
      return (await logBounds(prisma)).head;
    },
    async list(filter, { limit, cursor, after: from }) {
      const position = decodeCursor('events', cursor, isRevisionPosition) ?? from;
      const items =
        position === undefined
          ? (await listEvents(prisma, filter, { after: 0n }, limit + 1)).map(present)
          : await after(BigInt(position), filter, limit + 1);
      return pageOf('events', items, limit, (event) => event.revision);
    },
    async listNewest(filter, { limit, cursor, after: from }) {
      const position = decodeCursor('newest events', cursor, isRevisionPosition);
      const bounds = {
        after: BigInt(from ?? '0'),
        newestFirst: true,
        ...(position === undefined ? {} : { before: BigInt(position) }),
      };
      const items = (await listEvents(prisma, filter, bounds, limit + 1)).map(present);
      return pageOf('newest events', items, limit, (event) => event.revision);
    },
    startSweep() {
      return startSweep('events', sweepMs, platform.log, () =>
        deleteInSteps((most) =>
          deleteOldEvents(prisma, {
            before: new Date(platform.now().getTime() - keepDays * 86_400_000),
            keep: maxEvents,
            most,
          }),
        ),
      );
    },
  };
}
