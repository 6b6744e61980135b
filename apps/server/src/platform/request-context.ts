import type { FastifyReply, FastifyRequest } from 'fastify';
import { originOf } from './audit.ts';
import { callerOf } from './auth.ts';
import type { ChangeContext } from './changes.ts';
import { idempotencyRequest, type Reply } from './idempotency.ts';

/** Who changes what, under which request: from the token, the request id, `?dryRun` and the Idempotency-Key. */
export function changeContext(request: FastifyRequest): ChangeContext {
  const caller = callerOf(request);
  const query = request.query as { dryRun?: boolean };
  const key =
    request.method === 'POST'
      ? idempotencyRequest(caller.tokenId, request.headers['idempotency-key'], {
          method: request.method,
          url: request.url,
          body: request.body,
        })
      : undefined;
  return {
    actor: `token:${caller.name}`,
    requestId: request.id,
    origin: originOf(request),
    ...(key === undefined ? {} : { idempotency: key }),
    ...(query.dryRun === true ? { dryRun: true } : {}),
  };
}

const inMs = (wait: string): number => Number.parseInt(wait, 10) * 1000;

/** `?wait=30s` in milliseconds; 0 when the caller does not wait. A dry run has nothing to wait for. */
export function waitMs(request: FastifyRequest): number {
  const query = request.query as { wait?: string; dryRun?: boolean };
  if (query.wait === undefined || query.dryRun === true) return 0;
  return inMs(query.wait);
}

const preflightMs = 10_000;

/** How long a dry run waits for the agents it asks: `?wait` in milliseconds, 10 s where it is left out. */
export function dryRunWaitMs(request: FastifyRequest): number {
  const { wait } = request.query as { wait?: string };
  return wait === undefined ? preflightMs : inMs(wait);
}

/** One signal a connection: a kept-alive one carries many requests, and listeners of its own for each would pile up. */
const goneSignals = new WeakMap<object, AbortSignal>();

/** Fires when there is nobody to answer any more: the caller hangs up, or the token is revoked or expires. */
export function callerGone(request: FastifyRequest): AbortSignal {
  const gone = hungUp(request);
  return request.tokenEnds === null ? gone : AbortSignal.any([gone, request.tokenEnds()]);
}

function hungUp(request: FastifyRequest): AbortSignal {
  const { socket } = request.raw;
  const known = goneSignals.get(socket);
  if (known !== undefined) return known;
  const controller = new AbortController();
  if (socket.destroyed) controller.abort();
  socket.once('close', () => controller.abort());
  goneSignals.set(socket, controller.signal);
  return controller.signal;
}

/**
 * Sends a reply that may have been kept from an earlier request with the same Idempotency-Key. What a dry run would make
 * is nowhere to be found, so its answer names no Location.
 */
export async function sendReply(reply: FastifyReply, answer: Reply & { replayed?: boolean }): Promise<void> {
  const { dryRun } = reply.request.query as { dryRun?: boolean };
  for (const [name, value] of Object.entries(answer.headers ?? {}))
    if (dryRun !== true || name !== 'location') reply.header(name, value);
  if (answer.replayed === true) reply.header('idempotency-replayed', 'true');
  await reply.code(answer.status).send(answer.body);
}
