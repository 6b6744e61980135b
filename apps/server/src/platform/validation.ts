import addFormats from 'ajv-formats';
import { Ajv } from 'ajv';
import type { FastifySchemaCompiler, FastifySchema } from 'fastify';

/**
 * Two validators: bodies are taken as they are (no coercion, unknown fields refused, no defaults filled in, because
 * `PATCH` tells absent from null), while query strings and paths, which are text, are coerced and get their defaults.
 */
export function createValidatorCompiler(): FastifySchemaCompiler<FastifySchema> {
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
  return ({ schema, httpPart }) => (httpPart === 'body' ? bodies : text).compile(schema);
}
