import { Closed, HostName, NetworkName, Page, PageQuery, Placement } from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import type { PlacementsService } from './placements.service.ts';

const tags = ['networks'];
const OfNetwork = Type.Object({ name: NetworkName });
const OfPlacement = Type.Object({ name: NetworkName, host: HostName });
const Paging = Closed(PageQuery);

const listPlacements = route({
  method: 'GET',
  url: '/v1/networks/:name/placements',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'listPlacements',
    summary: 'List the placements of a network',
    description:
      'The state of the network on each host, sorted by host name. The conditions of a silent host are `Unknown`, with its last report.',
    params: OfNetwork,
    querystring: Paging,
    response: answers({ 200: Page(Placement, 'A page of placements.') }),
  },
});

const getPlacement = route({
  method: 'GET',
  url: '/v1/networks/:name/placements/:host',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'getPlacement',
    summary: 'Get one placement of a network',
    description: 'What should be on that host, what the agent did, and what it saw.',
    params: OfPlacement,
    response: answers({ 200: Placement }),
  },
});

export async function placementRoutes(
  app: App,
  { placements }: { placements: Pick<PlacementsService, 'list' | 'get'> },
): Promise<void> {
  app.route({
    ...listPlacements,
    handler: async ({ params, query }) =>
      placements.list(params.name, { limit: query.limit ?? defaultLimit, cursor: query.cursor }),
  });

  app.route({ ...getPlacement, handler: async ({ params }) => placements.get(params.name, params.host) });
}
