import { addressPath, allocationResults, type AllocationResult } from '@trunkline/contracts';
import type pg from 'pg';
import type { AuditOrigin } from '../../platform/audit.ts';
import type { EventInput } from '../../platform/changes.ts';
import { poolQuery, type Query } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import type { IdempotencyRequest, Reply } from '../../platform/idempotency.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { presentAddress, type AddressRow } from './address-rows.ts';
import { allocateGroups, subnetsOf, type AllocationGroup } from './allocation.store.ts';
import { allocateNextFree, nextFreeGroup } from './next-free.ts';
import { refusal, type AllocationItem, type RefusalFacts } from './allocation.ts';

/** A request for addresses, and who asks. */
export interface AllocationRequest {
  network: string;
  family: 4 | 6 | null;
  item: AllocationItem;
  actor: string;
  requestId?: string;
  /** For the audit log; absent: it is part of a change that has an entry of its own. */
  origin?: AuditOrigin;
  idempotency?: IdempotencyRequest;
}

/** The addresses a request got; `created` is false when its owner had them already. */
export interface Allocation {
  created: boolean;
  addresses: AddressRow[];
}

/** The reply kept for a request that had been carried out before under the same Idempotency-Key. */
export class AlreadyAnswered extends Error {}

export interface BatchOptions {
  pool: pg.Pool;
  /** Fires when the server stops: who still waits then is asked to come again. */
  stopping?: AbortSignal;
  metrics: Pick<Metrics, 'allocations' | 'allocationBatch'>;
  /** Builds the reply that is kept under an Idempotency-Key. */
  reply: (request: AllocationRequest, allocation: Allocation) => Reply;
}

/**
 * One group a network and family, in the order of docs/locking.md. A request for several addresses is a
 * group of its own: all or none must not hold back the ones behind it.
 */
function groupRequests(
  requests: readonly (Omit<AllocationRequest, 'actor'> & { actor?: string })[],
  leaveOut: ReadonlySet<number> = new Set(),
): AllocationGroup[] {
  const groups = new Map<string, AllocationGroup & { items: AllocationGroup['items'][number][] }>();
  requests.forEach(({ network, family, item, actor, requestId, origin }, pos) => {
    if (leaveOut.has(pos)) return;
    const key = item.count > 1 ? `${network} ${family ?? 0} ${pos}` : `${network} ${family ?? 0}`;
    const group = groups.get(key) ?? { network, family, items: [] };
    group.items.push({ pos, item, actor, requestId, origin });
    groups.set(key, group);
  });
  return [...groups.values()].sort((a, b) =>
    a.network < b.network ? -1 : a.network > b.network ? 1 : (a.family ?? 0) - (b.family ?? 0),
  );
}

/** One transaction for all. Without Idempotency-Keys among them it is a single statement. */
export async function runBatch(
  options: BatchOptions,
  requests: readonly AllocationRequest[],
): Promise<(Allocation | Error)[]> {
  const keyed = requests.some(({ idempotency }) => idempotency !== undefined);
  const results = keyed
    ? await inTransaction(options.pool, (query) => allocateOnce(options, query, requests))
    : await allocate(poolQuery(options.pool), requests, new Set());
  for (const result of results) options.metrics.allocations.inc({ outcome: outcomeOf(result) });
  return results;
}

function outcomeOf(result: Allocation | Error): AllocationResult {
  if (result instanceof AlreadyAnswered) return 'replayed';
  if (result instanceof ApiError) return allocationResults.find((one) => one === result.code) ?? 'error';
  if (result instanceof Error) return 'error';
  return result.created ? 'created' : 'existing';
}

async function inTransaction<T>(pool: pg.Pool, work: (query: Query) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let usable = false;
  try {
    await client.query('BEGIN');
    const result = await work(poolQuery(client));
    await client.query('COMMIT');
    usable = true;
    return result;
  } catch (error) {
    // What is thrown is why it failed, not that a broken connection cannot roll back either.
    usable = await client.query('ROLLBACK').then(
      () => true,
      () => false,
    );
    throw error;
  } finally {
    client.release(!usable);
  }
}

/** Takes the keys, then allocates for those that are new, then keeps the replies: in one transaction. */
async function allocateOnce(
  options: BatchOptions,
  query: Query,
  requests: readonly AllocationRequest[],
): Promise<(Allocation | Error)[]> {
  const repeated = await openKeys(query, requests);
  const results = await allocate(query, requests, repeated);
  await keepReplies(options, query, requests, results);
  return results;
}

async function allocate(
  query: Query,
  requests: readonly (Omit<AllocationRequest, 'actor'> & { actor?: string })[],
  repeated: ReadonlySet<number>,
): Promise<(Allocation | Error)[]> {
  const results: (Allocation | Error | undefined)[] = requests.map((_, pos) =>
    repeated.has(pos) ? new AlreadyAnswered() : undefined,
  );
  const answered = new Set(repeated);
  const plain = nextFreeGroup(requests, repeated);
  for (const { pos, row } of plain === undefined ? [] : await allocateNextFree(query, plain)) {
    results[pos] = { created: true, addresses: [row] };
    answered.add(pos);
  }
  const groups = groupRequests(requests, answered);
  const subnets = new Map<string, RefusalFacts['subnets']>();
  for (const answer of groups.length === 0 ? [] : await allocateGroups(query, groups)) {
    const { pos, outcome, fam: family } = answer;
    const request = requests[pos];
    if (request === undefined) continue;
    const row = answer.ip === null ? undefined : answer;
    if (outcome === 'created' || outcome === 'existing') {
      const sofar = results[pos];
      if (row === undefined) continue;
      if (sofar === undefined || sofar instanceof Error)
        results[pos] = { created: outcome === 'created', addresses: [row] };
      else sofar.addresses.push(row);
      continue;
    }
    if (!subnets.has(request.network)) subnets.set(request.network, await subnetsOf(query, request.network));
    results[pos] = refusal(outcome, {
      network: request.network,
      family,
      item: request.item,
      holder: row,
      subnets: subnets.get(request.network) ?? [],
    });
  }
  return results.map((result) => result ?? new Error('the database gave no answer'));
}

/** Allocates inside somebody else's transaction, such as that of a container. Throws the refusal. */
export async function allocateInTransaction(
  query: Query,
  request: Omit<AllocationRequest, 'actor'>,
): Promise<Allocation> {
  const [result] = await allocate(query, [request], new Set());
  if (result === undefined || result instanceof Error)
    throw result ?? new Error('the database gave no answer');
  return result;
}

/** The event of an address that an owner got. */
export function reservedEvent(row: AddressRow): EventInput {
  return {
    type: 'address.reserved',
    subject: addressPath(row.network, row.ip),
    network: row.network,
    data: { owner: row.owner, generation: Number(row.generation) },
  };
}

/** Takes the Idempotency-Keys of the batch; answers the positions whose key was used before. */
async function openKeys(query: Query, requests: readonly AllocationRequest[]): Promise<Set<number>> {
  const keyed = requests.flatMap(({ idempotency }, pos) =>
    idempotency === undefined ? [] : [{ pos, ...idempotency }],
  );
  if (keyed.length === 0) return new Set();
  const opened = await query<{ tokenId: string; key: string }>(
    `INSERT INTO idempotency_key (token_id, key, fingerprint) SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[])
     ON CONFLICT DO NOTHING RETURNING token_id AS "tokenId", key`,
    [keyed.map((k) => k.tokenId), keyed.map((k) => k.key), keyed.map((k) => Buffer.from(k.fingerprint))],
  );
  const fresh = new Set(opened.map((row) => `${row.tokenId} ${row.key}`));
  return new Set(keyed.filter((k) => !fresh.has(`${k.tokenId} ${k.key}`)).map((k) => k.pos));
}

async function keepReplies(
  options: BatchOptions,
  query: Query,
  requests: readonly AllocationRequest[],
  results: readonly (Allocation | Error)[],
): Promise<void> {
  for (const [pos, request] of requests.entries()) {
    const result = results[pos];
    if (request.idempotency === undefined || result === undefined || result instanceof AlreadyAnswered)
      continue;
    const { tokenId, key } = request.idempotency;
    if (result instanceof Error) {
      // A refusal changed nothing: the same key may be used when there is room again.
      await query('DELETE FROM idempotency_key WHERE token_id = $1::uuid AND key = $2', [tokenId, key]);
      continue;
    }
    const reply = options.reply(request, result);
    await query(
      'UPDATE idempotency_key SET status = $3, headers = $4, body = $5 WHERE token_id = $1::uuid AND key = $2',
      [tokenId, key, reply.status, JSON.stringify(reply.headers ?? {}), JSON.stringify(reply.body ?? null)],
    );
  }
}

/** What the route answers. */
export function allocationReply(
  request: Pick<AllocationRequest, 'network' | 'item'>,
  allocation: Allocation,
): Reply {
  const addresses = allocation.addresses.map(presentAddress);
  const status = allocation.created ? 201 : 200;
  const [first] = addresses;
  if (request.item.count > 1 || first === undefined) return { status, body: { items: addresses } };
  return { status, headers: { location: addressPath(first.network, first.ip) }, body: first };
}
