import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import * as contracts from '@trunkline/contracts';
import type { FastifySchema } from 'fastify';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { isConditional } from './conditional-get.ts';
import { withoutSentExamples } from './openapi-parameters.ts';

/**
 * A schema with the named ones inside it replaced by references. The serializer requires each name defined once, and the
 * document is read more easily so.
 */
function byReference(schema: unknown, isTop = false): unknown {
  if (Array.isArray(schema)) return schema.map((item) => byReference(item));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $id } = schema as { $id?: unknown };
  if (typeof $id === 'string' && !isTop) return { $ref: `${$id}#` };
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, byReference(value)]));
}

const namedSchemas = Object.values(contracts as Record<string, unknown>).filter(
  (value): value is { $id: string } => typeof value === 'object' && value !== null && '$id' in value,
);

const problemContent = {
  description: 'What went wrong (RFC 9457).',
  content: { 'application/problem+json': { schema: byReference(contracts.Problem) } },
};

const sections = [
  {
    name: 'networks',
    description: 'Layer-2 networks for containers, and their state on each host.',
  },
  {
    name: 'addresses',
    description: 'Which owner has which address. A repeated request of an owner gets the same address.',
  },
  { name: 'containers', description: 'Containers that Trunkline runs on the hosts.' },
  { name: 'checks', description: 'One-shot checks: whether something works, and if not, why.' },
  { name: 'hosts', description: 'Machines with a Docker Engine and one agent.' },
  { name: 'join-tokens', description: 'Tokens that let one host join, once, within an hour.' },
  {
    name: 'events',
    description:
      'Everything that happened, in order. The types are listed under [/docs/events](/docs/events).',
  },
  {
    name: 'audit',
    description: 'Who asked for which change, from where, and what became of it.',
  },
  {
    name: 'webhooks',
    description: 'Where events are sent, as Standard Webhooks 1.0 has it.',
  },
  { name: 'tokens', description: 'Tokens for callers of this API.' },
  { name: 'server', description: 'State of the server itself.' },
];

const intro = `Declare the networks and containers that you want. Trunkline creates them on every host, keeps them as declared, and reports what it observes.

**Authenticate** with \`Authorization: Bearer tl_…\`. The first admin token is in the file \`admin-token\` of the data directory.
**Errors** are \`application/problem+json\` with a stable \`code\`; the codes are listed under [/docs/errors](/docs/errors).
**Conditions** of hosts, networks, placements and containers have a stable \`type\` and \`reason\`; they are listed with what to do under [/docs/conditions](/docs/conditions).
**Write safely**: \`Idempotency-Key\` on POST; \`If-Match\` with the ETag on a change or DELETE of networks and hosts, and on a change of a container (\`*\` matches any version); PUT creates what is not there (\`If-None-Match: *\`: only that); \`?dryRun=true\` shows the result without changing anything; \`?wait=30s\` waits until the change is applied on its hosts, or only a person can change what is in the way.
**Read cheaply**: every GET has an \`ETag\`; send it as \`If-None-Match\`, and an unchanged answer is 304 without a body. Long answers are compressed for \`Accept-Encoding: gzip\`.
**Trace requests**: \`X-Request-Id\` (up to 64 letters, digits, \`.\`, \`_\`, \`:\` or \`-\`, the first a letter or digit) names your request in logs, events and the audit log. Every answer has it; the server chooses one where you do not.
**Lists** return \`nextCursor\`; send it as \`cursor\` to get the next page.`;

/** What the server itself sends, to the targets of webhooks (OpenAPI 3.1, `webhooks`). */
const sentToWebhooks = {
  event: {
    post: {
      operationId: 'receiveEvent',
      summary: 'An event is sent to a webhook',
      description:
        'A POST to the `url` of a webhook, signed as Standard Webhooks 1.0 has it (`webhook-id`, `webhook-timestamp`, `webhook-signature`). It is sent again until it is answered with 2xx; 410 disables the webhook.',
      tags: ['webhooks'],
      security: [],
      requestBody: {
        required: true,
        content: { 'application/json': { schema: { $ref: '#/components/schemas/WebhookMessage' } } },
      },
      responses: {
        204: { description: 'Taken; the body of any 2xx is not read.' },
        '4XX': { description: 'Sent again later; 410: never again.' },
      },
    },
  },
};

/** OpenAPI 3.1 at /openapi.json and Swagger UI at /docs, made from the very schemas that validate. */
export const openapi = fp<{ version: string }>(
  async (app, { version }) => {
    for (const schema of namedSchemas) app.addSchema(byReference(schema, true));
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Trunkline',
          version,
          description: intro,
          license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
        },
        servers: [{ url: '/', description: 'The server that this document comes from.' }],
        tags: sections,
        components: {
          securitySchemes: {
            token: { type: 'http', scheme: 'bearer', description: 'An API token: `tl_…`.' },
          },
        },
        security: [{ token: [] }],
      },
      // Agents use a protocol of their own; it is documented in docs/agent-protocol.md.
      transform: ({ schema, url, route }) => ({
        url,
        schema: {
          ...withoutSentExamples(
            withRefusals({
              ...withExamples(schema as FastifySchema | undefined),
              ...(isConditional(route) ? conditional(schema as FastifySchema | undefined) : {}),
            }),
          ),
          ...(route.config?.access === 'agent' ? { hide: true } : {}),
          ...(route.config?.access === 'public' ? { security: [] } : {}),
        },
      }),
      transformObject: (document) =>
        'openapiObject' in document
          ? { ...withNamedBodies(document.openapiObject), webhooks: sentToWebhooks }
          : document.swaggerObject,
      refResolver: {
        buildLocalReference: (json, _base, _fragment, i) =>
          typeof json['$id'] === 'string' ? json['$id'] : `def-${i}`,
      },
    });
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig: {
        docExpansion: 'list',
        tryItOutEnabled: true,
        persistAuthorization: true,
        displayRequestDuration: true,
        filter: true,
      },
    });
    app.get('/openapi.json', { config: { access: 'public' }, schema: { hide: true } }, async () =>
      app.swagger(),
    );
  },
  { name: 'openapi', dependencies: ['problems'] },
);

/** What every GET takes and answers beside its own (conditional-get.ts). */
function conditional({ headers, response }: FastifySchema = {}): FastifySchema {
  const own = (headers as { properties?: object } | undefined)?.properties ?? {};
  return {
    headers: Type.Object({
      ...own,
      'if-none-match': Type.Optional(
        Type.String({
          maxLength: 16_384,
          description:
            'The `ETag` of an answer that you have: 304 without a body where it would be the same.',
        }),
      ),
    }),
    response: {
      ...(response as object),
      304: Type.Null({ description: 'It is as the answer that you have.' }),
    },
  };
}

/** Where the name of a body is kept until its examples stand beside it. */
const bodyName = 'x-component';

/** A body that is referred to loses its examples in Swagger UI, so it is handed over as it is, with its name. */
function withExamples(schema: FastifySchema | undefined): FastifySchema | undefined {
  if (typeof schema?.body !== 'object' || schema.body === null || !('$id' in schema.body)) return schema;
  const { $id: name, ...body } = schema.body;
  return { ...schema, body: { ...body, [bodyName]: name } };
}

/** Generated clients get a type for each body by its name. The examples stay beside it. */
function withNamedBodies<D extends { paths?: object | undefined }>(document: D): D {
  for (const methods of Object.values(document.paths ?? {}) as Record<string, DocumentedOperation>[])
    for (const { requestBody } of Object.values(methods))
      for (const media of Object.values(requestBody?.content ?? {})) {
        const name = media.schema?.[bodyName];
        if (typeof name === 'string') media.schema = { $ref: `#/components/schemas/${name}` };
      }
  return document;
}

interface DocumentedOperation {
  requestBody?: { content?: Record<string, { schema?: Record<string, unknown> }> };
}

/** What is refused is said by its class too: generated clients and linters do not read `default`. */
function withRefusals(schema: FastifySchema): FastifySchema {
  const { default: other, ...response } = (schema.response ?? {}) as Record<string, unknown>;
  return other === undefined
    ? schema
    : { ...schema, response: { ...response, '4XX': other, '5XX': other, default: other } };
}

/** The answers of a route: its own, and the problem that any other status is. */
export function answers(own: Record<number, unknown>): Record<string, unknown> {
  return { ...(byReference(own) as Record<string, unknown>), default: problemContent };
}
