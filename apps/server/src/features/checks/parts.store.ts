import type {
  DiagnosisResult,
  DiagnosisTask,
  MatrixResult,
  MatrixTask,
  WireResult,
  WireTask,
} from '@trunkline/contracts';
import type { Prisma, TransactionClient } from '../../platform/database/database.ts';
import type { Query } from '../../platform/database/query.ts';
import type { OpenJob, StoredSpec } from './checks.store.ts';
import { waitSeconds } from './wire-plan.ts';

/** A check that several hosts carry out: a row of its own, and one for the part of each. */
export type WholeKind = 'wire' | 'diagnose' | 'matrix';

const partKinds = {
  wire: 'wire-part',
  diagnose: 'diagnose-part',
  matrix: 'matrix-part',
} as const satisfies Record<WholeKind, OpenJob['kind']>;

/** Writes the check and the parts of its hosts; answers its id. */
export async function insertWhole<K extends WholeKind>(
  db: TransactionClient,
  check: {
    kind: K;
    spec: StoredSpec<K>;
    tasks: readonly { hostId: string; task: WireTask | DiagnosisTask | MatrixTask }[];
    timeoutSeconds: number;
    holdsAddresses: boolean;
    now: Date;
  },
): Promise<string> {
  const { kind, spec, tasks, timeoutSeconds, holdsAddresses, now } = check;
  const after = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
  const { id } = await db.checkJob.create({
    data: {
      kind,
      state: 'pending',
      spec: spec as unknown as Prisma.InputJsonObject,
      // When the last probe is gone for certain.
      expiresAt: after(timeoutSeconds + waitSeconds),
      createdAt: now,
      holdsAddresses,
    },
    select: { id: true },
  });
  await db.checkJob.createMany({
    data: tasks.map(({ hostId, task }) => ({
      kind: partKinds[kind],
      state: 'pending',
      hostId,
      partOf: id,
      spec: { ...task },
      expiresAt: after(timeoutSeconds),
      createdAt: now,
    })),
  });
  return id;
}

/** What became of the part of one host. */
export interface EndedPart {
  hostId: string;
  /** Null: it has none, see `failed`. */
  result: unknown;
  failed: string;
  /** Its host did not answer in time. */
  isSilent: boolean;
  finishedAt: Date | null;
}

/** A check whose parts have all ended. */
export type EndedWhole = { parts: EndedPart[] } & {
  [K in WholeKind]: { kind: K; spec: StoredSpec<K> };
}[WholeKind];

/** The check with its parts, where all have ended and the check has not; it is locked then. Undefined otherwise. */
export async function lockEndedParts(query: Query, id: string): Promise<EndedWhole | undefined> {
  const [whole] = await query<Omit<EndedWhole, 'parts'>>(
    `SELECT kind, spec FROM check_job WHERE id = $1::uuid AND state IN ('pending', 'running') FOR UPDATE`,
    [id],
  );
  if (whole === undefined) return undefined;
  const rows = await query<{ state: string; error: string | null } & Omit<EndedPart, 'failed' | 'isSilent'>>(
    `SELECT host_id AS "hostId", state, result, error, finished_at AS "finishedAt" FROM check_job
     WHERE part_of = $1::uuid AND host_id IS NOT NULL`,
    [id],
  );
  if (rows.some(({ state }) => state === 'pending' || state === 'running')) return undefined;
  const parts = rows.map(({ hostId, state, result, error, finishedAt }) => ({
    hostId,
    result: state === 'done' ? result : null,
    isSilent: state === 'expired',
    failed: state === 'expired' ? 'it did not answer in time' : (error ?? 'it gave no reason'),
    finishedAt,
  }));
  return { ...whole, parts } as EndedWhole;
}

export async function endWhole(
  db: TransactionClient,
  id: string,
  result: WireResult | DiagnosisResult | MatrixResult,
  now: Date,
): Promise<void> {
  await db.checkJob.update({
    where: { id },
    data: { state: 'done', result: { ...result }, finishedAt: now },
  });
}
