import { hash, randomBytes } from 'node:crypto';
import type { Role } from '@trunkline/contracts';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ApiError } from './errors.ts';
import { createTokenWatch } from './token-watch.ts';

/** Who asks. */
export interface Caller {
  tokenId: string;
  name: string;
  role: Role;
}

/** Finds the token behind a secret; undefined when there is none or it has expired. */
export type FindCaller = (secretHash: string) => Promise<Caller | undefined>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The lowest role that may call the route. `public`: no token. `agent`: the route checks the agent's signature itself. */
    access?: Role | 'public' | 'agent';
  }
  interface FastifyRequest {
    /** The caller of a route that wants a token; null elsewhere. */
    caller: Caller | null;
    /** Of a route that wants a token: a signal that fires when the token stops being valid; null elsewhere. */
    tokenEnds: (() => AbortSignal) | null;
  }
}

const rank: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

/** 256 random bits: a fast hash is enough, there is nothing to guess. */
export function newSecret(prefix: 'tl_' | 'tlj_'): string {
  return prefix + randomBytes(32).toString('base64url');
}

/** SHA-256 of a secret, base64url: what is known of it. Text, because caches are asked by it at every request. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'base64url');
}

/** The hash as the database keeps it. */
export function hashBytes(secretHash: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(secretHash, 'base64url'));
}

function bearer(request: FastifyRequest): string {
  const match = /^Bearer ([\x21-\x7e]{8,200})$/i.exec(request.headers.authorization ?? '');
  if (match?.[1] === undefined) {
    throw new ApiError(
      'unauthenticated',
      'send `Authorization: Bearer tl_…`; the first admin token is in the file admin-token of the data directory',
    );
  }
  return match[1];
}

/** The caller of a route behind a token. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error('the route has no caller: its access is public or agent');
  return request.caller;
}

/** Checks the token before anything else of the request is read. A route that names no access is a bug, found at start. */
export const auth = fp<{ findCaller: FindCaller }>(
  async (app, { findCaller }) => {
    app.decorateRequest('caller', null);
    app.decorateRequest('tokenEnds', null);
    const tokenWatch = createTokenWatch(findCaller);
    app.addHook('onRoute', (route) => {
      // Swagger UI brings routes of its own; they show nothing that /openapi.json does not.
      if (route.url.startsWith('/docs')) route.config = { ...route.config, access: 'public' };
      if (route.config?.access === undefined)
        throw new Error(`route ${String(route.method)} ${route.url} names no access`);
    });
    app.addHook('onRequest', async (request, reply) => {
      const access = request.routeOptions.config.access;
      if (request.is404 || access === undefined || access === 'public' || access === 'agent') return;
      const secretHash = hashSecret(bearer(request));
      const caller = await findCaller(secretHash);
      if (caller === undefined)
        throw new ApiError('unauthenticated', 'the token is unknown, revoked or expired');
      // Also of one that is refused for its role: the audit log names it.
      request.caller = caller;
      if (rank[caller.role] < rank[access]) {
        throw new ApiError(
          'forbidden',
          `this requires the role ${access}; token ${caller.name} has ${caller.role}`,
        );
      }
      request.tokenEnds = () => {
        const { signal, release } = tokenWatch.watch(secretHash);
        reply.raw.once('close', release);
        if (reply.raw.closed) release();
        return signal;
      };
    });
  },
  { name: 'auth', dependencies: ['problems'] },
);
