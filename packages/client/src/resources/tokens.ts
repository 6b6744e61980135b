import { tokenPath, type Token, type TokenCreate, type TokenCreated } from '@trunkline/contracts';
import type { Answer, CallOptions, ListQuery, PageOf, Requester, WriteOptions } from '../request.ts';

/** `/v1/tokens` */
export function createTokens({ call, all }: Requester) {
  return {
    /** Makes one; its secret is in this answer and nowhere else. */
    create: (body: TokenCreate, options?: WriteOptions): Promise<Answer<TokenCreated>> =>
      call({ method: 'POST', path: '/v1/tokens', body }, options),
    /** One page of tokens. */
    list: (query?: ListQuery, options?: CallOptions): Promise<Answer<PageOf<Token>>> =>
      call({ method: 'GET', path: '/v1/tokens', ...(query && { query }) }, options),
    /** Every token. */
    all: (query?: ListQuery, options?: CallOptions): AsyncIterable<Token> =>
      all('/v1/tokens', query, options),
    /** Revokes a token by its id. */
    revoke: (id: string, options?: WriteOptions): Promise<Answer<unknown>> =>
      call({ method: 'DELETE', path: tokenPath(id) }, options),
  };
}
