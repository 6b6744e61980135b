import type { CompareItem, RecoveryPhase } from '@trunkline/contracts';
import { Prisma } from '../../platform/database/database.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import type { Query } from '../../platform/database/query.ts';

/** What `check_past` in prisma/functions/recovery.sql found. */
export type PastOutcome = 'same' | 'new' | 'proven' | 'settling' | 'recovering';

/** What a server knows of its own PostgreSQL; null with a `DATABASE_URL`. */
export interface SeenPast {
  mark: string | null;
  boot: string | null;
}

/** `next`: the incarnation that begins, where one does. */
export async function checkPast(query: Query, { mark, boot }: SeenPast, next: string): Promise<PastOutcome> {
  const [row] = await query<{ outcome: PastOutcome }>(
    'SELECT check_past($1::text, $2::text, $3::uuid, NULL) AS outcome',
    [mark, boot, next],
  );
  if (row === undefined) throw new Error('the database returned nothing about its past');
  return row.outcome;
}

export async function putMark(query: Query, mark: string): Promise<void> {
  await query('SELECT put_mark($1::text)', [mark]);
}

export interface PastRow {
  phase: RecoveryPhase;
  recovery: string | null;
  since: Date;
  reason: string | null;
}

/** Undefined before a server has looked at the past. */
export async function readPast(query: Query): Promise<PastRow | undefined> {
  const [row] = await query<PastRow>(
    `SELECT CASE WHEN p.phase = 'settling' AND (p.settle_until <= now() OR NOT EXISTS (SELECT 1 FROM recovery_host)) THEN 'open'
                 ELSE p.phase::text END AS phase, p.recovery, p.since, p.reason FROM past p`,
    [],
  );
  return row;
}

export interface RecoveryHostRow {
  host: string;
  comparedAt: Date | null;
  releasedAt: Date | null;
  releasedBy: string | null;
}

export function readRecoveryHosts(query: Query): Promise<RecoveryHostRow[]> {
  return query(
    `SELECT h.name AS host, r.compared_at AS "comparedAt", r.released_at AS "releasedAt", r.released_by AS "releasedBy"
     FROM recovery_host r JOIN host h ON h.id = r.host_id
     ORDER BY h.name`,
    [],
  );
}

/** What a host heard last of this server. */
export interface Heard {
  incarnation: string | null;
  revision: bigint;
  /** The highest generation of a lease on its disk. */
  generation: number;
}

/** The highest revision, and generation of a lease, that there was. */
export async function readHeights(query: Query): Promise<{ revision: bigint; generation: bigint }> {
  const [row] = await query<{ revision: string; generation: string }>(
    'SELECT text(r.value) AS revision, text(s.last_value) AS generation FROM revision r, address_generation s',
    [],
  );
  return { revision: BigInt(row?.revision ?? 0), generation: BigInt(row?.generation ?? 0) };
}

/** What `hear_host` made of it: nothing new, a recovery began, or the numbers were lifted to those of the host. */
export type HeardOutcome = 'known' | 'started' | 'lifted';

/** Takes note of what a host heard; see `hear_host` in prisma/functions/recovery.sql. */
export async function hearHost(query: Query, hostId: string, heard: Heard): Promise<HeardOutcome> {
  const [row] = await query<{ outcome: HeardOutcome }>(
    'SELECT hear_host($1::uuid, $2::uuid, $3::bigint, $4::bigint) AS outcome',
    [hostId, heard.incarnation, heard.revision.toString(), heard.generation],
  );
  return row?.outcome ?? 'known';
}

/** Takes what a host holds and uses; false where nobody waits for it. */
export async function compareHost(
  query: Query,
  hostId: string,
  items: readonly CompareItem[],
): Promise<boolean> {
  const [row] = await query<{ waited: boolean }>('SELECT compare_host($1::uuid, $2::jsonb) AS waited', [
    hostId,
    JSON.stringify(items),
  ]);
  return row?.waited === true;
}

/** What `go_on_without` made of it. */
export type GoneOnOutcome = 'done' | 'no_host' | 'not_waited_for';

/** `host`: an operator lets go of it; null: looks whether anything is still waited for. */
export async function goOnWithout(query: Query, host: string | null, by: string): Promise<GoneOnOutcome> {
  const [row] = await query<{ outcome: GoneOnOutcome }>(
    'SELECT go_on_without($1::text, $2::text) AS outcome',
    [host, by],
  );
  return row?.outcome ?? 'done';
}

/** What a host's document has about the database. */
export interface PastOfHost {
  incarnation: string;
  recovering: string | null;
  compare: string | null;
}

export const pastOfHosts: HostQuery<PastOfHost> = {
  rows: (hostIds) => Prisma.sql`
    SELECT h.id, '', jsonb_build_object('incarnation', p.incarnation,
      'recovering', CASE WHEN p.phase = 'recovering' THEN p.recovery END,
      'compare', CASE WHEN r.compared_at IS NULL THEN r.recovery END)
    FROM past p CROSS JOIN host h LEFT JOIN recovery_host r ON r.host_id = h.id WHERE h.id = ANY (${[...hostIds]}::uuid[])`,
  read: (past: PastOfHost) => past,
};
