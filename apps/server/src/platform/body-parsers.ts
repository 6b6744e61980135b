import type { FastifyBodyParser, FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { bodyLimitOf, smallBody } from './body-limits.ts';
import { invalidFields } from './errors.ts';
import { mayBeUnstorable, shapeFault, textFault } from './json-text.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Values that a body of the route may have. Set for every route here. */
    bodyValues?: number;
  }
}

/**
 * Reads JSON as all routes take it: of a bounded shape, `__proto__` and `constructor.prototype` refused, and texts that
 * nobody can keep.
 */
export function jsonParser(app: Pick<FastifyInstance, 'getDefaultJsonParser'>): FastifyBodyParser<string> {
  const parse = app.getDefaultJsonParser('error', 'error');
  return (request, json, done) => {
    const { bodyValues = smallBody.values } = request.routeOptions.config;
    const misshapen = shapeFault(json, bodyValues);
    if (misshapen !== undefined) return done(invalidFields([misshapen]));
    void parse(request, json, (error, value: unknown) => {
      if (error !== null) return done(error);
      const fault = mayBeUnstorable(json) ? textFault(value) : undefined;
      done(fault === undefined ? null : invalidFields([fault]), value);
    });
  };
}

/**
 * Bodies are JSON: `application/json`, and `application/merge-patch+json` (RFC 7396) read the same way. Fastify would
 * take `text/plain` too. How large one may be is decided here for every route (body-limits.ts).
 */
export const bodyParsers = fp(
  async (app) => {
    app.removeContentTypeParser(['text/plain', 'application/json']);
    app.addContentTypeParser(
      ['application/json', 'application/merge-patch+json'],
      { parseAs: 'string' },
      jsonParser(app),
    );
    app.addHook('onRoute', (route) => {
      const { bytes, values } = bodyLimitOf(route);
      route.bodyLimit = bytes;
      route.config = { ...route.config, bodyValues: values };
    });
  },
  { name: 'body-parsers' },
);
