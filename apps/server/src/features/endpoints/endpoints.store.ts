import type { ContainerState, DisputeReason } from '@trunkline/contracts';
import type { TransactionClient } from '../../platform/database/database.ts';
import type { Query } from '../../platform/database/query.ts';

/** A container on a managed network as the database takes it; addresses and MAC in canonical form. */
export interface SeenItem {
  networkId: string;
  dockerId: string;
  name: string;
  state: ContainerState;
  ipv4: string | null;
  ipv6: string | null;
  mac: string | null;
  /** Null: nobody looked. */
  aliases: readonly string[] | null;
  sharedBy: readonly string[];
}

/** What an inventory brought: see `put_inventory` in prisma/functions. */
export type InventoryNews = {
  container: string;
  dockerId: string;
  mac: string | null;
} & (
  | { kind: 'bound'; network: string; ip: string; generation: bigint }
  | { kind: 'conflict'; network: string; ip: string | null; why: DisputeReason | null }
  | { kind: 'free' | 'left' }
);

/** Puts what a host saw in place of what it saw before, and binds the addresses it holds to it. */
export function putInventory(
  db: TransactionClient,
  hostId: string,
  seen: readonly SeenItem[],
  observedAt: Date,
): Promise<InventoryNews[]> {
  return db.$queryRaw`
    SELECT kind, network, ip, container, docker_id AS "dockerId", mac, generation, why
    FROM put_inventory(${hostId}::uuid, ${JSON.stringify(seen)}::jsonb, ${observedAt}::timestamptz)`;
}

/** Takes what a host is seen to use into the book, and lets go of what was taken in so and is gone. */
export function takeIn(
  db: TransactionClient,
  hostId: string,
): Promise<
  { kind: 'bound' | 'released'; network: string; ip: string; container: string; mac: string | null }[]
> {
  return db.$queryRaw`SELECT * FROM take_in(${hostId}::uuid)`;
}

export interface EndpointRow {
  id: string;
  host: string;
  network: string;
  container: string;
  dockerId: string;
  state: ContainerState;
  ipv4: string | null;
  ipv6: string | null;
  mac: string | null;
  aliases: string[];
  sharedBy: string[];
  ours: boolean;
  since: Date;
  observedAt: Date;
}

export interface EndpointFilter {
  host?: string;
  network?: string;
  container?: string;
  q?: string;
  /** Canonical. */
  address?: string;
  mac?: string;
}

/** A place in the list. */
export type EndpointPosition = [host: string, network: string, dockerId: string, id: string];

/** Endpoints after a place, in the order of hosts, networks and Docker's ids. */
export function listEndpoints(
  query: Query,
  filter: EndpointFilter,
  after: EndpointPosition | undefined,
  limit: number,
): Promise<EndpointRow[]> {
  return query(
    `SELECT text(e.id) AS id, h.name AS host, n.name AS network, e.name AS container, e.docker_id AS "dockerId", e.state, host(e.ipv4) AS ipv4, host(e.ipv6) AS ipv6,
            e.mac, e.aliases, e.shared_by AS "sharedBy", e.since, h.observed_at AS "observedAt",
            EXISTS (SELECT 1 FROM container c WHERE c.host_id = e.host_id AND c.observed ->> 'dockerId' = e.docker_id) AS ours
     FROM endpoint e JOIN host h ON h.id = e.host_id JOIN network n ON n.id = e.network_id
     WHERE ($1::text IS NULL OR h.name = $1) AND ($2::text IS NULL OR n.name = $2) AND ($3::text IS NULL OR e.name = $3)
       AND ($9::text IS NULL OR position(lower($9) IN lower(e.name)) > 0) AND ($10::inet IS NULL OR e.ipv4 = $10 OR e.ipv6 = $10)
       AND ($11::text IS NULL OR e.mac = $11)
       AND ($4::text IS NULL OR (h.name, n.name, e.docker_id, e.id) > ($4::text, $5::text, $6::text, $7::bigint))
     ORDER BY h.name, n.name, e.docker_id, e.id LIMIT $8::int`,
    [
      filter.host ?? null,
      filter.network ?? null,
      filter.container ?? null,
      after?.[0] ?? null,
      after?.[1] ?? null,
      after?.[2] ?? null,
      after?.[3] ?? null,
      limit,
      filter.q ?? null,
      filter.address ?? null,
      filter.mac ?? null,
    ],
  );
}
