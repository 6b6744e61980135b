import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Gauge, type Registry } from 'prom-client';
import { ApiError } from './errors.ts';
import { wantsStream } from './log-stream.ts';
import { createPlaces, type Places } from './places.ts';

/** What one caller may hold open, and all of them together. */
export const limits = {
  /** Streams of events and of the audit log. Each is looked after at every change. */
  streams: { perKey: 32, inAll: 256 },
  /** Answers held by `?wait`, each looked at again at every change. */
  waits: { perKey: 64, inAll: 256 },
  /** Polls of one agent; a lost connection may leave some behind. */
  polls: { perKey: 16, inAll: 65_536 },
  /** Requests of a token that are under way; N askers at once are all answered, up to here. */
  requests: { perKey: 1024, inAll: 8192 },
  /** Calls of an agent: those of its Docker, at most as many as that may have under way, and its own. */
  calls: { perKey: 512, inAll: 16_384 },
} as const;

type Held = 'streams' | 'waits' | 'polls' | 'requests' | 'calls';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route answers a stream where it is asked for one. */
    streams?: boolean;
  }
  interface FastifyRequest {
    /** What the request holds while it is under way; null: nothing, also where it was refused before. */
    holds: Held | null;
  }
}

const words: Record<Held, string> = {
  streams: 'event streams',
  waits: 'requests that wait (`?wait`)',
  polls: 'polls',
  requests: 'requests',
  calls: 'calls',
};

/** What a request holds while it is under way, and for whom; undefined for one of nobody (see source-limits.ts). */
function heldBy(request: FastifyRequest): { what: Held; key: string } | undefined {
  const { wait, dryRun } = request.query as { wait?: string | number; dryRun?: boolean };
  const seconds = wait === undefined ? 0 : Number.parseInt(String(wait), 10);
  const { caller } = request;
  if (caller === null) {
    // Behind the signature it is the host's own.
    const keyid = /keyid="([^"]{36})"/.exec(String(request.headers['signature-input'] ?? ''))?.[1];
    return keyid === undefined ? undefined : { what: seconds > 0 ? 'polls' : 'calls', key: keyid };
  }
  const { tokenId: key } = caller;
  if (request.routeOptions.config.streams === true && wantsStream(request)) return { what: 'streams', key };
  // A dry run of a network waits for its agents unless `wait` is 0.
  const waits = seconds > 0 || (dryRun === true && wait === undefined);
  return { what: waits ? 'waits' : 'requests', key };
}

function takePlace(places: Places, what: Held, key: string, reply: FastifyReply): void {
  const place = places.take(key);
  if (place === 'key')
    throw new ApiError(
      'limit_reached',
      `${limits[what].perKey} ${words[what]} of this caller are open, which is its limit: end one first`,
      { retryAfterSeconds: 5 },
    );
  if (place === 'all')
    throw new ApiError(
      'overloaded',
      `${limits[what].inAll} ${words[what]} are open, which is the limit of this server: ${what === 'waits' ? 'repeat the request without wait, or later' : 'try again later'}`,
      { retryAfterSeconds: 5 },
    );
  // Whichever comes: the end of the answer, or of the connection before it.
  reply.raw.once('finish', place).once('close', place);
}

/** What is held for long, as a scrape names it. Polls of agents have a gauge of their own. */
export const heldWords = { wait: 'waits', stream: 'streams' } as const satisfies Record<string, Held>;

/** Shows how much is held open now. */
export function registerHeldGauge(
  registry: Registry,
  held: Record<(typeof heldWords)[keyof typeof heldWords], Pick<Places, 'taken'>>,
): void {
  const gauge = new Gauge({
    name: 'trunkline_http_held_requests',
    help: 'Requests that wait (?wait, or a dry run that asks agents) and event streams that this server holds open.',
    labelNames: ['held'],
    registers: [registry],
    collect() {
      for (const [word, what] of Object.entries(heldWords)) gauge.set({ held: word }, held[what].taken());
    },
  });
}

/**
 * Bounds what callers hold open, before anything is done for them: what waits costs memory and, at every change, a look
 * at the database.
 */
export const requestLimits = fp<{ registry: Registry }>(
  async (app, { registry }) => {
    const held = {
      streams: createPlaces(limits.streams),
      waits: createPlaces(limits.waits),
      polls: createPlaces(limits.polls),
      requests: createPlaces(limits.requests),
      calls: createPlaces(limits.calls),
    };
    registerHeldGauge(registry, held);
    app.decorateRequest('holds', null);
    app.addHook('preHandler', async (request, reply) => {
      const holds = heldBy(request);
      if (holds === undefined) return;
      takePlace(held[holds.what], holds.what, holds.key, reply);
      request.holds = holds.what;
    });
  },
  { name: 'request-limits', dependencies: ['problems', 'auth'] },
);
