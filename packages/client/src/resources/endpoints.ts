import type { Endpoint } from '@trunkline/contracts';
import type { Answer, CallOptions, ListQuery, PageOf, Requester } from '../request.ts';

/** `/v1/endpoints`: containers seen on networks, whoever started them. */
export function createEndpoints({ call, all }: Requester) {
  return {
    /** One page; `host`, `network` and `container` narrow it. */
    list: (query?: ListQuery, options?: CallOptions): Promise<Answer<PageOf<Endpoint>>> =>
      call({ method: 'GET', path: '/v1/endpoints', ...(query && { query }) }, options),
    /** Every one. */
    all: (query?: ListQuery, options?: CallOptions): AsyncIterable<Endpoint> =>
      all('/v1/endpoints', query, options),
  };
}
