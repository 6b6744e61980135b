import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** Whether a route answers what a caller may have already: a GET of the API. */
export const isConditional = (route: {
  method: string | readonly string[];
  url: string;
  config?: { access?: string | undefined };
}): boolean =>
  [route.method].flat().includes('GET') && route.url.startsWith('/v1/') && route.config?.access !== 'agent';

const isRead = ({ method, routeOptions: { url, config } }: FastifyRequest): boolean =>
  (method === 'GET' || method === 'HEAD') && isConditional({ method: 'GET', url: url ?? '', config });

/**
 * The tag of an answer: the version of the resource, where it has one, and what was answered. The version alone does not do: what is
 * observed changes without it. `If-Match` looks at the version alone.
 */
export function answerTag(version: unknown, body: string): string {
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return typeof version === 'string' ? `${version.slice(0, -1)}.${hash}"` : `"${hash}"`;
}

/** Whether a header of tags has this one (RFC 9110 13.1.2: compared weakly). */
export const hasTag = (header: string, tag: string): boolean =>
  header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === tag);

/** Gives every GET of the API an ETag, and answers 304 to whoever has that already. */
export const conditionalGet = fp(
  async (app) => {
    app.addHook('onSend', async (request, reply: FastifyReply, payload) => {
      if (reply.statusCode !== 200 || typeof payload !== 'string' || !isRead(request)) return payload;
      const tag = answerTag(reply.getHeader('etag'), payload);
      reply.header('etag', tag);
      // Kept only by who asks, and asked for again each time.
      if (reply.getHeader('cache-control') === undefined) reply.header('cache-control', 'private, no-cache');
      const { 'if-none-match': sent } = request.headers;
      if (sent === undefined || !hasTag(sent, tag)) return payload;
      reply.code(304).removeHeader('content-type').removeHeader('content-length');
      return '';
    });
  },
  { name: 'conditional-get' },
);
