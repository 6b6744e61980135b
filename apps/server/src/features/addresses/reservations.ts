import type { Address, AddressByOwner, AddressReserve } from '@trunkline/contracts';
import type { ChangeContext } from '../../platform/changes.ts';
import { poolQuery, transactionQuery, type Query } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import { findReply, type Reply } from '../../platform/idempotency.ts';
import type { Platform } from '../../platform/platform.ts';
import { presentAddress } from './address-rows.ts';
import { sayWhoHasMac } from './mac-holder.ts';
import { networkIdOf } from './addresses.store.ts';
import {
  allocateInTransaction,
  allocationReply,
  AlreadyAnswered,
  type AllocationRequest,
} from './allocation-batch.ts';
import { createAllocator } from './allocator.ts';
import { checkOwner, readItem } from './address-request.ts';
import { changeReservation } from './reservation-change.ts';

/** Addresses that operators reserve. */
export interface Reservations {
  reserve(
    network: string,
    request: AddressReserve,
    context: ChangeContext,
  ): Promise<Reply & { replayed?: boolean }>;
  /** The address an owner should have: the one it has, or one more. */
  reserveByOwner(
    network: string,
    owner: string,
    request: AddressByOwner,
    context: ChangeContext,
  ): Promise<Reply>;
}

/** The id of the host that a reservation is for. */
async function hostOf(
  query: Query,
  { forHost }: Pick<AddressReserve, 'forHost'>,
): Promise<{ forHost?: string }> {
  if (forHost === undefined) return {};
  const [row] = await query<{ id: string }>('SELECT id FROM host WHERE name = $1', [forHost]);
  if (row === undefined)
    throw new ApiError('host_not_found', `there is no host ${forHost}: it has to join first`, {
      errors: [{ pointer: '/forHost', message: 'is not a host that has joined' }],
    });
  return { forHost: row.id };
}

export function createReservations(platform: Platform): Reservations {
  const { database, changes } = platform;
  const query = poolQuery(database.pool);
  const allocator = createAllocator({
    pool: database.pool,
    stopping: platform.stopping,
    metrics: platform.metrics,
    reply: allocationReply,
  });

  const allocate = async (
    request: Omit<AllocationRequest, 'actor'>,
    context: ChangeContext,
  ): Promise<Reply & { replayed?: boolean }> => {
    if (context.dryRun === true) {
      return changes.make(context, async (change) => {
        const reply = allocationReply(
          request,
          await allocateInTransaction(transactionQuery(change.db), request),
        );
        return { ...reply, status: 200 };
      });
    }
    const { actor, requestId, origin, idempotency } = context;
    const full = {
      ...request,
      actor,
      ...(requestId === undefined ? {} : { requestId }),
      ...(origin === undefined ? {} : { origin }),
      ...(idempotency === undefined ? {} : { idempotency }),
    };
    try {
      return allocationReply(request, await allocator.allocate(full));
    } catch (error) {
      if (!(error instanceof AlreadyAnswered) || idempotency === undefined)
        throw await sayWhoHasMac(query, error, {
          network: request.network,
          family: request.family,
          mac: request.item.mac,
        });
      return { ...(await findReply(database.prisma, idempotency)), replayed: true };
    }
  };

  return {
    async reserve(network, request, context) {
      checkOwner(request.owner, '/owner');
      const { item, family } = readItem(request);
      return allocate({ network, family, item: { ...item, ...(await hostOf(query, request)) } }, context);
    },

    async reserveByOwner(network, owner, request, context) {
      checkOwner(owner, 'path:owner');
      const { item: asked, family } = readItem({ ...request, owner });
      const item = { ...asked, ...(await hostOf(query, request)) };
      const reply = await allocate({ network, family, item }, context);
      if (reply.status !== 200 || context.dryRun === true) return reply;
      const { ip } = reply.body as Address;
      const reservation = { network, networkId: await networkIdOf(query, network), ip, owner };
      const { mac = null, labels = null, claim = null, forHost = null } = item;
      const requested = { mac, labels, claim, forHost };
      const row = await changeReservation(platform, context, reservation, requested).catch(
        async (error: unknown) => {
          throw await sayWhoHasMac(query, error, { network, family, mac: mac ?? undefined });
        },
      );
      return row === undefined ? reply : { ...reply, body: presentAddress(row) };
    },
  };
}
