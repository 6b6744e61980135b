import type { Query } from '../../platform/database/query.ts';

/** A network whose wire is to be tried, with what it is tried for. */
export interface DueNetwork {
  id: string;
  name: string;
  stamp: string;
}

/**
 * Networks with `verify` that became ready on a host, or lost one, since their wire was last tried, and not tried since `before`.
 * Times of agents are compared with themselves only: their clocks may be off. They stay until the transaction ends.
 */
export function takeDue(query: Query, before: Date, most: number): Promise<DueNetwork[]> {
  return query<DueNetwork>(
    `SELECT n.id, n.name, r.stamp FROM network n, LATERAL (
       SELECT md5(string_agg(p.host_id::text || (c ->> 'lastTransitionTime'), ' ' ORDER BY p.host_id)) AS stamp
       FROM placement p, jsonb_array_elements(p.conditions) c
       WHERE p.network_id = n.id AND NOT p.removing AND c ->> 'type' = 'Ready' AND c ->> 'status' = 'True'
     ) r
     WHERE n.verify AND n.deleting_since IS NULL AND r.stamp IS NOT NULL AND r.stamp IS DISTINCT FROM n.verify_stamp
       AND (n.verify_started_at IS NULL OR n.verify_started_at <= $1)
     ORDER BY n.verify_started_at NULLS FIRST, n.id LIMIT $2 FOR NO KEY UPDATE OF n SKIP LOCKED`,
    [before, most],
  );
}

/** Notes that the wire of a network is being tried. */
export async function noteStarted(
  query: Query,
  { id, stamp }: DueNetwork,
  check: string,
  now: Date,
): Promise<void> {
  await query(
    `UPDATE network SET verify_stamp = $2, verify_check = $3::uuid, verify_started_at = $4 WHERE id = $1::uuid`,
    [id, stamp, check, now],
  );
}

/** Notes what came of a check, where it was made for `verify` and no later one was. */
export async function noteVerified(
  query: Query,
  check: string,
  verified: { at: string; check: string; outcome: 'fine' | 'partly' | 'faulty'; message: string },
): Promise<void> {
  await query(`UPDATE network SET verified = $2::jsonb WHERE verify AND verify_check = $1::uuid`, [
    check,
    JSON.stringify(verified),
  ]);
}
