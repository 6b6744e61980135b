import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ApiError } from './errors.ts';
import { createPlaces, createRate, type Places } from './places.ts';

/** What one caller may hold open, and all of them together. */
export const limits = {
  /** Streams of events. Each is looked after at every change. */
  streams: { perKey: 32, inAll: 256 },
  /** Answers held by `?wait`, each looked at anew at every change. */
  waits: { perKey: 64, inAll: 256 },
  /** Polls of one agent; a lost connection may leave some behind. */
  polls: { perKey: 16, inAll: 65_536 },
  /** Joins that are refused: from one source, at once and a second. */
  refusedJoins: { burst: 100, perSecond: 2 },
} as const;

type Held = 'streams' | 'waits' | 'polls';

const words: Record<Held, string> = {
  streams: 'event streams',
  waits: 'requests that wait (`?wait`)',
  polls: 'polls',
};

/** What a request would hold, and for whom; undefined when it is answered at once. */
function heldBy(request: FastifyRequest): { what: Held; key: string } | undefined {
  const { wait, dryRun } = request.query as { wait?: string | number; dryRun?: boolean };
  const seconds = wait === undefined ? 0 : Number.parseInt(String(wait), 10);
  const { caller } = request;
  if (caller === null) {
    const keyid = /keyid="([^"]{36})"/.exec(String(request.headers['signature-input'] ?? ''))?.[1];
    return keyid !== undefined && seconds > 0 ? { what: 'polls', key: keyid } : undefined;
  }
  if (request.routeOptions.url === '/v1/events')
    return /\btext\/event-stream\b/.test(request.headers.accept ?? '')
      ? { what: 'streams', key: caller.tokenId }
      : undefined;
  // A dry run of a network waits for its agents unless `wait` says otherwise.
  const waits = seconds > 0 || (dryRun === true && wait === undefined);
  return waits ? { what: 'waits', key: caller.tokenId } : undefined;
}

function takePlace(places: Places, what: Held, key: string, reply: FastifyReply): void {
  const place = places.take(key);
  if (place === 'key')
    throw new ApiError(
      'limit_reached',
      `${limits[what].perKey} ${words[what]} of this caller are open, as many as it may have: end one first`,
      { retryAfterSeconds: 5 },
    );
  if (place === 'all')
    throw new ApiError(
      'overloaded',
      `${limits[what].inAll} ${words[what]} are open, as many as this server holds: ask without waiting, or later`,
      { retryAfterSeconds: 5 },
    );
  // Whichever comes: the end of the answer, or of the connection before it.
  reply.raw.once('finish', place).once('close', place);
}

/**
 * Bounds what callers hold open, before anything is done for them: what waits costs memory and, at every change, a look
 * at the database.
 */
export const requestLimits = fp(
  async (app) => {
    const held = {
      streams: createPlaces(limits.streams),
      waits: createPlaces(limits.waits),
      polls: createPlaces(limits.polls),
    };
    app.addHook('preHandler', async (request, reply) => {
      const holds = heldBy(request);
      if (holds !== undefined) takePlace(held[holds.what], holds.what, holds.key, reply);
    });

    // A join is the one route that looks into the database for anybody.
    const refused = createRate(limits.refusedJoins, () => performance.now());
    app.addHook('onRoute', (route) => {
      if (route.url !== '/agent/v1/join') return;
      route.onRequest = async ({ ip }: FastifyRequest) => {
        const seconds = refused.waitSeconds(ip);
        if (seconds > 0)
          throw new ApiError('limit_reached', `too many joins from ${ip} were refused: wait a while`, {
            retryAfterSeconds: seconds,
          });
      };
      route.onResponse = async ({ ip }: FastifyRequest, reply: FastifyReply) => {
        if (reply.statusCode === 401) refused.count(ip);
      };
    });
  },
  { name: 'request-limits', dependencies: ['problems', 'auth'] },
);
