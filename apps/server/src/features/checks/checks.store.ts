import {
  checkKindTable,
  type AddressesResult,
  type CheckState,
  type ConnectivityResult,
  type DesiredNetwork,
  type DiagnosisResult,
  type DiagnosisTask,
  type MatrixResult,
  type MatrixTask,
  type WireResult,
  type WireTask,
} from '@trunkline/contracts';
import type { DiagnosisPlan } from './diagnosis-plan.ts';
import type { MatrixPlan } from './matrix-plan.ts';
import type { WirePlan } from './wire-plan.ts';
import { Prisma, type PrismaClient, type TransactionClient } from '../../platform/database/database.ts';

/** What a connectivity check was asked for, with what was true then. */
export interface ConnectivitySpec {
  from: string;
  to: string;
  /** Addresses of the other container when the check was made. */
  toAddresses: string[];
  count: number;
  timeoutSeconds: number;
}

/** What a comparison of addresses was asked for. */
export interface AddressesSpec {
  /** Null: all networks. */
  network: string | null;
}

/** A check that a caller of the API asked for. Preflights are jobs of the same table, but part of a dry run. */
export type CheckRow = CheckFields &
  (
    | { kind: 'connectivity'; spec: ConnectivitySpec; result: ConnectivityResult | null }
    | { kind: 'addresses'; spec: AddressesSpec; result: AddressesResult | null }
    | { kind: 'wire'; spec: WirePlan; result: WireResult | null }
    | { kind: 'diagnose'; spec: DiagnosisPlan; result: DiagnosisResult | null }
    | { kind: 'matrix'; spec: MatrixPlan; result: MatrixResult | null }
  );

/** What a check of a kind was asked for. */
export type StoredSpec<K extends CheckRow['kind']> = Extract<CheckRow, { kind: K }>['spec'];

interface CheckFields {
  id: string;
  host: string | null;
  hostId: string | null;
  state: 'pending' | 'running' | 'done' | 'failed' | 'expired';
  error: string | null;
  expiresAt: Date;
  createdAt: Date;
  finishedAt: Date | null;
}

const include = { host: { select: { name: true } } } as const;
type Stored = Prisma.CheckJobGetPayload<{ include: typeof include }>;

const read = ({ host, ...row }: Stored): CheckRow =>
  ({ ...row, host: host?.name ?? null }) as unknown as CheckRow;

/** Kinds that a caller of the API asks for. */
const publicKinds = { in: Object.keys(checkKindTable) };

export async function insertCheck(
  db: TransactionClient,
  check: { hostId: string; spec: ConnectivitySpec; expiresAt: Date; now: Date },
): Promise<CheckRow> {
  const { hostId, spec, expiresAt, now } = check;
  return read(
    await db.checkJob.create({
      data: { kind: 'connectivity', state: 'pending', hostId, spec: { ...spec }, expiresAt, createdAt: now },
      include,
    }),
  );
}

/** A comparison that the server has made by itself: it is done when it is there. */
export async function insertComparison(
  db: TransactionClient,
  check: { spec: AddressesSpec; result: AddressesResult; now: Date },
): Promise<CheckRow> {
  const { spec, result, now } = check;
  return read(
    await db.checkJob.create({
      data: {
        kind: 'addresses',
        state: 'done',
        spec: { ...spec },
        result,
        expiresAt: now,
        createdAt: now,
        finishedAt: now,
      },
      include,
    }),
  );
}

export async function findCheck(db: TransactionClient, id: string): Promise<CheckRow | undefined> {
  const row = await db.checkJob.findUnique({ where: { id, kind: publicKinds }, include });
  return row === null ? undefined : read(row);
}

/** Bytes of results and plans on one page, as the database stores them: compressed, some five times less than what is read. */
const pageBytes = 1024 * 1024;

/** Newest first; ids are time-ordered (UUID version 7). Fewer than `limit`, but at least one, where results are large. */
export async function listChecks(
  db: PrismaClient,
  before: string | undefined,
  limit: number,
): Promise<{ rows: CheckRow[]; hasMore: boolean }> {
  const found = await db.$queryRaw<{ id: string; fits: boolean }[]>`
    SELECT id, row_number() OVER byId = 1
             OR sum(COALESCE(pg_column_size(result), 0) + pg_column_size(spec)) OVER byId <= ${pageBytes} AS fits
    FROM (SELECT id, spec, result FROM check_job
          WHERE kind = ANY (${publicKinds.in}) AND (${before ?? null}::uuid IS NULL OR id < ${before ?? null}::uuid)
          ORDER BY id DESC LIMIT ${limit + 1}) page
    WINDOW byId AS (ORDER BY id DESC) ORDER BY id DESC`;
  const ids = found
    .slice(0, limit)
    .filter(({ fits }) => fits)
    .map(({ id }) => id);
  const rows = await db.checkJob.findMany({ where: { id: { in: ids } }, orderBy: { id: 'desc' }, include });
  return { rows: rows.map(read), hasMore: found.length > ids.length };
}

/** A job that waits for an answer, with what its host needs to run it. `partOf`: the check on several hosts that it is a part of. */
export type OpenJob = { id: string; partOf: string | null; host: { name: string } | null } & (
  | { kind: 'connectivity'; spec: ConnectivitySpec }
  | { kind: 'preflight'; spec: { network: DesiredNetwork } }
  | { kind: 'wire-part'; spec: WireTask }
  | { kind: 'diagnose-part'; spec: DiagnosisTask }
  | { kind: 'matrix-part'; spec: MatrixTask }
);

const ofHost = (hostId: string, now: Date) => ({
  hostId,
  state: { in: ['pending', 'running'] },
  expiresAt: { gt: now },
});
const jobFields = {
  id: true,
  kind: true,
  spec: true,
  partOf: true,
  host: { select: { name: true } },
} as const;

/** Jobs of some hosts that wait for an answer and are still worth one, with their ends: up to `most` a host, the oldest first. */
export function openJobsOf(hostIds: readonly string[], now: Date, most: number): Prisma.Sql {
  return Prisma.sql`
    SELECT h.id, j.id::text, jsonb_build_object('id', j.id, 'kind', j.kind, 'spec', j.spec, 'expiresAt', j.expires_at)
    FROM unnest(${[...hostIds]}::uuid[]) AS h (id) CROSS JOIN LATERAL (
      SELECT * FROM check_job c
      WHERE c.host_id = h.id AND c.state IN ('pending', 'running') AND c.expires_at > ${now}
      ORDER BY c.id LIMIT ${most}
    ) j`;
}

/** One of them. */
export async function findOpenJob(
  db: TransactionClient,
  id: string,
  hostId: string,
  now: Date,
): Promise<OpenJob | undefined> {
  const row = await db.checkJob.findUnique({ where: { id, ...ofHost(hostId, now) }, select: jobFields });
  return (row ?? undefined) as unknown as OpenJob | undefined;
}

/** Moves an open check of a host on; false when it is not open, or not of that host. */
export async function answerCheck(
  db: TransactionClient,
  check: {
    id: string;
    hostId: string;
    state: CheckState;
    result: Prisma.InputJsonValue | undefined;
    error: string | null;
    now: Date;
  },
): Promise<boolean> {
  const { id, hostId, state, result, error, now } = check;
  const { count } = await db.checkJob.updateMany({
    where: { id, ...ofHost(hostId, now) },
    data: {
      state,
      error,
      ...(result === undefined ? {} : { result }),
      ...(state === 'running' ? {} : { finishedAt: now }),
    },
  });
  return count === 1;
}

/** A job whose time is up. */
export interface ExpiredCheck {
  id: string;
  kind: string;
  hostId: string | null;
  partOf: string | null;
  /** Of a preflight. */
  network: string | null;
}

/**
 * Ends jobs whose time is up; answers them. A check on several hosts ends with its parts. A diagnosis does not wait for a host
 * that has not begun in a fifth of the time, nor, after a fourth of it, for one that is still at it 2 s after another: it says that
 * the host does not answer.
 */
export async function expireChecks(db: TransactionClient, now: Date, error: string): Promise<ExpiredCheck[]> {
  return db.$queryRaw`
    UPDATE check_job SET state = 'expired', finished_at = ${now}, error = ${error}
    WHERE id IN (SELECT id FROM check_job WHERE state IN ('pending', 'running')
      AND (expires_at <= ${now} OR kind = 'diagnose-part' AND (
        state = 'pending' AND created_at + (expires_at - created_at) / 5 <= ${now}
        OR created_at + (expires_at - created_at) / 4 <= ${now} AND EXISTS (
          SELECT 1 FROM check_job other WHERE other.part_of = check_job.part_of AND other.finished_at <= ${now}::timestamptz - interval '2 seconds')))
      AND kind NOT IN ('wire', 'diagnose', 'matrix') ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, host_id AS "hostId", part_of AS "partOf", spec #>> '{network,name}' AS network`;
}

export async function deleteChecksBefore(db: PrismaClient, before: Date): Promise<void> {
  await db.checkJob.deleteMany({
    where: { kind: publicKinds, createdAt: { lt: before }, state: { notIn: ['pending', 'running'] } },
  });
}
