import { CompareAnswer, CompareRequest, type CompareItem, HostName, Recovery } from '@trunkline/contracts';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import { changeContext, sendReply } from '../../platform/request-context.ts';
import { IdempotencyKeyHeader } from '../../platform/request-headers.ts';
import { readIp, readMac } from '../addresses/address-request.ts';
import type { RecoveryService } from './recovery.service.ts';

const getRecovery = route({
  method: 'GET',
  url: '/v1/recovery',
  config: { access: 'viewer' },
  schema: {
    tags: ['server'],
    operationId: 'getRecovery',
    summary: 'State of the recovery from a backup',
    description:
      'After a backup was restored, no address is given out until every host has reported what it holds. Shows the hosts that the recovery waits for, and those that were let go and have not compared since.',
    response: answers({ 200: Recovery }),
  },
});

const releaseRecoveryHost = route({
  method: 'POST',
  url: '/v1/recovery/hosts/:name/release',
  config: { access: 'admin' },
  schema: {
    tags: ['server'],
    operationId: 'releaseRecoveryHost',
    summary: 'Let the recovery go on without a host',
    description:
      'Ends the wait for a host that does not answer. The addresses that it holds by the restored database stay its own. Those that it was given since the backup may be given to others, so start nothing new on that host before it has reached the server again. When it is back it compares its addresses, and what cannot be settled is shown as conflicted.',
    headers: IdempotencyKeyHeader,
    params: Type.Object({ name: HostName }),
    response: answers({ 200: Recovery }),
  },
});

export async function recoveryRoutes(app: App, { recovery }: { recovery: RecoveryService }): Promise<void> {
  app.route({ ...getRecovery, handler: async () => recovery.state() });
  app.route({
    ...releaseRecoveryHost,
    handler: async (request, reply) =>
      sendReply(reply, await recovery.release(request.params.name, changeContext(request))),
  });
}

/** Addresses and MACs in canonical form; other text is refused. */
export const readItems = (items: readonly CompareItem[]): CompareItem[] =>
  items.map((item, n) => ({
    ...item,
    ip: readIp(item.ip, `/items/${n}/ip`),
    mac: item.mac === null ? null : readMac(item.mac, `/items/${n}/mac`),
  }));

/** The request of a host that holds 65,536 addresses has about 16 MB. */
const largestCompare = 32 * 1024 * 1024;

const compareHeld = route({
  method: 'POST',
  url: '/agent/v1/compare',
  bodyLimit: largestCompare,
  config: { access: 'agent' },
  schema: { body: CompareRequest, response: answers({ 200: CompareAnswer }) },
});

/** Hosts report the addresses that they hold, docs/agent-protocol.md. */
export async function compareRoutes(
  signed: App,
  {
    compare,
    signedBy,
  }: {
    compare: (host: { id: string; name: string }, request: CompareRequest) => Promise<CompareAnswer>;
    signedBy: (request: FastifyRequest) => { id: string; name: string };
  },
): Promise<void> {
  signed.route({ ...compareHeld, handler: async (request) => compare(signedBy(request), request.body) });
}
