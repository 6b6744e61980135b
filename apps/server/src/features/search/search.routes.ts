import { SearchResult, Shaped } from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import type { SearchService } from './search.service.ts';

const searchRoute = route({
  method: 'GET',
  url: '/v1/search',
  config: { access: 'viewer' },
  schema: {
    tags: ['server'],
    operationId: 'search',
    summary: 'Search everything',
    description:
      'Looks for a part of a text, whatever its case, in the names of hosts, networks, containers and of what hosts see, in addresses, MACs, owners, images, subnets and labels (`key=value`). ' +
      'An address also finds the networks that it is of. What is equal comes first.',
    querystring: Type.Object({
      q: Shaped('\\S', 'a text with a character that is no space', {
        minLength: 1,
        maxLength: 128,
        description: 'The text.',
        examples: ['172.16.100.10'],
      }),
    }),
    response: answers({ 200: SearchResult }),
  },
});

export async function searchRoutes(app: App, { search }: { search: SearchService }): Promise<void> {
  app.route({ ...searchRoute, handler: async ({ query }) => search.find(query.q) });
}
