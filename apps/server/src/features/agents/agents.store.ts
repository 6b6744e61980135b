import { Prisma, type TransactionClient } from '../../platform/database/database.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import type { Query } from '../../platform/database/query.ts';

/** A host as far as knowing its agent goes. */
export interface AgentRow {
  id: string;
  name: string;
  labels: Record<string, string>;
  /** The process that speaks for the host now. */
  instance: string | null;
  /** An instance on the machine that the host's agent runs on; null: none reported its marks yet. */
  machine: string | null;
  /** Set when the process that asks was superseded by another. */
  supersededAt: Date | null;
}

/** Processes of a host that are remembered as superseded. */
const maxInstances = 1000;

const agentColumns = 'h.id, h.name, h.labels, h.instance, h.machine, i.superseded_at AS "supersededAt"';
const agentJoin = 'host h LEFT JOIN agent_instance i ON i.host_id = h.id AND i.instance = $2';

/** A host, and how a process that speaks for it stands with it. */
export async function findAgent(
  query: Query,
  hostId: string,
  instance: string,
): Promise<AgentRow | undefined> {
  const [row] = await query<AgentRow>(`SELECT ${agentColumns} FROM ${agentJoin} WHERE h.id = $1::uuid`, [
    hostId,
    instance,
  ]);
  return row;
}

/** The raw Ed25519 public key of a host. */
export async function findPublicKey(query: Query, hostId: string): Promise<Uint8Array | undefined> {
  const [row] = await query<{ key: Uint8Array }>('SELECT public_key AS key FROM host WHERE id = $1::uuid', [
    hostId,
  ]);
  return row?.key;
}

/**
 * Takes the nonce of a request whose signature is good, and answers whose it is; `replayed` when it was used before. Not
 * waited for on the disk: what a crash of the database forgets is at most the last moment, and only an attacker who sits
 * on the wire in that moment could use it.
 */
export async function takeNonce(
  query: Query,
  request: { hostId: string; instance: string; nonce: string; expiresAt: Date },
): Promise<(AgentRow & { replayed: boolean }) | undefined> {
  const { hostId, instance, nonce, expiresAt } = request;
  const [row] = await query<AgentRow & { replayed: boolean }>(
    `WITH setting AS (SELECT set_config('synchronous_commit', 'off', true) AS value),
          taken AS (
            INSERT INTO agent_nonce (host_id, nonce, expires_at)
            SELECT h.id, $3, $4::timestamptz FROM host h, setting WHERE h.id = $1::uuid AND setting.value = 'off'
            ON CONFLICT DO NOTHING RETURNING 1
          )
     SELECT ${agentColumns}, NOT EXISTS (SELECT 1 FROM taken) AS replayed FROM ${agentJoin} WHERE h.id = $1::uuid`,
    [hostId, instance, nonce, expiresAt],
  );
  return row;
}

/**
 * The process that asks speaks for the host from now on; the ones before it never again. `machine`: it runs on that of this
 * instance. Call with the host locked.
 */
export async function putInstance(
  db: TransactionClient,
  hostId: string,
  { instance, machine }: { instance: string; machine: string | null },
  at: Date,
): Promise<void> {
  await db.agentInstance.updateMany({ where: { hostId, supersededAt: null }, data: { supersededAt: at } });
  await db.agentInstance.create({ data: { hostId, instance, firstSeenAt: at } });
  // Those that were superseded longest ago go first; starts are bounded by time (agents.service.ts).
  await db.$executeRaw`
    DELETE FROM agent_instance i WHERE i.host_id = ${hostId}::uuid AND i.instance IN (
      SELECT o.instance FROM agent_instance o WHERE o.host_id = ${hostId}::uuid AND o.superseded_at IS NOT NULL
      ORDER BY o.superseded_at DESC OFFSET ${maxInstances})`;
  await db.host.update({ where: { id: hostId }, data: { instance, machine }, select: { id: true } });
}

export async function lockAgentHost(db: TransactionClient, hostId: string): Promise<void> {
  await db.$executeRaw`SELECT 1 FROM host WHERE id = ${hostId}::uuid FOR NO KEY UPDATE`;
}

/** The host that has joined with a key. */
export function findByKey(
  db: TransactionClient,
  publicKey: Uint8Array<ArrayBuffer>,
): Promise<{ id: string; name: string } | null> {
  return db.host.findUnique({ where: { publicKey }, select: { id: true, name: true } });
}

/** Revision of the desired document of a host. Every host has one from its join on: undefined, it was retired. */
export async function desiredRevision(query: Query, hostId: string): Promise<bigint | undefined> {
  const [row] = await query<{ revision: string }>(
    'SELECT text(revision) AS revision FROM host_desired WHERE host_id = $1::uuid',
    [hostId],
  );
  return row === undefined ? undefined : BigInt(row.revision);
}

/**
 * How a host stands with the database: the incarnation of that, and whether what the host heard matters (it is ahead, or was
 * waited for). Undefined for one that was retired.
 */
export async function readStanding(
  query: Query,
  hostId: string,
  heard: { incarnation: string | null; revision: bigint; generation: number },
): Promise<{ incarnation: string | null; matters: boolean } | undefined> {
  const [row] = await query<{ incarnation: string | null; matters: boolean }>(
    `SELECT (SELECT p.incarnation FROM past p) AS incarnation,
            EXISTS (SELECT 1 FROM recovery_host r WHERE r.host_id = h.id AND r.recovery IS NULL)
              OR EXISTS (SELECT 1 FROM past) AND is_ahead(h.id, $2::uuid, $3::bigint, $4::bigint) AS matters
     FROM host h WHERE h.id = $1::uuid`,
    [hostId, heard.incarnation, heard.revision.toString(), heard.generation],
  );
  return row;
}

/** Revisions of the documents of some hosts, one each; those that were retired have none. */
export const revisionsOfHosts: HostQuery<string> = {
  rows: (hostIds) => Prisma.sql`
    SELECT host_id, '', to_jsonb(revision::text) FROM host_desired WHERE host_id = ANY (${[...hostIds]}::uuid[])`,
  read: (revision: string) => revision,
};

/**
 * Hosts whose documents changed after a revision, and the revision of the database in the same view. When that is
 * lower than what was seen before, the database was restored from a backup, and everything counts as changed.
 */
export async function desiredChanges(
  query: Query,
  after: bigint,
): Promise<{ revision: bigint; hosts: { hostId: string; revision: bigint }[] }> {
  const rows = await query<{ value: string; hostId: string | null; revision: string | null }>(
    `SELECT text(r.value) AS value, d.host_id AS "hostId", text(d.revision) AS revision FROM revision r
     LEFT JOIN host_desired d ON d.revision > CASE WHEN r.value < $1::bigint THEN 0 ELSE $1::bigint END`,
    [after.toString()],
  );
  return {
    revision: BigInt(rows[0]?.value ?? 0),
    hosts: rows.flatMap(({ hostId, revision }) =>
      hostId === null || revision === null ? [] : [{ hostId, revision: BigInt(revision) }],
    ),
  };
}

export async function deleteOldNonces(db: TransactionClient, before: Date): Promise<void> {
  await db.$executeRaw`DELETE FROM agent_nonce WHERE expires_at < ${before}`;
}

export async function deleteOldInstances(db: TransactionClient, before: Date): Promise<void> {
  await db.$executeRaw`DELETE FROM agent_instance WHERE superseded_at < ${before}`;
}
