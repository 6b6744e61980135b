import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '@trunkline/log';
import { InvalidAddress } from '@trunkline/netaddr';
import type { Logger } from 'pino';
import type { Driver, DriverAnswer } from './driver.ts';
import { readBody } from './plugin-protocol.ts';
import { DriverRefusal } from '../allocation/refusal.ts';

/** What the server works with. */
export interface PluginServerDeps {
  readonly driver: Driver;
  /** Bound of a call, in milliseconds. */
  readonly maxMs: number;
  readonly log: Logger;
}

/** Longest body that is read, in bytes; Docker's are a few hundred. */
const maxBody = 64 * 1024;
/** How long a call may take to arrive, head and body, in milliseconds; and how often is looked who is late. */
const bodyMs = 5000;
const lookEveryMs = 1000;
/**
 * Connections at a time. Docker has one for each container that it starts, and tries again where one is refused; each of
 * them may hold a body.
 */
const maxConnections = 256;
/** Longest refusal, in characters: it is printed under `docker run`, and may quote what was sent. */
const maxRefusal = 1000;
const mediaType = 'application/vnd.docker.plugins.v1.1+json';

/**
 * Docker's plugin protocol over HTTP. Docker's calls have no bound of their own and a call that is not answered holds up
 * containers for ever, so each is answered within `maxMs`, whatever happens.
 */
export function createPluginServer({ driver, maxMs, log }: PluginServerDeps): Server {
  async function answer(request: IncomingMessage): Promise<Reply> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const method = request.method === 'POST' && Object.hasOwn(driver, path) ? driver[path] : undefined;
    const body = await bodyOf(request);
    // How a plugin answers that it has no such method (moby, pkg/plugins: IsNotFound).
    if (method === undefined) return { status: 404, body: refusal(`the Trunkline driver has no ${path}`) };
    if (!method.body) return { status: 200, ...method.call() };
    if (body === null) throw new DriverRefusal(`the body is longer than ${maxBody} bytes`);
    return { status: 200, ...(await method.call(readBody(body))) };
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = performance.now();
    const late = Promise.withResolvers<Reply>();
    const timer = setTimeout(() => {
      late.resolve({
        status: 200,
        body: refusal(`the Trunkline agent did not answer within ${maxMs / 1000} s: try again`),
      });
    }, maxMs);
    let said: Reply | null = null;
    const own = answer(request)
      .catch((error: unknown): Reply => failure(error, log))
      .then(async (reply) => {
        // Docker got another answer meanwhile, or is gone: nobody knows of this address.
        if (said !== null || response.destroyed) await rollback(reply, log);
        return reply;
      });
    const reply = await Promise.race([own, late.promise]);
    said = reply;
    clearTimeout(timer);
    send(response, reply);
    log.debug(
      { path: request.url, ms: Math.round(performance.now() - began), body: reply.body },
      'Docker asked',
    );
  }

  const server = createServer(
    // Engine 20.10 sends an empty Host header.
    {
      requireHostHeader: false,
      requestTimeout: bodyMs,
      headersTimeout: bodyMs,
      connectionsCheckingInterval: lookEveryMs,
      keepAlive: false,
    },
    (request, response) => {
      // A connection that breaks is no failure of ours.
      request.on('error', () => {});
      response.on('error', () => {});
      void handle(request, response);
    },
  );
  // One call a connection: what comes behind it, before the answer, is none.
  server.maxRequestsPerSocket = 1;
  server.maxConnections = maxConnections;
  server.on('clientError', ({ code }: NodeJS.ErrnoException, socket) => {
    const isLate = code === 'ERR_HTTP_REQUEST_TIMEOUT';
    // Node's types say Duplex; a server of HTTP has sockets.
    endWith(socket as Socket, isLate ? '408 Request Timeout' : '400 Bad Request', isLate ? tooSlow : notHttp);
  });
  server.on('connect', (_, socket) => endWith(socket as Socket, '404 Not Found', notHttp));
  return server;
}

const tooSlow = `the call did not arrive within ${bodyMs / 1000} s`;
const notHttp = 'this is not a call of the Docker plugin protocol';

/** Answers what never became a call on the bare socket, in the form of all other answers, and closes it. */
function endWith(socket: Socket, status: string, why: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(refusal(why));
  socket.write(
    `HTTP/1.1 ${status}\r\ncontent-type: ${mediaType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  // Who does not read is not waited for.
  socket.destroySoon();
  socket.setTimeout(lookEveryMs, () => socket.destroy());
}

type Reply = DriverAnswer & { readonly status: number };

function refusal(message: string): Readonly<Record<string, unknown>> {
  const isLong = message.length > maxRefusal;
  return { Error: isLong ? `${message.slice(0, maxRefusal).toWellFormed()}…` : message };
}

function failure(error: unknown, log: Logger): Reply {
  if (error instanceof CallBroken) {
    log.debug({ reason: error.message }, 'a call of Docker did not arrive completely');
    return { status: 200, body: refusal(error.message) };
  }
  if (error instanceof DriverRefusal || error instanceof InvalidAddress) {
    log.warn({ reason: error.message }, 'a call of Docker was refused');
    return { status: 200, body: refusal(error.message) };
  }
  log.error({ err: error }, 'a call of Docker failed');
  const message = messageOf(error);
  return { status: 200, body: refusal(`the Trunkline agent failed: ${message}; see its log`) };
}

async function rollback({ rollback: undo }: Reply, log: Logger): Promise<void> {
  await undo?.().catch((error: unknown) => {
    log.warn({ err: error }, 'an address whose grant did not reach Docker is rolled back later');
  });
}

function send(response: ServerResponse, { status, body }: Reply): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': mediaType,
    'content-length': Buffer.byteLength(text),
    // Docker does not send a call again when a connection that it had kept breaks under it: none is kept.
    connection: 'close',
  });
  response.end(text);
}

/** The caller went away, or was too slow. */
class CallBroken extends Error {}

/**
 * The body of a call; null for one that is too long. That one is read to its end and not kept: a caller whose connection ends
 * while it sends may not get the answer. This costs time, which is bounded, and no memory.
 */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > maxBody) parts.length = 0;
      else parts.push(part);
    }
  } catch {
    throw new CallBroken(tooSlow);
  }
  return size > maxBody ? null : Buffer.concat(parts).toString('utf8');
}
