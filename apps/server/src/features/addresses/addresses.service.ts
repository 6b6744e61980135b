import type { Address, FreeRange } from '@trunkline/contracts';
import { formatRange, parseRange, rangeSize, tryParseIp } from '@trunkline/netaddr';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { poolQuery, transactionQuery } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import { decodeCursor, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { presentAddress, type AddressRow } from './address-rows.ts';
import { startAddressSweeps } from './address-sweeps.ts';
import {
  countHolders,
  findAddress,
  networkIdOf,
  forgetAddresses,
  freeRanges,
  listAddresses,
  listHolders,
  type AddressFilter,
  type AddressHolder,
} from './addresses.store.ts';
import { subnetsOf } from './allocation.store.ts';
import type { RefusalFacts } from './allocation.ts';
import { readIp } from './address-request.ts';
import { releaseAddress, type ReleaseForce } from './address-release.ts';
import { createReservations, type Reservations } from './reservations.ts';
import { prepareSubnet, type SubnetSpec } from './subnet-ranges.ts';
import { createContainerAddresses, type ContainerAddresses } from './container-addresses.ts';
import { createTemporaryAddresses, type TemporaryAddresses } from './temporary-addresses.ts';

export interface AddressesService extends ContainerAddresses, Reservations, TemporaryAddresses {
  byOwner(network: string, owner: string): Promise<Address[]>;
  /** The address that an owner has: of this IP version, or else IPv4 before IPv6. Throws `address_not_found`. */
  ofOwner(network: string, owner: string, family: 'ipv4' | 'ipv6' | undefined): Promise<Address>;
  /** Releases what an owner has, or its address of one IP version; nothing where one of two may not be released. Throws as `release`. */
  releaseOfOwner(
    network: string,
    owner: string,
    family: 'ipv4' | 'ipv6' | undefined,
    force: ReleaseForce,
    context: ChangeContext,
  ): Promise<void>;
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

export function createAddressesService(platform: Platform): AddressesService {
  const query = poolQuery(platform.database.pool);
  const networkId = (name: string): Promise<string> => networkIdOf(query, name);

  const byOwner = async (network: string, owner: string, family?: 'ipv4' | 'ipv6'): Promise<Address[]> => {
    const rows = await listAddresses(query, await networkId(network), { owner }, undefined, 64);
    const some = rows.filter(({ ip }) => family === undefined || ip.includes(':') === (family === 'ipv6'));
    if (some.length === 0)
      throw new ApiError(
        'address_not_found',
        `${owner} has no ${family === undefined ? '' : `${family === 'ipv4' ? 'IPv4' : 'IPv6'} `}address on ${network}`,
      );
    return some.map(presentAddress);
  };

  return {
    ...createContainerAddresses(),
    ...createReservations(platform),
    ...createTemporaryAddresses(),

    byOwner: (network, owner) => byOwner(network, owner),

    async ofOwner(network, owner, family) {
      const all = await byOwner(network, owner, family);
      const [first] = all.toSorted((a, b) => Number(a.ip.includes(':')) - Number(b.ip.includes(':')));
      return first as Address;
    },

    async releaseOfOwner(network, owner, family, force, context) {
      const ips = (await byOwner(network, owner, family)).map(({ ip }) => ip);
      const releaseAll = async (how: ChangeContext): Promise<void> => {
        for (const ip of ips) await releaseAddress(platform, { network, ip, force, owner }, how, networkId);
      };
      // Of two both are tried before one is gone.
      if (ips.length > 1 && force === false) await releaseAll({ ...context, dryRun: true });
      await releaseAll(context);
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

    prepareSubnet,

    countHeld: (db, id, gone) => countHolders(transactionQuery(db), id, gone),
    holders: (db, id, limit) => listHolders(transactionQuery(db), id, limit),
    forgetNetwork: (change, id) => forgetAddresses(transactionQuery(change.db), id),

    startSweep: () => startAddressSweeps(platform),
  };
}
