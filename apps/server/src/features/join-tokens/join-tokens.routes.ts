import {
  DryRunQuery,
  Id,
  JoinToken,
  JoinTokenCreate,
  JoinTokenCreated,
  Page,
  PageQuery,
} from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import { changeContext, sendReply } from '../../platform/request-context.ts';
import { IdempotencyKeyHeader } from '../../platform/request-headers.ts';
import type { JoinTokensService } from './join-tokens.service.ts';

const tags = ['join-tokens'];

/** The URL that a request was sent to, as far as it says. */
function originOf({ protocol, host }: { protocol: string; host: string }): string {
  const url = `${protocol}://${host}`;
  return URL.canParse(url) ? new URL(url).origin : url;
}
const OfJoinToken = Type.Object({ id: Id });

const createJoinToken = route({
  method: 'POST',
  url: '/v1/join-tokens',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'createJoinToken',
    summary: 'Create a join token',
    description:
      'A token lets one host join, once, within an hour. Its secret is in this answer and nowhere else. `command` is the line to run on the host.',
    headers: IdempotencyKeyHeader,
    querystring: Type.Object(DryRunQuery),
    body: JoinTokenCreate,
    response: answers({ 200: { ...JoinToken, description: 'A dry run.' }, 201: JoinTokenCreated }),
  },
});

const listJoinTokens = route({
  method: 'GET',
  url: '/v1/join-tokens',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'listJoinTokens',
    summary: 'List join tokens',
    description:
      'Newest first, with the hosts that used them. A token leaves the list a month after it expired.',
    querystring: Type.Object(PageQuery),
    response: answers({ 200: Page(JoinToken, 'A page of join tokens.') }),
  },
});

const getJoinToken = route({
  method: 'GET',
  url: '/v1/join-tokens/:id',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'getJoinToken',
    summary: 'Get one join token',
    description:
      'Whether it can still be used, and which host used it. Its secret is not kept. 404 `join_token_not_found` a month after it expired.',
    params: OfJoinToken,
    response: answers({ 200: JoinToken }),
  },
});

const revokeJoinToken = route({
  method: 'DELETE',
  url: '/v1/join-tokens/:id',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'revokeJoinToken',
    summary: 'Revoke a join token',
    description:
      'No host can join with it from now on. A host that joined with it stays: retire it with DELETE /v1/hosts/{name}.',
    params: OfJoinToken,
    querystring: Type.Object(DryRunQuery),
    response: answers({ 204: Type.Null({ description: 'The token can no longer be used.' }) }),
  },
});

export async function joinTokenRoutes(
  app: App,
  { joinTokens }: { joinTokens: JoinTokensService },
): Promise<void> {
  app.route({
    ...createJoinToken,
    handler: async (request, reply) =>
      sendReply(reply, await joinTokens.create(request.body, originOf(request), changeContext(request))),
  });

  app.route({
    ...listJoinTokens,
    handler: async ({ query }) =>
      joinTokens.list({ limit: query.limit ?? defaultLimit, cursor: query.cursor }),
  });

  app.route({ ...getJoinToken, handler: async ({ params }) => joinTokens.get(params.id) });

  app.route({
    ...revokeJoinToken,
    handler: async (request, reply) => {
      await joinTokens.revoke(request.params.id, changeContext(request));
      await reply.code(204).send(null);
    },
  });
}
