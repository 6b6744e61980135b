import type { AuditOutcome } from '@trunkline/contracts';
import type { AuditInput } from '../../platform/audit.ts';
import type { Prisma, PrismaClient } from '../../platform/database/database.ts';

export interface AuditFilter {
  actor?: string;
  tokenId?: string;
  source?: string;
  requestId?: string;
  operation?: string;
  subject?: string;
  outcome?: AuditOutcome;
  since?: string;
  until?: string;
}

export interface AuditRow {
  sequence: bigint;
  at: Date;
  actor: string | null;
  tokenId: string | null;
  source: string | null;
  requestId: string | null;
  operation: string | null;
  subject: string | null;
  outcome: string;
  code: string | null;
  times: number;
  before: unknown;
  after: unknown;
}

/** Oldest entry kept (null: none) and the sequence of the last one. */
export async function auditBounds(prisma: PrismaClient): Promise<{ first: bigint | null; head: bigint }> {
  const [row] = await prisma.$queryRaw<{ first: bigint | null; head: bigint }[]>`
    SELECT (SELECT min(sequence) FROM audit_entry) AS first, (SELECT value FROM audit_head) AS head`;
  return row ?? { first: null, head: 0n };
}

export function listAudit(
  prisma: PrismaClient,
  { since, until, ...equal }: AuditFilter,
  after: bigint,
  limit: number,
): Promise<AuditRow[]> {
  const where: Prisma.AuditEntryWhereInput = { ...equal, sequence: { gt: after } };
  if (since !== undefined || until !== undefined)
    where.at = {
      ...(since === undefined ? {} : { gte: new Date(since) }),
      ...(until === undefined ? {} : { lt: new Date(until) }),
    };
  return prisma.auditEntry.findMany({ where, orderBy: { sequence: 'asc' }, take: limit });
}

/** Appends what belongs to no change, and wakes who follows the log. */
export async function appendEntries(prisma: PrismaClient, entries: readonly AuditInput[]): Promise<void> {
  await prisma.$executeRaw`SELECT append_audit(${JSON.stringify(entries)}::jsonb), pg_notify('trunkline', '')`;
}

/**
 * Deletes up to `most` entries that are older than `before`, that `keep` newer ones follow, or that were not carried
 * out and `keepNotDone` newer such ones follow; answers how many.
 */
export function deleteOldEntries(
  prisma: PrismaClient,
  { before, keep, keepNotDone, most }: { before: Date; keep: number; keepNotDone: number; most: number },
): Promise<number> {
  return prisma.$executeRaw`
    DELETE FROM audit_entry WHERE sequence IN (
      SELECT sequence FROM audit_entry
       WHERE at < ${before}
          OR sequence <= (SELECT sequence FROM audit_entry ORDER BY sequence DESC OFFSET ${keep} LIMIT 1)
          OR (outcome <> 'done' AND sequence <=
              (SELECT sequence FROM audit_entry WHERE outcome <> 'done' ORDER BY sequence DESC OFFSET ${keepNotDone} LIMIT 1))
       ORDER BY sequence LIMIT ${most})`;
}
