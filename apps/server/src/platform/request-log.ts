import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

type Level = 'debug' | 'info' | 'warn';

/**
 * How loud the line of an answered request is. What the server could not serve is a warning. What comes by itself and in any number is for
 * debugging: agents, probes, pages of the manual, and whoever is refused for asking too often, which metrics count.
 */
function levelOf(request: FastifyRequest, status: number): Level {
  if (status >= 500) return 'warn';
  const { access } = request.routeOptions.config;
  const comesByItself = access === 'agent' || access === 'public';
  return status === 429 || (comesByItself && status < 400) ? 'debug' : 'info';
}

/**
 * A line for each request once it is answered: who asked for what, with which result, and how long it took. Neither queries, bodies nor
 * headers are in it. A request whose caller hung up has `gone`.
 */
export const requestLog = fp(
  async (app) => {
    app.addHook('onResponse', async (request, reply) => {
      const { method, problem, caller } = request;
      const status = reply.statusCode;
      request.log[levelOf(request, status)](
        {
          method,
          path: request.url.split('?', 1)[0],
          status,
          ...(problem === null ? {} : { code: problem }),
          ms: Math.round(reply.elapsedTime),
          source: request.ip,
          ...(caller === null ? {} : { token: caller.name, tokenId: caller.tokenId }),
          ...(reply.raw.writableFinished ? {} : { gone: true }),
        },
        'request',
      );
    });
  },
  { name: 'request-log', dependencies: ['problems', 'auth'] },
);
