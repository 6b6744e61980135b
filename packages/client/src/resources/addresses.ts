import {
  addressesPath,
  addressPath,
  ownerPath,
  type Address,
  type AddressByOwner,
  type AddressReserve,
} from '@trunkline/contracts';
import type { Answer, CallOptions, ListQuery, PageOf, Requester, WriteOptions } from '../request.ts';

/** `/v1/networks/{name}/addresses`; every method names the network first. */
export function createAddresses({ call, all }: Requester) {
  return {
    /** Reserves the next free address, or the one in `body`. */
    reserve: (
      network: string,
      body: Omit<AddressReserve, 'count'> = {},
      options?: WriteOptions,
    ): Promise<Answer<Address>> => call({ method: 'POST', path: addressesPath(network), body }, options),
    /** Reserves `count` addresses, all or none. */
    reserveMany: (
      network: string,
      body: AddressReserve & { count: number },
      options?: WriteOptions,
    ): Promise<Answer<{ items: Address[] }>> =>
      call({ method: 'POST', path: addressesPath(network), body }, options),
    /** The address that an owner has, or gets now; asking again changes nothing. */
    byOwner: (
      network: string,
      owner: string,
      body: AddressByOwner = {},
      options?: WriteOptions,
    ): Promise<Answer<Address>> => call({ method: 'PUT', path: ownerPath(network, owner), body }, options),
    /** The address that an owner has; `family` where it has one of each. */
    getByOwner: (
      network: string,
      owner: string,
      family?: 'ipv4' | 'ipv6',
      options?: CallOptions,
    ): Promise<Answer<Address>> =>
      call(
        {
          method: 'GET',
          path: ownerPath(network, owner),
          ...(family === undefined ? {} : { query: { family } }),
        },
        options,
      ),
    /** Releases what an owner has; `family`: its address of this IP version only. */
    releaseByOwner: (
      network: string,
      owner: string,
      family?: 'ipv4' | 'ipv6',
      options?: WriteOptions,
    ): Promise<Answer<unknown>> =>
      call(
        {
          method: 'DELETE',
          path: ownerPath(network, owner),
          ...(family === undefined ? {} : { query: { family } }),
        },
        options,
      ),
    /** One page of the addresses that are not free. */
    list: (network: string, query?: ListQuery, options?: CallOptions): Promise<Answer<PageOf<Address>>> =>
      call({ method: 'GET', path: addressesPath(network), ...(query && { query }) }, options),
    /** Every address that is not free. */
    all: (network: string, query?: ListQuery, options?: CallOptions): AsyncIterable<Address> =>
      all(addressesPath(network), query, options),
    get: (network: string, ip: string, options?: CallOptions): Promise<Answer<Address>> =>
      call({ method: 'GET', path: addressPath(network, ip) }, options),
    release: (network: string, ip: string, options?: WriteOptions): Promise<Answer<unknown>> =>
      call({ method: 'DELETE', path: addressPath(network, ip) }, options),
  };
}
