import addFormats from 'ajv-formats';
import { Ajv } from 'ajv';
import fp from 'fastify-plugin';
import { Type } from 'typebox';

/**
 * Two validators: bodies are taken as they are (no coercion, unknown fields refused, no defaults filled in, because
 * `PATCH` tells absent from null), while query strings and paths, which are text, are coerced and get their defaults.
 * A query string with a name that the route does not know is refused: a filter that is misspelt must not list everything.
 */
export const validation = fp(
  async (app) => {
    const shared = {
      allErrors: true,
      verbose: true,
      strict: false,
      removeAdditional: false,
      allowUnionTypes: true,
    } as const;
    const bodies = new Ajv({ ...shared, coerceTypes: false, useDefaults: false });
    const text = new Ajv({ ...shared, coerceTypes: true, useDefaults: true });
    for (const ajv of [bodies, text]) addFormats.default(ajv);
    app.setValidatorCompiler(({ schema, httpPart }) => {
      if (httpPart === 'body') return bodies.compile(schema);
      return text.compile(httpPart === 'querystring' ? { ...schema, additionalProperties: false } : schema);
    });
    // Without a schema nothing is validated, so that a route that takes no query says so.
    app.addHook('onRoute', (route) => {
      if (route.url.startsWith('/v1/')) route.schema = { querystring: Type.Object({}), ...route.schema };
    });
  },
  { name: 'validation' },
);
