import { checkPath, type Check, type CheckCreate } from '@trunkline/contracts';
import type { Answer, CallOptions, ListQuery, PageOf, Requester, WriteOptions } from '../request.ts';

/** `/v1/checks` */
export function createChecks({ call, all }: Requester) {
  return {
    /** Asks for a check; its result is at `location`. */
    create: (body: CheckCreate, options?: WriteOptions): Promise<Answer<Check>> =>
      call({ method: 'POST', path: '/v1/checks', body }, options),
    get: (id: string, options?: CallOptions): Promise<Answer<Check>> =>
      call({ method: 'GET', path: checkPath(id) }, options),
    /** One page of checks. */
    list: (query?: ListQuery, options?: CallOptions): Promise<Answer<PageOf<Check>>> =>
      call({ method: 'GET', path: '/v1/checks', ...(query && { query }) }, options),
    /** Every check. */
    all: (query?: ListQuery, options?: CallOptions): AsyncIterable<Check> =>
      all('/v1/checks', query, options),
  };
}
