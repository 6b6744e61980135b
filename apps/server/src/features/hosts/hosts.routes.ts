import { DryRunQuery, Host, HostName, HostPatch, ListFilters, Page, PageQuery } from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import { checkIfMatch } from '../../platform/preconditions.ts';
import { changeContext } from '../../platform/request-context.ts';
import { IfMatchHeader } from '../../platform/request-headers.ts';
import { hostTag, type HostsService } from './hosts.service.ts';

const tags = ['hosts'];
const OfHost = Type.Object({ name: HostName });

const Filter = Type.Object({ ...PageQuery, ...ListFilters });

const listHosts = route({
  method: 'GET',
  url: '/v1/hosts',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'listHosts',
    summary: 'List hosts',
    description: 'Sorted by name. `lastSeenAt` and `observedAt` are the age of the data.',
    querystring: Filter,
    response: answers({ 200: Page(Host, 'A page of hosts.') }),
  },
});

const getHost = route({
  method: 'GET',
  url: '/v1/hosts/:name',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'getHost',
    summary: 'Get one host',
    description:
      'Facts and conditions as its agent saw them at `observedAt`. The ETag is for `If-Match`, which looks at what operators change, not at reports.',
    params: OfHost,
    response: answers({ 200: Host }),
  },
});

const patchHost = route({
  method: 'PATCH',
  url: '/v1/hosts/:name',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'patchHost',
    summary: 'Change the labels of a host',
    description:
      'JSON merge patch (RFC 7396). Networks that select hosts by labels are placed on the host or removed from it. 409 `network_in_use` when containers are attached to one that would be removed. Requires `If-Match`.',
    headers: IfMatchHeader,
    params: OfHost,
    querystring: Type.Object(DryRunQuery),
    body: HostPatch,
    response: answers({ 200: Host }),
  },
});

const retireHost = route({
  method: 'DELETE',
  url: '/v1/hosts/:name',
  config: { access: 'admin' },
  schema: {
    tags,
    operationId: 'retireHost',
    summary: 'Retire a host',
    description:
      'Removes the host from the fleet; requests of its agent are refused from then on. 409 `host_in_use` while it holds containers or addresses. For a silent host this includes the addresses of its warm pools, because it may still give them to containers. ' +
      'What runs on the machine is left as it is. Requires `If-Match`.',
    headers: IfMatchHeader,
    params: OfHost,
    querystring: Type.Object({
      force: Type.Optional(
        Type.Boolean({
          description:
            'Also forget its containers and release their addresses (into quarantine). You declare that nothing on it runs any more.',
          examples: [false],
        }),
      ),
      ...DryRunQuery,
    }),
    response: answers({ 204: Type.Null({ description: 'Retired.' }) }),
  },
});

export async function hostRoutes(app: App, { hosts }: { hosts: HostsService }): Promise<void> {
  app.route({
    ...listHosts,
    handler: async ({ query }) => {
      const { limit, cursor, ...filter } = query;
      return hosts.list(filter, { limit: limit ?? defaultLimit, cursor });
    },
  });

  app.route({
    ...getHost,
    handler: async ({ params }, reply) => {
      const host = await hosts.get(params.name);
      reply.header('etag', hostTag(host));
      return host;
    },
  });

  app.route({
    ...patchHost,
    handler: async (request, reply) => {
      const host = await hosts.patch(
        request.params.name,
        request.body,
        (tag) => checkIfMatch(request, tag),
        changeContext(request),
      );
      reply.header('etag', hostTag(host));
      return host;
    },
  });

  app.route({
    ...retireHost,
    handler: async (request, reply) => {
      await hosts.retire(
        request.params.name,
        request.query.force === true,
        (tag) => checkIfMatch(request, tag),
        changeContext(request),
      );
      await reply.code(204).send(null);
    },
  });
}
