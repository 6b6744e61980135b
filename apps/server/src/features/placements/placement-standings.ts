import type { Condition, ConditionName } from '@trunkline/contracts';
import { Prisma, type TransactionClient } from '../../platform/database/database.ts';

/** A placement as far as the state of its network goes: a network may be on a thousand hosts. */
export interface PlacementStandingRow {
  hostId: string;
  host: string;
  lastSeenAt: Date | null;
  removing: boolean;
  /** Of the network, as it should be. */
  generation: number;
  observedGeneration: number;
  createdAt: Date;
  /** Up to this generation it may disconnect containers; null: it may not. */
  forceGeneration: number | null;
  /** Its condition `Ready`, once the agent has reported one. */
  ready: Condition | null;
  /** Works, but Docker gives its addresses by itself until nobody is attached there. */
  moves: boolean;
}

/** The same as the database writes it. */
export type StandingJson = Omit<PlacementStandingRow, 'lastSeenAt' | 'createdAt'> & {
  lastSeenAt: string | null;
  createdAt: string;
};

const moves = JSON.stringify([{ type: 'AddressPool', reason: 'MovesWhenFree' }] satisfies ConditionName[]);
const standing = Prisma.sql`
  jsonb_build_object(
    'hostId', p.host_id, 'host', h.name, 'lastSeenAt', h.last_seen_at, 'removing', p.removing, 'generation', n.generation,
    'observedGeneration', p.observed_generation, 'createdAt', p.created_at, 'forceGeneration', p.force_generation,
    'ready', jsonb_path_query_first(p.conditions, '$[*] ? (@.type == "Ready")'),
    'moves', coalesce(p.conditions @> ${moves}::jsonb, false)
  )`;

/** The placements of the network `n`, in the order of hosts' names: a column for `readStandings`. */
export const standingsOfNetwork = Prisma.sql`
  (SELECT coalesce(jsonb_agg(${standing} ORDER BY h.name), '[]')
   FROM placement p JOIN host h ON h.id = p.host_id WHERE p.network_id = n.id)`;

export const readStandings = (column: readonly StandingJson[]): PlacementStandingRow[] =>
  column.map((row) => ({
    ...row,
    lastSeenAt: row.lastSeenAt === null ? null : new Date(row.lastSeenAt),
    createdAt: new Date(row.createdAt),
  }));

/** The placements of a network that is there. */
export async function placementStandings(
  db: TransactionClient,
  networkId: string,
): Promise<PlacementStandingRow[]> {
  const [row] = await db.$queryRaw<{ standings: StandingJson[] }[]>`
    SELECT ${standingsOfNetwork} AS standings FROM network n WHERE n.id = ${networkId}::uuid`;
  return readStandings(row?.standings ?? []);
}
