import { createBatches, type Waiting } from '@trunkline/batching';
import { messageOf } from '@trunkline/log';
import type { Lease } from '@trunkline/contracts';
import type { LeaseSource } from '../leases/lease-source.ts';
import type { Reachability } from '../leases/reachability.ts';
import type { Pool } from './pools.ts';

/** The result of an on-demand request: a lease, or why there is none; `refused`: the server itself refused it. */
export type OnDemandAnswer = { readonly lease: Lease } | { readonly why: string; readonly refused: boolean };

/** Asks for addresses that containers wait for. Those who ask at the same time share a call. */
export interface OnDemandRequests {
  /**
   * An address of the network, of the pool's subnet before all others; `only`: of no other. Bounded by `timeoutMs`; never
   * fails.
   */
  readonly ask: (pool: Pool, timeoutMs: number, only?: boolean) => Promise<OnDemandAnswer>;
}

/** What on-demand requests are made with. */
export interface OnDemandDeps {
  readonly source: () => LeaseSource | null;
  readonly reachability: Reachability;
  /** Leases that nobody waits for any more. */
  readonly onSpare: (leases: readonly Lease[]) => void;
}

interface Question {
  readonly pool: Pool;
  readonly only: boolean;
  readonly timeoutMs: number;
}

type Waiter = Waiting<Question, OnDemandAnswer>;

/** Calls at a time for one pool; who asks while so many run shares the next. */
const maxCalls = 8;
/** Maximum of one request, by the contract. */
const maxAtOnce = 256;

/** Sends nothing before it is asked. */
export function createOnDemandRequests({ source, reachability, onSpare }: OnDemandDeps): OnDemandRequests {
  async function call(waiters: readonly Waiter[]): Promise<void> {
    const [first] = waiters;
    if (first === undefined) return;
    const { pool, only } = first.question;
    const client = source();
    if (client === null) {
      answerAll(waiters, { why: reachability.away()?.why ?? 'the server cannot be asked', refused: false });
      return;
    }
    const timeoutMs = Math.max(...waiters.map(({ question }) => question.timeoutMs));
    try {
      const { granted, shortages } = await client.syncLeases(
        {
          held: null,
          returns: [],
          wants: [
            {
              networkId: pool.networkId,
              family: pool.family,
              ...(only ? { subnet: pool.subnet } : {}),
              count: waiters.length,
              onDemand: true,
            },
          ],
        },
        { timeoutMs, signal: AbortSignal.timeout(timeoutMs) },
      );
      reachability.answered();
      // For a container Docker takes one of another subnet of the network as well.
      const fitting = granted
        .filter(({ subnet }) => !only || subnet === pool.subnet)
        .toSorted((a, b) => Number(b.subnet === pool.subnet) - Number(a.subnet === pool.subnet));
      for (const [index, waiter] of waiters.entries()) {
        const lease = fitting[index];
        const why = shortages.find(({ networkId }) => networkId === pool.networkId)?.detail;
        waiter.resolve(
          lease === undefined
            ? { why: why ?? `the server granted no address of ${pool.subnet}`, refused: true }
            : { lease },
        );
      }
      const given = new Set(fitting.slice(0, waiters.length));
      onSpare(granted.filter((lease) => !given.has(lease)));
    } catch (error) {
      reachability.failed(error);
      const why = reachability.away()?.why ?? messageOf(error);
      answerAll(waiters, { why, refused: reachability.away() === null });
    }
  }

  const calls = createBatches<Question, OnDemandAnswer>({
    keyOf: ({ pool, only }) => `${pool.networkId}/${pool.subnet}${only ? ' only' : ''}`,
    run: call,
    most: maxAtOnce,
    atOnce: maxCalls,
  });
  return { ask: (pool, timeoutMs, only = false) => calls.ask({ pool, only, timeoutMs }) };
}

function answerAll(waiters: readonly Waiter[], answer: OnDemandAnswer): void {
  for (const { resolve } of waiters) resolve(answer);
}
