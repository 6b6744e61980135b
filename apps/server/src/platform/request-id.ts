import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import fp from 'fastify-plugin';

/** What a caller may name a request: it stands in logs, in events, in the audit log and in answers. */
const callersId = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

/** Names a request in the log and in its answer. */
export const newRequestId = (): string => `req-${randomUUID().slice(0, 13)}`;

/** The name that the caller gave a request (`X-Request-Id`), else one of our own. One of another form is passed over. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const { 'x-request-id': given } = headers;
  return typeof given === 'string' && callersId.test(given) ? given : newRequestId();
}

/** Every answer has the name of its request. */
export const requestIds = fp(
  async (app) => {
    app.addHook('onRequest', async (request, reply) => {
      reply.header('x-request-id', request.id);
    });
  },
  { name: 'request-ids' },
);
