import { CompareAnswer, CompareRequest, type CompareItem, HostName, Recovery } from '@trunkline/contracts';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import { changeContext, sendReply } from '../../platform/request-context.ts';
import { IdempotencyKeyHeader } from '../../platform/request-headers.ts';
import { readIp, readMac } from '../addresses/address-request.ts';
import type { RecoveryService } from './recovery.service.ts';

export async function recoveryRoutes(app: App, { recovery }: { recovery: RecoveryService }): Promise<void> {
  app.get(
    '/v1/recovery',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['server'],
        operationId: 'getRecovery',
        summary: 'Does the database recover from a backup',
        description:
          'After a backup was restored no address is given until every host has said what it holds. Shows which hosts are waited for, and those that were let go and have not compared since.',
        response: answers({ 200: Recovery }),
      },
    },
    async () => recovery.state(),
  );
  app.post(
    '/v1/recovery/hosts/:name/release',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['server'],
        operationId: 'releaseRecoveryHost',
        summary: 'Go on without a host',
        description:
          'Says that a host that does not answer is not to be waited for. What it holds by the restored database stays its own; what it was given since the backup may be given to others, so nothing new may start on it before it has reached the server again. When it comes back it compares, and what cannot be settled is shown as conflicted.',
        headers: IdempotencyKeyHeader,
        params: Type.Object({ name: HostName }),
        response: answers({ 200: Recovery }),
      },
    },
    async (request, reply) =>
      sendReply(reply, await recovery.release(request.params.name, changeContext(request))),
  );
}

/** Addresses and MACs in canonical form; what is none is refused. */
export const readItems = (items: readonly CompareItem[]): CompareItem[] =>
  items.map((item, n) => ({
    ...item,
    ip: readIp(item.ip, `/items/${n}/ip`),
    mac: item.mac === null ? null : readMac(item.mac, `/items/${n}/mac`),
  }));

/** A host that holds 65,536 addresses says so in about 16 MB. */
const largestCompare = 32 * 1024 * 1024;

/** What hosts say of what they hold, docs/agent-protocol.md. */
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
  signed.post(
    '/agent/v1/compare',
    {
      bodyLimit: largestCompare,
      config: { access: 'agent' },
      schema: { body: CompareRequest, response: answers({ 200: CompareAnswer }) },
    },
    async (request) => compare(signedBy(request), request.body),
  );
}
