import { isIPv6 } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { hashSecret } from './auth.ts';
import { ApiError } from './errors.ts';
import { createPlaces, createRate } from './places.ts';

/** What one source may ask before it is known who asks. */
export const sourceLimits = {
  /** Requests that are refused with 401: so many at once, and a second. */
  refused: { burst: 100, perSecond: 10 },
  /** Joins under way: whoever sends one may take his time with the body. */
  joins: { perKey: 256, inAll: 2048 },
} as const;

/** Credentials that were found right lately and are not stopped by what others at their source do. */
const maxProven = 20_000;

/**
 * Where a request comes from: the address of the other end of the connection, which is a proxy's where there is one. Of IPv6
 * the /64, which is one customer's.
 */
export function sourceOf(ip: string): string {
  const plain = ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice('::ffff:'.length) : ip;
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = (plain.split('%')[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - rest.length }, () => '0');
  return `${[...groups, ...zeros, ...rest].slice(0, 4).join(':')}::/64`;
}

/** What a request is known by, once it was found right; null: by nothing. */
function credentialOf({ headers, ip }: FastifyRequest): string | null {
  const secret = /^Bearer ([\x21-\x7e]{8,200})$/i.exec(headers.authorization ?? '')?.[1];
  // A secret is nobody else's; the id of a host may be known to others, but hardly from where its agent is.
  if (secret !== undefined) return hashSecret(secret);
  const keyid = /keyid="([^"]{36})"/.exec(String(headers['signature-input'] ?? ''))?.[1];
  return keyid === undefined ? null : `${sourceOf(ip)} ${keyid}`;
}

/**
 * Bounds what sources may ask that nobody knows: each look for a token or a key costs the database a statement, and each
 * signature a check. What succeeds costs nothing and is never refused for its neighbours, so that a fleet behind one address, or a
 * proxy, is not shut out by one bad token there. Before everything else that is done for a request.
 */
export const limitSources = fp(
  async (app) => {
    const refused = createRate(sourceLimits.refused, () => performance.now());
    const joins = createPlaces(sourceLimits.joins);
    const proven = new Set<string>();

    app.addHook('onRequest', async (request) => {
      const { access } = request.routeOptions.config;
      if (request.is404 || access === undefined || access === 'public') return;
      const source = sourceOf(request.ip);
      const seconds = refused.waitSeconds(source);
      if (seconds === 0) return;
      const credential = credentialOf(request);
      // One that is proven has its own budget: it may have been revoked.
      if (credential !== null && proven.has(credential) && refused.waitSeconds(credential) === 0) return;
      throw new ApiError(
        'limit_reached',
        `too many requests from ${source} were refused for their tokens or signatures: wait a while`,
        { retryAfterSeconds: seconds },
      );
    });
    app.addHook('onResponse', async (request, reply) => {
      const { access } = request.routeOptions.config;
      if (request.is404 || access === undefined || access === 'public') return;
      const credential = credentialOf(request);
      if (reply.statusCode === 401) {
        if (credential !== null && proven.has(credential)) refused.count(credential);
        refused.count(sourceOf(request.ip));
      } else if (credential !== null && isKnown(request)) keep(proven, credential);
    });
    app.addHook('onRoute', (route) => {
      if (route.url !== '/agent/v1/join') return;
      route.onRequest = async ({ ip }: FastifyRequest, reply: FastifyReply) => {
        const place = joins.take(sourceOf(ip));
        if (typeof place === 'string')
          throw new ApiError(
            place === 'key' ? 'limit_reached' : 'overloaded',
            `${place === 'key' ? sourceLimits.joins.perKey : sourceLimits.joins.inAll} joins are under way${place === 'key' ? ` from ${sourceOf(ip)}` : ''}: send the request again`,
            { retryAfterSeconds: 2 },
          );
        reply.raw.once('finish', place).once('close', place);
      };
    });
  },
  { name: 'source-limits', dependencies: ['problems'] },
);

/** It was found who asks. */
function isKnown({ caller, agentHost }: FastifyRequest & { agentHost?: unknown }): boolean {
  return caller !== null || (agentHost !== undefined && agentHost !== null);
}

/** The one that was not used for longest goes first. */
function keep(proven: Set<string>, credential: string): void {
  proven.delete(credential);
  proven.add(credential);
  const [oldest] = proven;
  if (proven.size > maxProven && oldest !== undefined) proven.delete(oldest);
}
