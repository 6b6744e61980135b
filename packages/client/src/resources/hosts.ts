import { hostPath, type Host, type HostPatch } from '@trunkline/contracts';
import type { Answer, CallOptions, ListQuery, PageOf, Requester, WriteOptions } from '../request.ts';

/** `/v1/hosts` */
export function createHosts({ call, all }: Requester) {
  return {
    /** One page of hosts. */
    list: (query?: ListQuery, options?: CallOptions): Promise<Answer<PageOf<Host>>> =>
      call({ method: 'GET', path: '/v1/hosts', ...(query && { query }) }, options),
    /** Every host. */
    all: (query?: ListQuery, options?: CallOptions): AsyncIterable<Host> => all('/v1/hosts', query, options),
    get: (name: string, options?: CallOptions): Promise<Answer<Host>> =>
      call({ method: 'GET', path: hostPath(name) }, options),
    /** Changes labels; `ifMatch` is required. */
    patch: (name: string, body: HostPatch, options?: WriteOptions): Promise<Answer<Host>> =>
      call({ method: 'PATCH', path: hostPath(name), body, contentType: mergePatch }, options),
    /** Retires a host; `ifMatch` is required. */
    retire: (name: string, options?: WriteOptions): Promise<Answer<unknown>> =>
      call({ method: 'DELETE', path: hostPath(name) }, options),
  };
}

/** RFC 7396. */
export const mergePatch = 'application/merge-patch+json';
