import {
  AddressFilter,
  Closed,
  DryRunQuery,
  HostName,
  ListFilters,
  Network,
  NetworkCreate,
  NetworkName,
  NetworkPatch,
  NetworkPut,
  networkPath,
  networkServerFields,
  Page,
  PageQuery,
  type ServerField,
  subnetServerFields,
  WaitQuery,
} from '@trunkline/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { holdUntil } from '../../platform/database/change-feed.ts';
import { addressOf } from '../../platform/list-filters.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { checkIfMatch, checkName, putPreconditions } from '../../platform/preconditions.ts';
import {
  callerGone,
  changeContext,
  dryRunWaitMs,
  sendReply,
  waitMs,
} from '../../platform/request-context.ts';
import { IdempotencyKeyHeader, IfMatchHeader, PutHeaders } from '../../platform/request-headers.ts';
import { replacingFields } from './spec/network-fields.ts';
import { patchedSpec } from './spec/network-spec.ts';
import { networkTag } from './network-view.ts';
import type { RequestContext, NetworksService } from './networks.service.ts';

const tags = ['networks'];
const OfNetwork = Type.Object({ name: NetworkName });
const Filter = Closed({
  ...PageQuery,
  ...ListFilters,
  host: Type.Optional(HostName),
  address: Type.Optional({
    ...AddressFilter,
    description: 'Only those with a subnet that has this IP address.',
  }),
});
const Writing = Closed({ ...WaitQuery, ...DryRunQuery });
const Changing = Closed({
  ...WaitQuery,
  ...DryRunQuery,
  force: Type.Optional(
    Type.Boolean({
      description:
        'Where Docker must replace the network, do so although containers are attached: they are disconnected, the network is replaced, and they are connected again with the same addresses. This also applies to an earlier change that still waits for it on a host.',
      examples: [false],
    }),
  ),
});
const Gone = Type.Null({ description: 'The network is gone from every host.' });

const dryRun =
  'With `dryRun` nothing is changed. The answer is the network as it would be; `preflight` lists what each of its hosts would do and what prevents it there. The agents of at most 1000 hosts, the first by name, are asked for that. The answer waits for them 10 s, or as long as `wait` allows; with `wait=0s` no agent is asked.';
const needsIfMatch = 'Requires `If-Match` with the ETag of the network (`*` matches any version).';

const refusal = `What Docker cannot change in place (${replacingFields.map((field) => `\`${field}\``).join(', ')}) is refused while containers are attached, unless \`force\` is set. A subnet with addresses in use cannot be removed in any case.`;

const serverFields = (kind: ServerField): string =>
  Object.entries({ ...networkServerFields, ...subnetServerFields })
    .filter(([, of]) => of === kind)
    .map(([name]) => `\`${name}\``)
    .join(', ');
const [kept, observed] = [serverFields('kept'), serverFields('observed')];

const sendNetwork = async (reply: FastifyReply, status: number, network: Network): Promise<void> => {
  await reply.code(status).header('etag', networkTag(network)).send(network);
};

const listNetworks = route({
  method: 'GET',
  url: '/v1/networks',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'listNetworks',
    summary: 'List networks',
    description:
      'Sorted by name, each with its state over all hosts. May be limited to one host or address, by a part of the name and by labels.',
    querystring: Filter,
    response: answers({ 200: Page(Network, 'A page of networks.') }),
  },
});

const createNetwork = route({
  method: 'POST',
  url: '/v1/networks',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'createNetwork',
    summary: 'Create a network',
    description:
      'The network is created on every host that `hosts` selects, also on those that join later. Silent hosts get it when they are back. ' +
      'With `wait` the answer comes when it is in place on every host that can be reached. ' +
      `Mode \`passthru\` gives the NIC to a single container of each host; a host that uses the NIC itself refuses (condition \`ParentReady\`, reason \`HostNeedsParent\`). ${dryRun}`,
    headers: IdempotencyKeyHeader,
    querystring: Writing,
    body: NetworkCreate,
    response: answers({ 200: Network, 201: Network }),
  },
});

const getNetwork = route({
  method: 'GET',
  url: '/v1/networks/:name',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'getNetwork',
    summary: 'Get one network',
    description: 'The desired state; `status` is the observed one. The `ETag` is for `If-Match`.',
    params: OfNetwork,
    response: answers({ 200: Network }),
  },
});

const replaceNetwork = route({
  method: 'PUT',
  url: '/v1/networks/:name',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'replaceNetwork',
    summary: 'Create or replace a network',
    description: `Creates the network where there is none (201), and makes one that is there what the body says (200). A change requires \`If-Match\` with the ETag of the network (\`*\` matches any version); \`If-None-Match: *\` creates only, and is refused with 412 where the network is there. A field that is left out takes its default; the space stays. A repeated request with the same network changes nothing, and needs no header. What GET answers may be sent as it is: of what only the server writes, ${kept} must be as they are, and ${observed} are passed over. ${refusal} ${dryRun}`,
    headers: PutHeaders,
    params: OfNetwork,
    querystring: Changing,
    body: NetworkPut,
    response: answers({ 200: Network, 201: Network }),
  },
});

const changeNetwork = route({
  method: 'PATCH',
  url: '/v1/networks/:name',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'changeNetwork',
    summary: 'Change fields of a network',
    description: `JSON merge patch (RFC 7396), as \`application/merge-patch+json\` or \`application/json\`. ${needsIfMatch} ${refusal} ${dryRun}`,
    consumes: ['application/merge-patch+json', 'application/json'],
    headers: IfMatchHeader,
    params: OfNetwork,
    querystring: Changing,
    body: NetworkPatch,
    response: answers({ 200: Network }),
  },
});

const deleteNetwork = route({
  method: 'DELETE',
  url: '/v1/networks/:name',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'deleteNetwork',
    summary: 'Remove a network',
    description: `${needsIfMatch} Refused while containers are attached or addresses are held. 202: the hosts remove it, and it is gone when each of them has reported that; silent hosts are waited for. 204: it is gone. With \`wait\` the answer comes when it is gone, or when the time is up. ${dryRun}`,
    headers: IfMatchHeader,
    params: OfNetwork,
    querystring: Writing,
    response: answers({ 200: Network, 202: Network, 204: Gone }),
  },
});

export async function networkRoutes(
  app: App,
  { platform, networks }: { platform: Pick<Platform, 'feed' | 'stopping'>; networks: NetworksService },
): Promise<void> {
  const contextOf = (request: FastifyRequest): RequestContext => ({
    context: changeContext(request),
    waitBudget: {
      ms: dryRunWaitMs(request),
      gone: AbortSignal.any([callerGone(request), platform.stopping]),
    },
  });

  /** Holds the answer as long as the caller asked for, then reads the network again. */
  const afterWait = async (request: FastifyRequest, network: Network): Promise<Network> => {
    const ms = waitMs(request);
    if (ms === 0) return network;
    await holdUntil(platform.feed, () => networks.settled(network.id), ms, callerGone(request));
    return (await networks.find(network.id)) ?? network;
  };

  app.route({
    ...listNetworks,
    handler: async ({ query }) => {
      const { limit, cursor, address, ...rest } = query;
      const filter = { ...rest, ...(address === undefined ? {} : { address: addressOf(address) }) };
      return networks.list(filter, { limit: limit ?? defaultLimit, cursor });
    },
  });

  app.route({
    ...createNetwork,
    handler: async (request, reply) => {
      const made = await networks.create(request.body, contextOf(request));
      if (made.status !== 201) return sendReply(reply, made);
      const body = await afterWait(request, made.body as Network);
      return sendReply(reply, { ...made, headers: { ...made.headers, etag: networkTag(body) }, body });
    },
  });

  app.route({
    ...getNetwork,
    handler: async ({ params }, reply) => sendNetwork(reply, 200, await networks.get(params.name)),
  });

  app.route({
    ...replaceNetwork,
    handler: async (request, reply) => {
      const { params, body } = request;
      checkName(body.name, params.name);
      const context = contextOf(request);
      const { created, network } = await networks.put(params.name, body, putPreconditions(request), {
        ...context,
        force: request.query.force === true,
      });
      const isMade = created && context.context.dryRun !== true;
      if (isMade) reply.header('location', networkPath(network.name));
      return sendNetwork(reply, isMade ? 201 : 200, await afterWait(request, network));
    },
  });

  app.route({
    ...changeNetwork,
    handler: async (request, reply) => {
      const network = await networks.update(
        request.params.name,
        (tag) => checkIfMatch(request, tag),
        (current) => patchedSpec(current, request.body),
        { ...contextOf(request), force: request.query.force === true },
      );
      return sendNetwork(reply, 200, await afterWait(request, network));
    },
  });

  app.route({
    ...deleteNetwork,
    handler: async (request, reply) => {
      const { gone, network } = await networks.remove(
        request.params.name,
        (tag) => checkIfMatch(request, tag),
        contextOf(request),
      );
      if (request.query.dryRun === true) return sendNetwork(reply, 200, network);
      const ms = waitMs(request);
      if (!gone && ms > 0) {
        const signal = callerGone(request);
        await holdUntil(platform.feed, () => networks.settled(network.id), ms, signal);
      }
      if (gone || (await networks.isGone(network.id))) return reply.code(204).send(null);
      return sendNetwork(reply, 202, network);
    },
  });
}
