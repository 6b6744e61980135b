import {
  AddressFilter,
  Endpoint,
  HostName,
  ListFilters,
  MacFilter,
  NetworkName,
  Page,
  PageQuery,
} from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { addressOf, macOf } from '../../platform/list-filters.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import type { EndpointsService } from './endpoints.service.ts';

const Filter = Type.Object({
  ...PageQuery,
  host: Type.Optional(HostName),
  network: Type.Optional(NetworkName),
  container: Type.Optional(
    Type.String({ maxLength: 255, description: 'Name of the container.', examples: ['web'] }),
  ),
  q: ListFilters.q,
  address: AddressFilter,
  mac: MacFilter,
});

const listEndpoints = route({
  method: 'GET',
  url: '/v1/endpoints',
  config: { access: 'viewer' },
  schema: {
    tags: ['containers'],
    operationId: 'listEndpoints',
    summary: 'List containers seen on networks',
    description:
      'Every container on a network of Trunkline with its addresses, whatever started it: plain `docker run`, compose, or any other tool. ' +
      "Sorted by host, network and Docker's id. The data is that of the last report of each host; `observedAt` is its time.",
    querystring: Filter,
    response: answers({ 200: Page(Endpoint, 'A page of endpoints.') }),
  },
});

export async function endpointRoutes(
  app: App,
  { endpoints }: { endpoints: EndpointsService },
): Promise<void> {
  app.route({
    ...listEndpoints,
    handler: async ({ query }) => {
      const { limit, cursor, address, mac, ...rest } = query;
      const filter = {
        ...rest,
        ...(address === undefined ? {} : { address: addressOf(address) }),
        ...(mac === undefined ? {} : { mac: macOf(mac) }),
      };
      return endpoints.list(filter, { limit: limit ?? defaultLimit, cursor });
    },
  });
}
