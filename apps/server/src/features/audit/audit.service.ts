import type { AuditEntry } from '@trunkline/contracts';
import { ApiError } from '../../platform/errors.ts';
import { shortly } from '../../platform/failure-log.ts';
import { decodeCursor, isRevisionPosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { deleteInSteps, startSweep } from '../../platform/sweep.ts';
import {
  appendEntries,
  auditBounds,
  deleteOldEntries,
  listAudit,
  type AuditFilter,
  type AuditRow,
} from './audit.store.ts';
import { createDenials, type Denials } from './denials.ts';

/** The audit log: who asked for what, and what became of it. Entries of changes are written by `platform/changes.ts`. */
export interface AuditService {
  list(
    filter: AuditFilter,
    page: { limit: number; cursor?: string | undefined; after?: string | undefined },
  ): Promise<PageOf<AuditEntry>>;
  /** The sequence after which a stream that names none begins: now. */
  head(): Promise<bigint>;
  /** Entries after a sequence, oldest first; throws `event_log_truncated` where the log no longer reaches so far back. */
  after(sequence: bigint, filter: AuditFilter, limit: number): Promise<AuditEntry[]>;
  /** What is not carried out has no transaction of its own. */
  denials: Denials;
  startSweep(): () => Promise<void>;
}

/** Entries that are kept at most, whatever their age: some hundred bytes each. */
const maxEntries = 5_000_000;
/** Of what was not carried out: a flood takes no more of the disk. */
const maxNotDone = 100_000;
const sweepMs = 600_000;

function present({ sequence, at, before, after, ...row }: AuditRow): AuditEntry {
  return {
    ...row,
    sequence: sequence.toString(),
    at: at.toISOString(),
    outcome: row.outcome as AuditEntry['outcome'],
    before: before as AuditEntry['before'],
    after: after as AuditEntry['after'],
  };
}

export function createAuditService(
  platform: Pick<Platform, 'database' | 'log' | 'now'>,
  { days }: { days: number },
): AuditService {
  const { prisma } = platform.database;

  const after: AuditService['after'] = async (sequence, filter, limit) => {
    const { first, head } = await auditBounds(prisma);
    if (sequence > head)
      throw new ApiError(
        'event_log_truncated',
        `the audit log ends at ${head}: ${sequence} is from another database; start again without Last-Event-ID`,
        { data: { head: head.toString() } },
      );
    if (first !== null && sequence + 1n < first)
      throw new ApiError(
        'event_log_truncated',
        `the audit log begins at ${first}, older entries are no longer kept: follow from ${first - 1n}`,
        { data: { first: first.toString(), head: head.toString() } },
      );
    return (await listAudit(prisma, filter, sequence, limit)).map(present);
  };

  return {
    after,
    async head() {
      return (await auditBounds(prisma)).head;
    },
    async list(filter, { limit, cursor, after: from }) {
      const position = decodeCursor('audit', cursor, isRevisionPosition) ?? from;
      // A page goes on where it was, also when what it began with is no longer kept.
      const items =
        from === undefined || cursor !== undefined
          ? (await listAudit(prisma, filter, BigInt(position ?? 0), limit + 1)).map(present)
          : await after(BigInt(from), filter, limit + 1);
      return pageOf('audit', items, limit, ({ sequence }) => sequence);
    },
    denials: createDenials({
      write: (entries) => appendEntries(prisma, entries),
      onFailure: (error) =>
        platform.log.warn(shortly(error), 'refused requests are not in the audit log yet, will try again'),
    }),
    startSweep() {
      return startSweep('audit log', sweepMs, platform.log, () =>
        deleteInSteps((most) =>
          deleteOldEntries(prisma, {
            before: new Date(platform.now().getTime() - days * 86_400_000),
            keep: maxEntries,
            keepNotDone: maxNotDone,
            most,
          }),
        ),
      );
    },
  };
}
