import {
  joinTokenPath,
  type JoinToken,
  type JoinTokenCreate,
  type JoinTokenCreated,
} from '@trunkline/contracts';
import type { Answer, CallOptions, ListQuery, PageOf, Requester, WriteOptions } from '../request.ts';

/** `/v1/join-tokens` */
export function createJoinTokens({ call, all }: Requester) {
  return {
    /** Makes one; its secret is in this answer and nowhere else. */
    create: (body: JoinTokenCreate = {}, options?: WriteOptions): Promise<Answer<JoinTokenCreated>> =>
      call({ method: 'POST', path: '/v1/join-tokens', body }, options),
    /** One page of join tokens. */
    list: (query?: ListQuery, options?: CallOptions): Promise<Answer<PageOf<JoinToken>>> =>
      call({ method: 'GET', path: '/v1/join-tokens', ...(query && { query }) }, options),
    /** Every join token. */
    all: (query?: ListQuery, options?: CallOptions): AsyncIterable<JoinToken> =>
      all('/v1/join-tokens', query, options),
    /** One join token; never its secret. */
    get: (id: string, options?: CallOptions): Promise<Answer<JoinToken>> =>
      call({ method: 'GET', path: joinTokenPath(id) }, options),
    revoke: (id: string, options?: WriteOptions): Promise<Answer<unknown>> =>
      call({ method: 'DELETE', path: joinTokenPath(id) }, options),
  };
}
