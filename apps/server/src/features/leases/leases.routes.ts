import { LeaseClaim, LeaseClaimAnswer, LeaseSync, LeaseSyncAnswer } from '@trunkline/contracts';
import type { FastifyRequest } from 'fastify';
import { route, type App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import { callerGone } from '../../platform/request-context.ts';
import type { LeasesService } from './leases.service.ts';

const syncLeases = route({
  method: 'POST',
  url: '/agent/v1/leases',
  config: { access: 'agent' },
  schema: { body: LeaseSync, response: answers({ 200: LeaseSyncAnswer }) },
});

const claimLease = route({
  method: 'POST',
  url: '/agent/v1/leases/claim',
  config: { access: 'agent' },
  schema: { body: LeaseClaim, response: answers({ 200: LeaseClaimAnswer }) },
});

/** Leases, docs/agent-protocol.md. Registered where requests are signed; `signedBy` answers by which host. */
export async function leaseRoutes(
  signed: App,
  {
    leases,
    signedBy,
  }: { leases: LeasesService; signedBy: (request: FastifyRequest) => { id: string; name: string } },
): Promise<void> {
  signed.route({
    ...syncLeases,
    handler: async (request) => leases.sync(signedBy(request), request.body, callerGone(request)),
  });

  signed.route({
    ...claimLease,
    handler: async (request) => leases.claim(signedBy(request), request.body, callerGone(request)),
  });
}
