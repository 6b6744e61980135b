import {
  freePath,
  limitsPath,
  networkPath,
  placementsPath,
  type FreeRange,
  type Network,
  type NetworkCreate,
  type NetworkLimits,
  type NetworkPatch,
  type NetworkPut,
  type Placement,
} from '@trunkline/contracts';
import type { Answer, CallOptions, ListQuery, PageOf, Requester, WriteOptions } from '../request.ts';
import { mergePatch } from './hosts.ts';

/** `/v1/networks`, with their placements and free ranges. */
export function createNetworks({ call, all }: Requester) {
  return {
    create: (body: NetworkCreate, options?: WriteOptions): Promise<Answer<Network>> =>
      call({ method: 'POST', path: '/v1/networks', body }, options),
    /** One page of networks. */
    list: (query?: ListQuery, options?: CallOptions): Promise<Answer<PageOf<Network>>> =>
      call({ method: 'GET', path: '/v1/networks', ...(query && { query }) }, options),
    /** Every network. */
    all: (query?: ListQuery, options?: CallOptions): AsyncIterable<Network> =>
      all('/v1/networks', query, options),
    get: (name: string, options?: CallOptions): Promise<Answer<Network>> =>
      call({ method: 'GET', path: networkPath(name) }, options),
    /** Makes it where there is none (`ifNoneMatch: '*'`: only there), else replaces it; `ifMatch` is required for a change. */
    put: (name: string, body: NetworkPut, options?: WriteOptions): Promise<Answer<Network>> =>
      call({ method: 'PUT', path: networkPath(name), body }, options),
    /** Changes some of it (merge patch); `ifMatch` is required. */
    patch: (name: string, body: NetworkPatch, options?: WriteOptions): Promise<Answer<Network>> =>
      call({ method: 'PATCH', path: networkPath(name), body, contentType: mergePatch }, options),
    /** Removes it from its hosts and then altogether; `ifMatch` is required. */
    remove: (name: string, options?: WriteOptions): Promise<Answer<unknown>> =>
      call({ method: 'DELETE', path: networkPath(name) }, options),
    /** One page of its placements, one a host. */
    placements: (
      name: string,
      query?: ListQuery,
      options?: CallOptions,
    ): Promise<Answer<PageOf<Placement>>> =>
      call({ method: 'GET', path: placementsPath(name), ...(query && { query }) }, options),
    /** Every placement. */
    allPlacements: (name: string, query?: ListQuery, options?: CallOptions): AsyncIterable<Placement> =>
      all(placementsPath(name), query, options),
    /** What it costs on the LAN, and how much is left. */
    limits: (name: string, options?: CallOptions): Promise<Answer<NetworkLimits>> =>
      call({ method: 'GET', path: limitsPath(name) }, options),
    /** One page of its free ranges. */
    free: (name: string, query?: ListQuery, options?: CallOptions): Promise<Answer<PageOf<FreeRange>>> =>
      call({ method: 'GET', path: freePath(name), ...(query && { query }) }, options),
    /** Every free range. */
    allFree: (name: string, query?: ListQuery, options?: CallOptions): AsyncIterable<FreeRange> =>
      all(freePath(name), query, options),
  };
}
