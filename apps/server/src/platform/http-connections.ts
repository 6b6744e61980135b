import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import fp from 'fastify-plugin';
import { ApiError } from './errors.ts';

/** The connections of a server, and the requests on them that came in whole and are not answered yet. */
export interface HttpConnections {
  /**
   * Returns when all requests are answered, or `graceMs` is over: then `onLate` is called, which makes what is still
   * waited for fail, and the answers to that get `lateMs` more. Then every connection is closed, whatever it is in the
   * middle of: one that sent nothing, half a head or half a body would be waited for until it times out.
   */
  drain(bounds: { graceMs: number; lateMs: number; onLate: () => void }): Promise<void>;
}

declare module 'fastify' {
  interface FastifyInstance {
    connections: HttpConnections;
  }
}

const lookEveryMs = 10;

/** Knows every connection from its first byte on, TLS handshakes included, which Node's own list leaves out. */
export const httpConnections = fp<{ stopping: AbortSignal }>(
  async (app, { stopping }) => {
    const sockets = new Set<Socket>();
    const open = new Set<{ request: IncomingMessage; response: ServerResponse }>();
    app.server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const exchange = { request, response };
      open.add(exchange);
      response.once('close', () => open.delete(exchange));
    });
    // A request that comes over a kept connection while the server stops: whoever sent it asks another server, or later.
    app.addHook('onRequest', async (request, reply) => {
      if (!stopping.aborted || request.routeOptions.url === '/livez') return;
      reply.header('connection', 'close');
      throw new ApiError('overloaded', 'the server is stopping: send the request again', {
        retryAfterSeconds: 2,
      });
    });

    const answering = (): boolean =>
      [...open].some(({ request, response }) => request.complete && !response.writableFinished);
    const quietWithin = async (ms: number): Promise<boolean> => {
      for (const deadline = performance.now() + ms; answering(); await delay(lookEveryMs))
        if (performance.now() > deadline) return false;
      return true;
    };
    app.decorate('connections', {
      async drain({ graceMs, lateMs, onLate }) {
        if (!(await quietWithin(graceMs))) {
          onLate();
          await quietWithin(lateMs);
        }
        // What was written last is on its way when the turn of the event loop ends.
        await delay(0);
        for (const socket of sockets) socket.destroy();
      },
    });
  },
  { name: 'http-connections', dependencies: ['problems'] },
);
