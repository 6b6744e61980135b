import type { Address, AddressByOwner, AddressReserve, FreeRange } from '@trunkline/contracts';
import {
  allocatableRanges,
  formatIp,
  formatRange,
  parseIp,
  parseRange,
  rangeSize,
  tryParseIp,
  type IpRange,
} from '@trunkline/netaddr';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import { cidrOf } from '../../platform/database/inet.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { poolQuery, transactionQuery } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import { findReply, type Reply } from '../../platform/idempotency.ts';
import { decodeCursor, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { presentAddress, type AddressRow } from './address-rows.ts';
import { startAddressSweeps } from './address-sweeps.ts';
import { recordKept } from './hosts-own.ts';
import { sayWhoHasMac } from './mac-holder.ts';
import {
  countHolders,
  findAddress,
  forgetAddresses,
  freeRanges,
  listAddresses,
  listHolders,
  writeRanges,
  type AddressFilter,
  type AddressHolder,
} from './addresses.store.ts';
import { subnetsOf } from './allocation.store.ts';
import {
  allocateInTransaction,
  allocationReply,
  AlreadyAnswered,
  type AllocationRequest,
} from './allocation-batch.ts';
import type { RefusalFacts } from './allocation.ts';
import { createAllocator } from './allocator.ts';
import { checkOwner, readIp, readItem } from './address-request.ts';
import { releaseAddress, type ReleaseForce } from './address-release.ts';
import { changeReservation } from './reservation-change.ts';
import { createContainerAddresses, type ContainerAddresses } from './container-addresses.ts';

/** What a subnet's addresses are taken from, as the operator wrote it. */
export interface SubnetSpec {
  id: string;
  cidr: string;
  gateway: string | null;
  ranges: readonly string[];
  exclude: readonly string[];
}

export interface AddressesService extends ContainerAddresses {
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
  byOwner(network: string, owner: string): Promise<Address[]>;
  list(
    network: string,
    filter: AddressFilter,
    page: { limit: number; cursor?: string | undefined },
  ): Promise<PageOf<Address>>;
  get(network: string, ip: string): Promise<Address>;
  /**
   * Throws `address_in_use`, `address_taken` for what a host holds unused, and `release_unconfirmed` with `force` where the
   * host does not confirm that it lets go of it.
   */
  release(network: string, ip: string, force: ReleaseForce, context: ChangeContext): Promise<void>;
  free(network: string, page: { limit: number; cursor?: string | undefined }): Promise<PageOf<FreeRange>>;
  /** Who holds an address, and what the network has: what a refusal is explained with. */
  explain(
    network: { id: string; name: string },
    ip: string | null,
  ): Promise<{ holder: AddressRow | undefined; subnets: RefusalFacts['subnets'] }>;
  /** Writes down what may be given out of a subnet; after it was made, or its ranges changed. */
  prepareSubnet(change: Pick<Change, 'db' | 'record'>, subnet: SubnetSpec): Promise<void>;
  /**
   * Addresses that keep a network: reserved ones, and those with a container on them. Once nothing is left of it on any
   * host (`gone`), no container is, whatever the hosts have not returned yet.
   */
  countHeld(db: TransactionClient, networkId: string, gone: boolean): Promise<number>;
  holders(db: TransactionClient, networkId: string, limit: number): Promise<AddressHolder[]>;
  /** Drops the addresses that do not keep it, before the network itself goes. */
  forgetNetwork(change: Change, networkId: string): Promise<void>;
  /** Frees addresses whose quarantine is over, and keeps those that hosts themselves have, from time to time. */
  startSweep(): () => Promise<void>;
}

const isIpPosition = (position: string): boolean => tryParseIp(position) !== undefined;
const isFreePosition = (position: string): boolean =>
  /^\d{1,9}\|/.test(position) && isIpPosition(position.slice(position.indexOf('|') + 1));

const rangeRows = (kind: 'allocatable' | 'excluded', ranges: readonly IpRange[]) =>
  ranges.map(({ family, first, last }) => ({
    kind,
    first: formatIp({ family, value: first }),
    last: formatIp({ family, value: last }),
  }));

export function createAddressesService(platform: Platform): AddressesService {
  const { database, changes } = platform;
  const query = poolQuery(database.pool);
  const allocator = createAllocator({
    pool: database.pool,
    stopping: platform.stopping,
    metrics: platform.metrics,
    reply: allocationReply,
  });

  const networkId = async (name: string): Promise<string> => {
    const [row] = await query<{ id: string }>('SELECT id FROM network WHERE name = $1', [name]);
    if (row === undefined) throw new ApiError('network_not_found', `there is no network ${name}`);
    return row.id;
  };

  /** The id of the host that a reservation is for. */
  const hostOf = async ({ forHost }: Pick<AddressReserve, 'forHost'>): Promise<{ forHost?: string }> => {
    if (forHost === undefined) return {};
    const [row] = await query<{ id: string }>('SELECT id FROM host WHERE name = $1', [forHost]);
    if (row === undefined)
      throw new ApiError('host_not_found', `there is no host ${forHost}: it has to join first`, {
        errors: [{ pointer: '/forHost', message: 'is not a host that has joined' }],
      });
    return { forHost: row.id };
  };

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
    const { actor, requestId, idempotency } = context;
    const full = {
      ...request,
      actor,
      ...(requestId === undefined ? {} : { requestId }),
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
    ...createContainerAddresses(),

    async reserve(network, request, context) {
      checkOwner(request.owner, '/owner');
      const { item, family } = readItem(request);
      return allocate({ network, family, item: { ...item, ...(await hostOf(request)) } }, context);
    },

    async reserveByOwner(network, owner, request, context) {
      checkOwner(owner, 'path:owner');
      const { item: asked, family } = readItem({ ...request, owner });
      const item = { ...asked, ...(await hostOf(request)) };
      const reply = await allocate({ network, family, item }, context);
      if (reply.status !== 200 || context.dryRun === true) return reply;
      const { ip } = reply.body as Address;
      const reservation = { network, networkId: await networkId(network), ip, owner };
      const { mac = null, labels = null, claim = null, forHost = null } = item;
      const requested = { mac, labels, claim, forHost };
      const row = await changeReservation(platform, context, reservation, requested).catch(
        async (error: unknown) => {
          throw await sayWhoHasMac(query, error, { network, family, mac: mac ?? undefined });
        },
      );
      return row === undefined ? reply : { ...reply, body: presentAddress(row) };
    },

    async byOwner(network, owner) {
      const rows = await listAddresses(query, await networkId(network), { owner }, undefined, 64);
      if (rows.length === 0) throw new ApiError('address_not_found', `${owner} has no address on ${network}`);
      return rows.map(presentAddress);
    },

    async list(network, filter, { limit, cursor }) {
      const after = decodeCursor('addresses', cursor, isIpPosition);
      const rows = await listAddresses(query, await networkId(network), filter, after, limit + 1);
      const page = pageOf('addresses', rows, limit, (row) => row.ip);
      return { ...page, items: page.items.map(presentAddress) };
    },

    async get(network, text) {
      const ip = readIp(text, 'path:ip');
      const row = await findAddress(query, await networkId(network), ip);
      if (row === undefined)
        throw new ApiError(
          'address_not_found',
          `nobody holds ${ip} on ${network}: it is free, excluded, the gateway, or not of this network`,
        );
      return presentAddress(row);
    },

    release: (network, text, force, context) =>
      releaseAddress(platform, { network, ip: readIp(text, 'path:ip'), force }, context, networkId),

    async free(network, { limit, cursor }) {
      const position = decodeCursor('free', cursor, isFreePosition)?.split('|');
      const after =
        position?.[1] === undefined ? undefined : { ordinal: Number(position[0]), last: position[1] };
      const rows = await freeRanges(query, await networkId(network), after, limit + 1);
      const page = pageOf('free', rows, limit, (row) => `${row.ordinal}|${row.last}`);
      return {
        ...page,
        items: page.items.map(({ subnet, first, last }) => {
          const range = parseRange(`${first}-${last}`);
          return { subnet, range: formatRange(range), count: rangeSize(range).toString() };
        }),
      };
    },

    explain: async ({ id, name }, ip) => ({
      holder: ip === null ? undefined : await findAddress(query, id, ip),
      subnets: await subnetsOf(query, name),
    }),

    async prepareSubnet(change, { id, cidr, gateway, ranges, exclude }) {
      const excluded = exclude.map((text) => parseRange(text));
      const allocatable = allocatableRanges({
        cidr: cidrOf(cidr),
        ...(gateway === null ? {} : { gateway: parseIp(gateway) }),
        ...(ranges.length === 0 ? {} : { ranges: ranges.map((text) => parseRange(text)) }),
        exclude: excluded,
      });
      const size = allocatable.reduce((sum, range) => sum + rangeSize(range), 0n);
      const kept = await writeRanges(
        transactionQuery(change.db),
        id,
        [...rangeRows('allocatable', allocatable), ...rangeRows('excluded', excluded)],
        size,
      );
      recordKept(change, kept);
    },

    countHeld: (db, id, gone) => countHolders(transactionQuery(db), id, gone),
    holders: (db, id, limit) => listHolders(transactionQuery(db), id, limit),
    forgetNetwork: (change, id) => forgetAddresses(transactionQuery(change.db), id),

    startSweep: () => startAddressSweeps(platform),
  };
}
