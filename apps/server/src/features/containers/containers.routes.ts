import {
  Closed,
  Container,
  ContainerCreate,
  ContainerName,
  DryRunQuery,
  HostName,
  NetworkName,
  Page,
  PageQuery,
  WaitQuery,
} from '@trunkline/contracts';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { holdUntil } from '../../platform/database/change-feed.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { checkIfMatch } from '../../platform/preconditions.ts';
import { callerGone, changeContext, sendReply, waitMs } from '../../platform/request-context.ts';
import { IdempotencyKeyHeader, IfMatchHeader } from '../../platform/request-headers.ts';
import { containerTag, type ContainersService } from './containers.service.ts';

const tags = ['containers'];
const OfContainer = Type.Object({ name: ContainerName });
const Filter = Closed({
  ...PageQuery,
  host: Type.Optional(HostName),
  network: Type.Optional(NetworkName),
});
const Writing = Closed({ ...WaitQuery, ...DryRunQuery });
const Removing = Closed({
  force: Type.Optional(
    Type.Boolean({
      description:
        'Remove it although others share its network stack. Containers of the API that do so are removed too, before it. Any others are left running without a network: recreate them by hand.',
      examples: [false],
    }),
  ),
  ...WaitQuery,
  ...DryRunQuery,
});
const Gone = Type.Null({ description: 'The container is gone, and its addresses are freed.' });

const sendContainer = async (reply: FastifyReply, status: number, container: Container): Promise<void> => {
  await reply.code(status).header('etag', containerTag(container)).send(container);
};

const listContainers = route({
  method: 'GET',
  url: '/v1/containers',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'listContainers',
    summary: 'List containers that Trunkline runs',
    description: 'Sorted by name. May be limited to one host or one network.',
    querystring: Filter,
    response: answers({ 200: Page(Container, 'A page of containers.') }),
  },
});

const createContainer = route({
  method: 'POST',
  url: '/v1/containers',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'createContainer',
    summary: 'Run a container',
    description:
      'Its addresses are reserved in the same transaction, all or none: `address` and `address6`, or the next free ones. On a network with both IP versions it gets one of each. ' +
      'With `wait` the answer comes when the container was seen running with its addresses, or at once if its host is silent.',
    headers: IdempotencyKeyHeader,
    querystring: Writing,
    body: ContainerCreate,
    response: answers({ 200: Container, 201: Container }),
  },
});

const getContainer = route({
  method: 'GET',
  url: '/v1/containers/:name',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'getContainer',
    summary: 'Get one container',
    description: 'The desired state; `observed` and `conditions` are what its host saw.',
    params: OfContainer,
    response: answers({ 200: Container }),
  },
});

const deleteContainer = route({
  method: 'DELETE',
  url: '/v1/containers/:name',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'deleteContainer',
    summary: 'Stop and remove a container',
    description:
      'Its host removes it. When the host has reported that, the container is gone and its addresses are quarantined. 202: under way, also while the host is silent. ' +
      '204: it is gone. Refused with `container_in_use` while other containers share its network stack, whatever made them, unless `force` is set. With `wait` the answer comes when it is gone, or when the time is up. `If-Match` is checked when sent.',
    headers: IfMatchHeader,
    params: OfContainer,
    querystring: Removing,
    response: answers({ 200: Container, 202: Container, 204: Gone }),
  },
});

export async function containerRoutes(
  app: App,
  { platform, containers }: { platform: Pick<Platform, 'feed'>; containers: ContainersService },
): Promise<void> {
  app.route({
    ...listContainers,
    handler: async ({ query }) => {
      const { limit, cursor, ...filter } = query;
      return containers.list(filter, { limit: limit ?? defaultLimit, cursor });
    },
  });

  app.route({
    ...createContainer,
    handler: async (request, reply) => {
      const made = await containers.create(request.body, changeContext(request));
      const ms = waitMs(request);
      const container = made.body as Container;
      if (made.status !== 201 || ms === 0) return sendReply(reply, made);
      await holdUntil(platform.feed, () => containers.settled(container.id), ms, callerGone(request));
      const body = (await containers.isGone(container.id)) ? container : await containers.get(container.name);
      return sendReply(reply, { ...made, headers: { ...made.headers, etag: containerTag(body) }, body });
    },
  });

  app.route({
    ...getContainer,
    handler: async ({ params }, reply) => sendContainer(reply, 200, await containers.get(params.name)),
  });

  app.route({
    ...deleteContainer,
    handler: async (request, reply) => {
      const context = changeContext(request);
      const check = (tag: string): void => {
        if (request.headers['if-match'] !== undefined) checkIfMatch(request, tag);
      };
      const container = await containers.remove(
        request.params.name,
        request.query.force === true,
        check,
        context,
      );
      if (context.dryRun === true) return sendContainer(reply, 200, container);
      const ms = waitMs(request);
      if (ms > 0)
        await holdUntil(platform.feed, () => containers.settled(container.id), ms, callerGone(request));
      if (await containers.isGone(container.id)) return reply.code(204).send(null);
      return sendContainer(reply, 202, container);
    },
  });
}
