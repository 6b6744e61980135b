import type { CheckState, DesiredNetwork, PreflightResult } from '@trunkline/contracts';
import type { Prisma, TransactionClient } from '../../platform/database/database.ts';

const open = ['pending', 'running'];

/** A question to one host: what would you do for this network. */
export interface PreflightWrite {
  hostId: string;
  network: DesiredNetwork;
}

/** Of some hosts, those that have not been retired; kept until the transaction ends. */
export async function keepHosts(db: TransactionClient, hostIds: readonly string[]): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM host WHERE id = ANY (${[...hostIds]}::uuid[]) ORDER BY id FOR KEY SHARE`;
  return new Set(rows.map(({ id }) => id));
}

/** Writes the questions; answers the ids they got. */
export async function insertPreflights(
  db: TransactionClient,
  questions: readonly PreflightWrite[],
  at: { now: Date; expiresAt: Date },
): Promise<string[]> {
  const rows = await db.checkJob.createManyAndReturn({
    data: questions.map(({ hostId, network }) => ({
      kind: 'preflight',
      state: 'pending',
      hostId,
      spec: { network },
      expiresAt: at.expiresAt,
      createdAt: at.now,
    })),
    select: { id: true },
  });
  return rows.map(({ id }) => id);
}

/** How many of some jobs may still be answered; those of a retired host may not. */
export function countOpen(db: TransactionClient, ids: readonly string[]): Promise<number> {
  return db.checkJob.count({ where: { id: { in: [...ids] }, state: { in: open }, hostId: { not: null } } });
}

/** What became of a question. */
export interface PreflightRow {
  hostId: string | null;
  state: CheckState;
  result: PreflightResult | null;
  error: string | null;
}

export async function readPreflights(db: TransactionClient, ids: readonly string[]): Promise<PreflightRow[]> {
  const rows = await db.checkJob.findMany({
    where: { id: { in: [...ids] } },
    select: { hostId: true, state: true, result: true, error: true },
  });
  return rows.map((row) => ({
    ...row,
    state: row.state as CheckState,
    result: row.result as unknown as PreflightResult | null,
  }));
}

/** Nobody can ask for them once the request that did is answered, so they need not be kept as long as checks. */
export async function deletePreflightsBefore(db: TransactionClient, before: Date): Promise<void> {
  const where = { kind: 'preflight', createdAt: { lt: before }, state: { notIn: open } };
  await db.checkJob.deleteMany({ where: where satisfies Prisma.CheckJobWhereInput });
}
