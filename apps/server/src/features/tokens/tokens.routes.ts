import {
  DryRunQuery,
  Id,
  Page,
  PageQuery,
  Token,
  TokenCreate,
  TokenCreated,
  TokenRotate,
} from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import { changeContext, sendReply } from '../../platform/request-context.ts';
import { IdempotencyKeyHeader } from '../../platform/request-headers.ts';
import type { TokensService } from './tokens.service.ts';

const tags = ['tokens'];
const OfToken = Type.Object({ id: Id });

const createToken = route({
  method: 'POST',
  url: '/v1/tokens',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'createToken',
    summary: 'Create a token',
    description: 'The secret is in this answer and nowhere else: only a hash of it is kept.',
    headers: IdempotencyKeyHeader,
    querystring: Type.Object(DryRunQuery),
    body: TokenCreate,
    response: answers({ 200: { ...Token, description: 'A dry run.' }, 201: TokenCreated }),
  },
});

const listTokens = route({
  method: 'GET',
  url: '/v1/tokens',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'listTokens',
    summary: 'List tokens',
    description: 'Sorted by name. Secrets are not kept, so none is shown.',
    querystring: Type.Object(PageQuery),
    response: answers({ 200: Page(Token, 'A page of tokens.') }),
  },
});

const getToken = route({
  method: 'GET',
  url: '/v1/tokens/:id',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'getToken',
    summary: 'Get one token',
    description: '404 `token_not_found` after it was revoked.',
    params: OfToken,
    response: answers({ 200: Token }),
  },
});

const rotateToken = route({
  method: 'POST',
  url: '/v1/tokens/:id/rotate',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'rotateToken',
    summary: 'Rotate the secret of a token',
    description:
      'The new secret is in this answer and nowhere else. The one of now is good for `overlapSeconds` more, so that the caller can change over; one from a rotation before ends at once. Name, role, expiry and id stay.',
    params: OfToken,
    headers: IdempotencyKeyHeader,
    querystring: Type.Object(DryRunQuery),
    body: TokenRotate,
    response: answers({ 200: { ...Token, description: 'A dry run.' }, 201: TokenCreated }),
  },
});

const revokeToken = route({
  method: 'DELETE',
  url: '/v1/tokens/:id',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'revokeToken',
    summary: 'Revoke a token',
    description:
      'Takes effect at once on this server and within a second on its replicas. The last admin token cannot be revoked: 409 `last_admin_token`.',
    params: OfToken,
    querystring: Type.Object(DryRunQuery),
    response: answers({ 204: Type.Null({ description: 'Revoked.' }) }),
  },
});

export async function tokenRoutes(app: App, { tokens }: { tokens: TokensService }): Promise<void> {
  app.route({
    ...createToken,
    handler: async (request, reply) =>
      sendReply(reply, await tokens.create(request.body, changeContext(request))),
  });

  app.route({
    ...listTokens,
    handler: async ({ query }) => tokens.list({ limit: query.limit ?? defaultLimit, cursor: query.cursor }),
  });

  app.route({ ...getToken, handler: async ({ params }) => tokens.get(params.id) });

  app.route({
    ...rotateToken,
    handler: async (request, reply) =>
      sendReply(reply, await tokens.rotate(request.params.id, request.body, changeContext(request))),
  });

  app.route({
    ...revokeToken,
    handler: async (request, reply) => {
      await tokens.revoke(request.params.id, changeContext(request));
      await reply.code(204).send(null);
    },
  });
}
