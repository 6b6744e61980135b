import type { FastifySchema } from 'fastify';

interface Parameter {
  description?: string;
  examples?: readonly unknown[];
  default?: unknown;
}

/**
 * Optional parameters without examples: Swagger UI sends the example of a parameter unless it is deleted by hand, and a
 * list of what `web-1` holds is empty. The description names it instead. `*` of `If-Match` is kept: it may be sent as it is.
 */
export function withoutSentExamples(schema: FastifySchema): FastifySchema {
  return {
    ...schema,
    ...(schema.querystring === undefined ? {} : { querystring: named(schema.querystring) }),
    ...(schema.headers === undefined ? {} : { headers: named(schema.headers) }),
  };
}

function named(part: unknown): unknown {
  const { properties = {}, required = [] } = part as {
    properties?: Record<string, Parameter>;
    required?: readonly string[];
  };
  return {
    ...(part as object),
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, parameter]) => [
        name,
        required.includes(name) || parameter.examples?.[0] === '*' ? parameter : inWords(parameter),
      ]),
    ),
  };
}

function inWords({ examples, ...parameter }: Parameter): Parameter {
  const [example] = examples ?? [];
  const { description = '' } = parameter;
  if (typeof example !== 'string' || description.includes(example)) return parameter;
  return { ...parameter, description: `${description} For example \`${example}\`.` };
}
