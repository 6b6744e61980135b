import {
  DeliveryStateQuery,
  DryRunQuery,
  Id,
  Page,
  PageQuery,
  Webhook,
  WebhookCreate,
  WebhookDelivery,
  WebhookPatch,
  WebhookRotate,
  WebhookWithSecret,
} from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import { changeContext, sendReply } from '../../platform/request-context.ts';
import { IdempotencyKeyHeader } from '../../platform/request-headers.ts';
import type { WebhooksService } from './webhooks.service.ts';

const tags = ['webhooks'];
const OfWebhook = Type.Object({ name: Webhook.properties.name });

const createWebhook = route({
  method: 'POST',
  url: '/v1/webhooks',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'createWebhook',
    summary: 'Create a webhook',
    description:
      'Every event from now on that its filter means is sent to its URL, signed as [Standard Webhooks](https://www.standardwebhooks.com) 1.0 has it; the first is `webhook.created`. The secret is in this answer and nowhere else. ' +
      'A message is sent again until the target answers 2xx: ten times over three days. It may come more than once (`webhook-id` is the same) and out of order (`data.sequence` is the order). Answer 410 to end it.',
    headers: IdempotencyKeyHeader,
    querystring: Type.Object(DryRunQuery),
    body: WebhookCreate,
    response: answers({ 200: { ...Webhook, description: 'A dry run.' }, 201: WebhookWithSecret }),
  },
});

const listWebhooks = route({
  method: 'GET',
  url: '/v1/webhooks',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'listWebhooks',
    summary: 'List webhooks',
    description: 'Sorted by name. Secrets are not shown.',
    querystring: Type.Object(PageQuery),
    response: answers({ 200: Page(Webhook, 'A page of webhooks.') }),
  },
});

const getWebhook = route({
  method: 'GET',
  url: '/v1/webhooks/:name',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'getWebhook',
    summary: 'Get one webhook',
    description: 'Whether it is enabled, what waits, and why the last attempt failed.',
    params: OfWebhook,
    response: answers({ 200: Webhook }),
  },
});

const patchWebhook = route({
  method: 'PATCH',
  url: '/v1/webhooks/:name',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'patchWebhook',
    summary: 'Change, disable or enable a webhook',
    description:
      'What is left out stays. A webhook that is enabled again gets the events of that moment on, and what was still pending; a delivery that was given up can be replayed.',
    params: OfWebhook,
    querystring: Type.Object(DryRunQuery),
    body: WebhookPatch,
    response: answers({ 200: Webhook }),
  },
});

const deleteWebhook = route({
  method: 'DELETE',
  url: '/v1/webhooks/:name',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'deleteWebhook',
    summary: 'Delete a webhook',
    description: 'Nothing is sent any more; its deliveries go with it.',
    params: OfWebhook,
    querystring: Type.Object(DryRunQuery),
    response: answers({ 204: Type.Null({ description: 'Deleted.' }) }),
  },
});

const rotateWebhook = route({
  method: 'POST',
  url: '/v1/webhooks/:name/rotate',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'rotateWebhookSecret',
    summary: 'Rotate the secret of a webhook',
    description:
      'The new secret is in this answer and nowhere else. For `overlapSeconds` messages carry two signatures, of the new secret and of the one before, so that the target can change over meanwhile.',
    params: OfWebhook,
    headers: IdempotencyKeyHeader,
    querystring: Type.Object(DryRunQuery),
    body: WebhookRotate,
    response: answers({ 200: { ...Webhook, description: 'A dry run.' }, 201: WebhookWithSecret }),
  },
});

const listDeliveries = route({
  method: 'GET',
  url: '/v1/webhooks/:name/deliveries',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'listWebhookDeliveries',
    summary: 'List the deliveries of a webhook',
    description: 'Newest event first. Those that ended are kept for 7 days.',
    params: OfWebhook,
    querystring: Type.Object({ ...PageQuery, state: Type.Optional(DeliveryStateQuery) }),
    response: answers({ 200: Page(WebhookDelivery, 'A page of deliveries.') }),
  },
});

const replayDelivery = route({
  method: 'POST',
  url: '/v1/webhooks/:name/deliveries/:id/replay',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'replayWebhookDelivery',
    summary: 'Send a delivery again',
    description:
      'Whatever became of it: the same message with the same `webhook-id`, at once, and then again on failure as a new one. It waits while the webhook is disabled.',
    params: Type.Object({ name: Webhook.properties.name, id: Id }),
    headers: IdempotencyKeyHeader,
    querystring: Type.Object(DryRunQuery),
    response: answers({ 200: WebhookDelivery }),
  },
});

export async function webhookRoutes(app: App, { webhooks }: { webhooks: WebhooksService }): Promise<void> {
  app.route({
    ...createWebhook,
    handler: async (request, reply) =>
      sendReply(reply, await webhooks.create(request.body, changeContext(request))),
  });

  app.route({
    ...listWebhooks,
    handler: async ({ query }) => webhooks.list({ limit: query.limit ?? defaultLimit, cursor: query.cursor }),
  });

  app.route({ ...getWebhook, handler: async ({ params }) => webhooks.get(params.name) });

  app.route({
    ...patchWebhook,
    handler: async (request) => webhooks.patch(request.params.name, request.body, changeContext(request)),
  });

  app.route({
    ...deleteWebhook,
    handler: async (request, reply) => {
      await webhooks.remove(request.params.name, changeContext(request));
      await reply.code(204).send(null);
    },
  });

  app.route({
    ...rotateWebhook,
    handler: async (request, reply) =>
      sendReply(reply, await webhooks.rotate(request.params.name, request.body, changeContext(request))),
  });

  app.route({
    ...listDeliveries,
    handler: async ({ params, query: { limit, cursor, state } }) =>
      webhooks.deliveries(params.name, state, { limit: limit ?? defaultLimit, cursor }),
  });

  app.route({
    ...replayDelivery,
    handler: async (request, reply) =>
      sendReply(reply, await webhooks.replay(request.params.name, request.params.id, changeContext(request))),
  });
}
