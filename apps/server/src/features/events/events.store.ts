import type { Prisma, PrismaClient } from '../../platform/database/database.ts';
import { likeText } from '../../platform/list-filters.ts';
import type { EventFilter } from './event-filter.ts';

export interface EventRow {
  revision: bigint;
  at: Date;
  type: string;
  subject: string;
  network: string | null;
  host: string | null;
  actor: string;
  requestId: string | null;
  data: unknown;
}

/** Oldest event kept (null: none) and the revision of the last change. */
export async function logBounds(prisma: PrismaClient): Promise<{ first: bigint | null; head: bigint }> {
  const [row] = await prisma.$queryRaw<{ first: bigint | null; head: bigint }[]>`
    SELECT (SELECT min(revision) FROM event) AS first, (SELECT value FROM revision) AS head`;
  return row ?? { first: null, head: 0n };
}

export function listEvents(
  prisma: PrismaClient,
  filter: EventFilter,
  { after, before, newestFirst = false }: { after: bigint; before?: bigint; newestFirst?: boolean },
  limit: number,
): Promise<EventRow[]> {
  const { types, network, host, subject, since, until } = filter;
  const where: Prisma.EventWhereInput = {
    revision: { gt: after, ...(before === undefined ? {} : { lt: before }) },
  };
  if (types !== undefined) where.type = { in: [...types] };
  if (network !== undefined) where.network = network;
  if (host !== undefined) where.host = host;
  if (subject !== undefined) where.OR = [{ subject }, { subject: { startsWith: `${likeText(subject)}/` } }];
  if (since !== undefined || until !== undefined)
    where.at = {
      ...(since === undefined ? {} : { gte: since }),
      ...(until === undefined ? {} : { lte: until }),
    };
  return prisma.event.findMany({
    where,
    orderBy: { revision: newestFirst ? 'desc' : 'asc' },
    take: limit,
  });
}

/** Deletes up to `most` events that are older than `before`, or that `keep` newer ones follow; answers how many. */
export function deleteOldEvents(
  prisma: PrismaClient,
  { before, keep, most }: { before: Date; keep: number; most: number },
): Promise<number> {
  return prisma.$executeRaw`
    DELETE FROM event WHERE revision IN (
      SELECT revision FROM event
       WHERE at < ${before} OR revision <= (SELECT revision FROM event ORDER BY revision DESC OFFSET ${keep} LIMIT 1)
       ORDER BY revision LIMIT ${most})`;
}
