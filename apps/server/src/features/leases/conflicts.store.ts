import type { TransactionClient } from '../../platform/database/database.ts';

/** What became of an address in conflict: it is to be asked for on the wire again, or is bound to the container that has it. */
export type EndedConflict = {
  network: string;
  ip: string;
  owner: string | null;
  /** Host of the container that Trunkline runs and that the address is kept for: its document promises it again. */
  notified: string | null;
} & (
  | { kind: 'recheck' }
  | {
      kind: 'bound';
      host: string;
      container: string;
      dockerId: string;
      mac: string | null;
      generation: bigint;
    }
);

/** Ends the conflicts whose time has come. */
export async function endConflicts(db: TransactionClient, most: number): Promise<EndedConflict[]> {
  const due = await db.$queryRaw<{ id: string }[]>`
    SELECT s.id FROM subnet s
    WHERE EXISTS (SELECT 1 FROM address a WHERE a.subnet_id = s.id AND a.state = 'conflicted' AND a.recheck_at <= now())
    ORDER BY s.id FOR UPDATE OF s SKIP LOCKED`;
  const ended: EndedConflict[] = [];
  for (const { id } of due)
    ended.push(
      ...(await db.$queryRaw<EndedConflict[]>`
        SELECT kind, network, ip, owner, host, container, docker_id AS "dockerId", mac, generation, notified
        FROM end_conflicts(${id}::uuid, ${most}::int)`),
    );
  return ended;
}
