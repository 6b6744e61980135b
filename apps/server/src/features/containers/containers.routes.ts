import {
  AddressFilter,
  Closed,
  Container,
  ContainerCreate,
  ContainerName,
  containerPath,
  ContainerPut,
  containerServerFields,
  ContainerState,
  DryRunQuery,
  HostName,
  ListFilters,
  MacFilter,
  NetworkName,
  Page,
  PageQuery,
  type ServerField,
  WaitQuery,
} from '@trunkline/contracts';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { holdUntil } from '../../platform/database/change-feed.ts';
import { addressOf, macOf } from '../../platform/list-filters.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { checkIfMatch, checkName, putPreconditions } from '../../platform/preconditions.ts';
import { callerGone, changeContext, sendReply, waitMs } from '../../platform/request-context.ts';
import { IdempotencyKeyHeader, IfMatchHeader, PutHeaders } from '../../platform/request-headers.ts';
import { containerFields } from './container-fields.ts';
import { containerTag } from './container-view.ts';
import type { ContainersService } from './containers.service.ts';

const tags = ['containers'];
const OfContainer = Type.Object({ name: ContainerName });
const Filter = Closed({
  ...PageQuery,
  ...ListFilters,
  host: Type.Optional(HostName),
  network: Type.Optional(NetworkName),
  state: Type.Optional(ContainerState),
  address: AddressFilter,
  mac: MacFilter,
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
const Changing = Closed({
  force: Type.Optional(
    Type.Boolean({
      description:
        'Replace it although containers that Trunkline did not make share its network stack: they are left without a network.',
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
    description:
      'Sorted by name. May be limited to one host, network, state, address or MAC, by a part of the name and by labels.',
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

const wordsOf = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
const reaching = (kind: 'inPlace' | 'replace'): string =>
  wordsOf(Object.entries(containerFields).flatMap(([name, of]) => (of === kind ? [name] : [])));
const serverFields = (kind: ServerField): string =>
  wordsOf(Object.entries(containerServerFields).flatMap(([name, of]) => (of === kind ? [name] : [])));

const putContainer = route({
  method: 'PUT',
  url: '/v1/containers/:name',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'putContainer',
    summary: 'Run a container, or change it',
    description:
      'Runs the container where there is none (201), and makes one that is there what the body says (200). A change requires `If-Match` with the ETag of the container (`*` matches any version); `If-None-Match: *` creates only, and is refused with 412 where the container is there. A field that is left out takes its default. A repeated request with the same container changes nothing, and needs no header. ' +
      `Changed in place: ${reaching('inPlace')}. A change of ${reaching('replace')} replaces the container on its host: it runs until the new image is there, then it is stopped and removed, and another is created with the same name and addresses; containers of the API that share its network stack are replaced with it. \`dryRun\` answers in \`change\` which of them it would be. ` +
      'Its host, its networks and addresses, and the stack that it shares are kept: a request that changes them is refused. ' +
      `What GET answers may be sent as it is: of what only the server writes, ${serverFields('kept')} must be as they are, and ${serverFields('observed')} are passed over. ` +
      'With `wait` the answer comes when the container was seen running in its new form, or at once if its host is silent.',
    headers: PutHeaders,
    params: OfContainer,
    querystring: Changing,
    body: ContainerPut,
    response: answers({ 200: Container, 201: Container }),
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
      const { limit, cursor, address, mac, ...rest } = query;
      const filter = {
        ...rest,
        ...(address === undefined ? {} : { address: addressOf(address) }),
        ...(mac === undefined ? {} : { mac: macOf(mac) }),
      };
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
    ...putContainer,
    handler: async (request, reply) => {
      const { params, body, query } = request;
      checkName(body.name, params.name);
      const context = changeContext(request);
      const options = { preconditions: putPreconditions(request), force: query.force === true };
      const put = await containers.put(params.name, body, options, context);
      const ms = waitMs(request);
      let { container } = put;
      if (ms > 0) {
        const { id } = container;
        await holdUntil(platform.feed, () => containers.settled(id), ms, callerGone(request));
        if (!(await containers.isGone(id))) container = await containers.get(params.name);
      }
      const isMade = put.created && context.dryRun !== true;
      if (isMade) reply.header('location', containerPath(container.name));
      return sendContainer(reply, isMade ? 201 : 200, container);
    },
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
