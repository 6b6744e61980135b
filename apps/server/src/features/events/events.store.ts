import type { Prisma, PrismaClient } from '../../platform/database/database.ts';

export interface EventFilter {
  type?: string;
  network?: string;
  host?: string;
}

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
  { type, network, host }: EventFilter,
  after: bigint,
  limit: number,
): Promise<EventRow[]> {
  const where: Prisma.EventWhereInput = { revision: { gt: after } };
  if (type !== undefined) where.type = type;
  if (network !== undefined) where.network = network;
  if (host !== undefined) where.host = host;
  return prisma.event.findMany({
    where,
    orderBy: { revision: 'asc' },
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
