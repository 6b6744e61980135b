import type { EventDataOf, EventType } from '@trunkline/contracts';
import { auditSides, type AuditedChange, type AuditInput, type AuditOrigin } from './audit.ts';
import { apiErrorFromDatabase, databaseFault } from './database/database-errors.ts';
import { Prisma, type Database, type TransactionClient } from './database/database.ts';
import { ApiError } from './errors.ts';
import { findReply, keepReply, openKey, type IdempotencyRequest, type Reply } from './idempotency.ts';

/** An event of one type, with the `data` that the table of events has for it. */
type EventOf<T extends EventType> = {
  type: T;
  /** Path of what it is about. */
  subject: string;
  network?: string;
  host?: string;
} & (keyof EventDataOf<T> extends never ? { data?: never } : { data: EventDataOf<T> });

/** Something that happened, for the log of events. */
export type EventInput = { [T in EventType]: EventOf<T> }[EventType];

/** Who asks for a change, and under which request. */
export interface ChangeContext {
  /** `token:<name>`, `agent:<host>` or `server`. */
  actor: string;
  requestId?: string;
  /** Where it comes from; a change that has one gets an entry in the audit log, in its own transaction. */
  origin?: AuditOrigin;
  /** Set when the request carried an Idempotency-Key. */
  idempotency?: IdempotencyRequest;
  /** Do everything, answer, and change nothing. */
  dryRun?: boolean;
}

/** An open transaction that changes something. */
export interface Change {
  db: TransactionClient;
  context: ChangeContext;
  /** Puts an event into the log, in the same transaction. */
  record(event: EventInput): void;
  /** Says what the audit log shows of the change; without it, that is what its first event has. */
  audit(changed: AuditedChange): void;
  /** The desired documents of these hosts change: their agents are woken. */
  notifyHosts(hostIds: Iterable<string>): void;
}

/** The one way to change the database: events, revision and idempotency belong to the same transaction as the change. */
export interface Changes {
  make<T>(context: ChangeContext, work: (change: Change) => Promise<T>): Promise<T>;
  /** As `make`, for a request that may carry an Idempotency-Key: the same key answers the same reply, once done. */
  makeOnce(
    context: ChangeContext,
    work: (change: Change) => Promise<Reply>,
  ): Promise<Reply & { replayed: boolean }>;
}

class DryRun extends Error {
  readonly result: unknown;
  constructor(result: unknown) {
    super('dry run');
    this.result = result;
  }
}

class AlreadyDone extends Error {}

/** Two changes that met in a deadlock are worth another try before the caller hears of it. */
const attempts = 3;

/** Writes the events and audit entries of a change, raises the revision and notifies the hosts; the last thing a transaction does. */
async function appendEvents(
  db: TransactionClient,
  context: ChangeContext,
  events: readonly EventInput[],
  hostIds: readonly string[],
  entries: readonly AuditInput[],
): Promise<void> {
  const rows = events.map((event) => ({ ...event, actor: context.actor, requestId: context.requestId }));
  if (entries.length === 0) {
    if (rows.length > 0)
      await db.$executeRaw`SELECT append_events(${JSON.stringify(rows)}::jsonb, ${[...hostIds]}::uuid[])`;
  } else if (rows.length === 0) await db.$executeRaw`SELECT append_audit(${JSON.stringify(entries)}::jsonb)`;
  else
    await db.$executeRaw`
      SELECT append_change(${JSON.stringify(rows)}::jsonb, ${[...hostIds]}::uuid[], ${JSON.stringify(entries)}::jsonb)`;
}

/** What the audit log gets of a change that was made. One that changed nothing has no entry. */
function auditEntries(
  { actor, requestId, origin }: ChangeContext,
  audited: readonly AuditedChange[],
  [first]: readonly EventInput[],
): AuditInput[] {
  if (origin === undefined) return [];
  const noted =
    audited.length > 0 || first === undefined
      ? audited
      : [{ subject: first.subject, ...(first.data === undefined ? {} : { after: first.data }) }];
  return noted.map(({ subject, ...sides }) => ({
    ...origin,
    actor,
    requestId: requestId ?? null,
    subject,
    outcome: 'done',
    code: null,
    times: 1,
    ...auditSides(sides),
  }));
}

export function createChanges(database: Pick<Database, 'prisma'>): Changes {
  const attempt = async <T>(context: ChangeContext, work: (change: Change) => Promise<T>): Promise<T> => {
    try {
      return await database.prisma.$transaction(async (db) => {
        const events: EventInput[] = [];
        const audited: AuditedChange[] = [];
        const hosts = new Set<string>();
        const result = await work({
          db,
          context,
          record: (event) => void events.push(event),
          audit: (changed) => void audited.push(changed),
          notifyHosts: (ids) => {
            for (const id of ids) hosts.add(id);
          },
        });
        if (context.dryRun === true) throw new DryRun(result);
        if (hosts.size > 0 && events.length === 0)
          throw new Error('a change of desired state records an event');
        await appendEvents(db, context, events, [...hosts], auditEntries(context, audited, events));
        return result;
      });
    } catch (error) {
      if (error instanceof DryRun) return error.result as T;
      throw error;
    }
  };

  const make = async <T>(context: ChangeContext, work: (change: Change) => Promise<T>): Promise<T> => {
    for (let n = 1; ; n += 1) {
      try {
        return await attempt(context, work);
      } catch (error) {
        const code =
          databaseFault(error)?.code ??
          (error instanceof Prisma.PrismaClientKnownRequestError ? error.code : '');
        if (n < attempts && ['40001', '40P01', 'P2034'].includes(code)) continue;
        throw error instanceof ApiError ? error : (apiErrorFromDatabase(error) ?? error);
      }
    }
  };

  return {
    make,
    async makeOnce(context, work) {
      const { idempotency } = context;
      if (idempotency === undefined || context.dryRun === true)
        return { ...(await make(context, work)), replayed: false };
      try {
        const reply = await make(context, async (change) => {
          if (!(await openKey(change.db, idempotency))) throw new AlreadyDone();
          const answer = await work(change);
          await keepReply(change.db, idempotency, answer);
          return answer;
        });
        return { ...reply, replayed: false };
      } catch (error) {
        if (!(error instanceof AlreadyDone)) throw error;
        return { ...(await findReply(database.prisma, idempotency)), replayed: true };
      }
    },
  };
}
