import type { AllocationOutcome } from '@trunkline/contracts';
import type { AuditOrigin } from '../../platform/audit.ts';
import type { Query } from '../../platform/database/query.ts';
import type { AddressRow } from './address-rows.ts';
import type { AllocationItem, RefusalFacts } from './allocation.ts';

/** Requests for one family of one network, answered together. */
export interface AllocationGroup {
  network: string;
  family: 4 | 6 | null;
  items: readonly {
    pos: number;
    item: AllocationItem;
    /** Who asks; undefined when the addresses are part of a change that records its own events. */
    actor?: string | undefined;
    requestId?: string | undefined;
    origin?: AuditOrigin | undefined;
  }[];
}

/** What became of the request at `pos`; with the address it got, or the one that is in its way. */
export type AllocationAnswer = { pos: number; outcome: AllocationOutcome; fam: 4 | 6 | null } & (
  AddressRow | { ip: null }
);

/** Chooses, locks, inserts and records, in one statement (prisma/functions/allocation.sql). */
export function allocateGroups(
  query: Query,
  groups: readonly AllocationGroup[],
): Promise<AllocationAnswer[]> {
  const asked = groups.map(({ network, family, items }) => ({
    network,
    family,
    items: items.map(({ pos, item: { containerId, ...item }, actor, requestId, origin }) => ({
      pos,
      ...item,
      container: containerId,
      actor,
      requestId,
      origin,
    })),
  }));
  return query(
    `SELECT pos, outcome, fam, ip, cidr, network, state, owner, host, container, mac, labels, generation, since, claim, allocatable,
            quarantined_until AS "quarantinedUntil", created_at AS "createdAt", updated_at AS "updatedAt",
            docker_id AS "dockerId", requested_mac AS "requestedMac", for_host AS "forHost", awaiting_host AS "awaitingHost"
     FROM allocate_batch($1::jsonb)`,
    [JSON.stringify(asked)],
  );
}

/** Subnets of a network with how full they are, in their order. */
export function subnetsOf(query: Query, network: string): Promise<RefusalFacts['subnets'][number][]> {
  return query(
    `SELECT text(s.cidr) AS cidr, family(s.cidr) AS family, s.allocatable::text, s.free::text
     FROM subnet s JOIN network n ON n.id = s.network_id WHERE n.name = $1 ORDER BY s.ordinal`,
    [network],
  );
}
