import { FleetNames, NamesQuery } from '@trunkline/contracts';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import { callerGone } from '../../platform/request-context.ts';
import type { NamesService } from './names.service.ts';

const fleetNames = route({
  method: 'GET',
  url: '/agent/v1/names',
  config: { access: 'agent' },
  schema: {
    querystring: NamesQuery,
    response: answers({ 200: FleetNames, 304: Type.Null({ description: 'Not changed.' }) }),
  },
});

/** Names, docs/agent-protocol.md. Registered where requests are signed; `signedBy` answers by which host. */
export async function namesRoutes(
  signed: App,
  {
    names,
    signedBy,
  }: { names: NamesService; signedBy: (request: FastifyRequest) => { id: string; name: string } },
): Promise<void> {
  signed.route({
    ...fleetNames,
    handler: async (request, reply) => {
      const { version, wait } = request.query;
      const answer = await names.names(signedBy(request), {
        version,
        waitSeconds: wait ?? 0,
        gone: callerGone(request),
      });
      if (answer === undefined) return reply.code(304).send(null);
      return answer;
    },
  });
}
