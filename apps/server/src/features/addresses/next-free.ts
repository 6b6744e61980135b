import type { AuditOrigin } from '../../platform/audit.ts';
import type { Query } from '../../platform/database/query.ts';
import type { AllocationRequest } from './allocation-batch.ts';
import type { AddressRow } from './address-rows.ts';

/** Requests for the next free address of one family of one network that want nothing else. */
export interface NextFreeGroup {
  network: string;
  family: 4 | 6 | null;
  items: readonly {
    pos: number;
    owner: string | null;
    actor: string;
    requestId: string | null;
    origin: AuditOrigin | null;
  }[];
}

type Asked = Omit<AllocationRequest, 'actor'> & { actor?: string };

/** Which group a request belongs to; undefined when it asks for more than the next free address. */
export function nextFreeKey({ network, family, item, actor }: Asked): string | undefined {
  const { count, address, mac, labels, containerId, claim, forHost } = item;
  if (actor === undefined || count !== 1) return undefined;
  if ((address ?? mac ?? labels ?? containerId ?? claim ?? forHost) !== undefined) return undefined;
  return `${network} ${family ?? ''}`;
}

/**
 * The requests as one such group; undefined when one of them asks for more than that, or of another network. Most
 * batches of a busy server are one. `pos` is the position among all requests, with those left out.
 */
export function nextFreeGroup(
  requests: readonly Asked[],
  leaveOut: ReadonlySet<number>,
): NextFreeGroup | undefined {
  const [first] = requests;
  if (first === undefined) return undefined;
  const { network, family } = first;
  const key = nextFreeKey(first);
  const items: NextFreeGroup['items'][number][] = [];
  for (const [pos, request] of requests.entries()) {
    const { item, actor, requestId = null, origin = null } = request;
    if (key === undefined || actor === undefined || nextFreeKey(request) !== key) return undefined;
    if (!leaveOut.has(pos)) items.push({ pos, owner: item.owner ?? null, actor, requestId, origin });
  }
  return { network, family, items };
}

interface GivenRow {
  /** In the arrays, from 1. */
  pos: number;
  ip: string;
  cidr: string;
  generation: string;
  createdAt: Date;
}

/**
 * Gives the addresses and records it, in one statement (prisma/functions/allocation.sql). What is not answered was
 * left as it is and is for `allocateGroups`, which answers why.
 */
export async function allocateNextFree(
  query: Query,
  { network, family, items }: NextFreeGroup,
): Promise<{ pos: number; row: AddressRow }[]> {
  const given = await query<GivenRow>(
    // The instant as the column keeps it: a read of the address shows the same one.
    `SELECT g.pos, g.ip, g.cidr, g.generation, g.created_at::timestamptz(3) AS "createdAt"
     FROM allocate_next($1, $2::integer, $3::text[], $4::text[], $5::text[], $6::jsonb[]) AS g`,
    [
      network,
      family,
      items.map((item) => item.owner),
      items.map((item) => item.actor),
      items.map((item) => item.requestId),
      items.map((item) => (item.origin === null ? null : JSON.stringify(item.origin))),
    ],
  );
  return given.flatMap(({ pos: nth, ip, cidr, generation, createdAt: at }) => {
    const item = items[nth - 1];
    if (item === undefined) return [];
    const row: AddressRow = {
      ip,
      cidr,
      network,
      state: 'reserved',
      owner: item.owner,
      host: null,
      container: null,
      mac: null,
      requestedMac: null,
      labels: {},
      claim: 'owner',
      forHost: null,
      allocatable: true,
      awaitingHost: null,
      generation,
      quarantinedUntil: null,
      createdAt: at,
      updatedAt: at,
    };
    return [{ pos: item.pos, row }];
  });
}
