import { NetworkLimits, NetworkName } from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import type { LimitsService } from './limits.service.ts';

const getLimits = route({
  method: 'GET',
  url: '/v1/networks/:name/limits',
  config: { access: 'viewer' },
  schema: {
    tags: ['networks'],
    operationId: 'getNetworkLimits',
    summary: 'Get what a network costs, and what is left',
    description:
      'The stations that its containers add to the LAN, the addresses left in each subnet and range, and the days until they run out at the rate of the last 7 days. What each host adds is in the placements of the network.',
    params: Type.Object({ name: NetworkName }),
    response: answers({ 200: NetworkLimits }),
  },
});

export async function limitRoutes(
  app: App,
  { limits }: { limits: Pick<LimitsService, 'get'> },
): Promise<void> {
  app.route({ ...getLimits, handler: async ({ params }) => limits.get(params.name) });
}
