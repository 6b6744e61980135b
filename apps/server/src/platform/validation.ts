import { isInstant } from '@trunkline/contracts';
import addFormats from 'ajv-formats';
import { Ajv, type AnySchema, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { ApiError } from './errors.ts';
import { isSmallJson } from './json-text.ts';

/** Of a body with more values than this only the first error is looked for. A network of 16 subnets has some 100. */
const maxExplained = 2_000;

const shared: Options = {
  verbose: true,
  strict: false,
  removeAdditional: false,
  allowUnionTypes: true,
  // Sizes are checked before what is in a list or map (ajv: validation before applicators), and the first error ends it.
  allErrors: false,
};
/** Bodies are taken as they are: no coercion, no defaults filled in, because `PATCH` tells absent from null. */
const asTheyAre: Options = { ...shared, coerceTypes: false, useDefaults: false };

function ajv(options: Options): Ajv {
  const made = new Ajv(options);
  addFormats.default(made);
  // The format's own takes leap seconds and offsets that lead out of the years PostgreSQL and JavaScript share.
  made.addFormat('date-time', { type: 'string', validate: isInstant });
  return made;
}

/**
 * Checks a body with one pass that stops at the first error, so that nothing wrong costs more than what is right. Only a
 * small body that is wrong is looked through again, for all that is to be mended.
 */
function compileBody(
  strict: Ajv,
  explaining: Ajv,
  schema: AnySchema,
): ((body: unknown) => boolean) & { errors?: ErrorObject[] | null } {
  const check = strict.compile(schema);
  let explain: ValidateFunction | undefined;
  const validate: ((body: unknown) => boolean) & { errors?: ErrorObject[] | null } = (body) => {
    if (check(body)) return true;
    validate.errors = check.errors ?? null;
    if (isSmallJson(body, maxExplained)) {
      explain ??= explaining.compile(schema);
      if (!explain(body)) validate.errors = explain.errors ?? null;
    }
    return false;
  };
  return validate;
}

/**
 * Two validators: bodies are taken as they are (unknown fields refused), while query strings and paths, which are text,
 * are coerced and get their defaults. A query string with a name that the route does not know is refused: a filter that
 * is misspelt must not list everything.
 */
export const validation = fp(
  async (app) => {
    const bodies = ajv(asTheyAre);
    const explainedBodies = ajv({ ...asTheyAre, allErrors: true });
    // A URL has at most 16 KiB.
    const text = ajv({ ...shared, coerceTypes: true, useDefaults: true, allErrors: true });
    app.setValidatorCompiler(({ schema, httpPart }) => {
      if (httpPart === 'body') return compileBody(bodies, explainedBodies, schema);
      return text.compile(httpPart === 'querystring' ? { ...schema, additionalProperties: false } : schema);
    });
    app.addHook('onRequest', async ({ raw }) => {
      // Half a surrogate pair has no UTF-8, so this is all that a URL can bring.
      if (raw.url?.includes('%00') === true)
        throw new ApiError(
          'invalid_request',
          'the URL contains %00, a character that cannot be stored: leave it out',
        );
    });
    // Without a schema nothing is validated, so that a route that takes no query says so.
    app.addHook('onRoute', (route) => {
      if (route.url.startsWith('/v1/')) route.schema = { querystring: Type.Object({}), ...route.schema };
    });
  },
  { name: 'validation' },
);
