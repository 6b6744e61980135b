import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unbounded } from '../../../../packages/contracts/src/unbounded.fixture.ts';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';

interface Schema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  additionalProperties?: boolean | Schema;
  example?: unknown;
  examples?: unknown[];
  $ref?: string;
}
interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    example?: unknown;
    examples?: unknown;
    schema: Schema;
  }[];
  requestBody?: {
    content: Record<string, { schema: Schema; example?: unknown; examples?: Record<string, unknown> }>;
  };
  responses: Record<string, { description?: string; content?: Record<string, { schema: Schema }> }>;
  security?: unknown[];
}

let server: TestServer;
let operations: { name: string; operation: Operation }[];
let version: string;
let schemas: Record<string, Schema>;
let webhooks: unknown;

beforeAll(async () => {
  server = await createTestServer();
  const document = (await server.app.inject({ url: '/openapi.json' })).json<{
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
    components: { schemas?: Record<string, Schema> };
    webhooks?: unknown;
  }>();
  webhooks = document.webhooks;
  version = document.openapi;
  schemas = document.components.schemas ?? {};
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
});
afterAll(() => server?.close());

/** Every field below a schema, with the path that leads to it. */
function* fields(schema: Schema, path: string): Generator<{ path: string; field: Schema }> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    yield { path: `${path}.${name}`, field };
    yield* fields(field, `${path}.${name}`);
  }
  if (schema.items !== undefined) yield* fields(schema.items, `${path}[]`);
  for (const [n, one] of (schema.anyOf ?? []).entries()) yield* fields(one, `${path}|${n}`);
  if (typeof schema.additionalProperties === 'object')
    yield* fields(schema.additionalProperties, `${path}.*`);
}

describe('the OpenAPI document is the manual', () => {
  test('it is OpenAPI 3.1', () => {
    expect(version).toMatch(/^3\.1/);
  });

  test('every public route is in it, and no route of agents', () => {
    const names = operations.map(({ name }) => name);
    for (const path of [
      '/v1/hosts',
      '/v1/join-tokens',
      '/v1/networks',
      '/v1/networks/{name}/placements',
      '/v1/networks/{name}/addresses',
      '/v1/networks/{name}/free',
      '/v1/containers',
      '/v1/endpoints',
      '/v1/checks',
      '/v1/events',
      '/v1/tokens',
      '/v1/audit',
      '/v1/webhooks',
      '/livez',
      '/readyz',
      '/metrics',
    ]) {
      expect(names).toContain(`GET ${path}`);
    }
    expect(names.filter((name) => name.includes('/agent/'))).toEqual([]);
  });

  test('every text, list, number and map has an upper bound', () => {
    expect([...unbounded({ operations, schemas }, '')]).toEqual([]);
  });

  test('every operation has an id of its own, a section, a summary and a description', () => {
    const bare = operations.filter(
      ({ operation }) =>
        !operation.operationId ||
        !operation.summary ||
        !operation.description ||
        operation.tags?.length !== 1,
    );
    expect(bare.map(({ name }) => name)).toEqual([]);
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('every operation says what its errors look like', () => {
    const silent = operations.filter(
      ({ operation }) =>
        operation.responses['default']?.content?.['application/problem+json'] === undefined &&
        operation.operationId !== 'metrics',
    );
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test('every parameter and every field is described', () => {
    const bare: string[] = [];
    for (const { name, operation } of operations) {
      for (const parameter of operation.parameters ?? [])
        if (!parameter.description) bare.push(`${name} ?${parameter.name}`);
      for (const { schema } of Object.values(operation.requestBody?.content ?? {})) {
        for (const { path, field } of fields(schema, 'body'))
          if (!field.description && field.$ref === undefined) bare.push(`${name} ${path}`);
      }
      for (const [status, response] of Object.entries(operation.responses)) {
        for (const { schema } of Object.values(response.content ?? {})) {
          for (const { path, field } of fields(schema, status))
            if (!field.description && field.$ref === undefined) bare.push(`${name} ${path}`);
        }
      }
    }
    for (const [name, schema] of Object.entries(schemas)) {
      for (const { path, field } of fields(schema, name))
        if (!field.description && field.$ref === undefined) bare.push(path);
    }
    expect([...new Set(bare)]).toEqual([]);
  });

  test('Swagger UI sends no optional parameter that nobody filled in, but `*` for If-Match', () => {
    const optional = operations.flatMap(({ name, operation }) =>
      (operation.parameters ?? [])
        .filter(({ required }) => required !== true)
        .map(({ schema, ...parameter }) => ({
          parameter: `${name} ${parameter.name}`,
          sent: parameter.example ?? parameter.examples ?? schema.example ?? schema.examples,
        })),
    );
    const sent = optional.filter((one) => one.sent !== undefined);
    expect(sent).toEqual(
      optional
        .filter(({ parameter }) => parameter.endsWith(' if-match'))
        .map(({ parameter }) => ({ parameter, sent: '*' })),
    );
  });

  test('every operation says which preconditions and keys it heeds', () => {
    const withHeader = (header: string): string[] =>
      operations
        .filter(({ operation }) =>
          operation.parameters?.some((one) => one.name === header && one.in === 'header'),
        )
        .map(({ name }) => name)
        .sort();
    expect(withHeader('if-match')).toEqual([
      'DELETE /v1/containers/{name}',
      'DELETE /v1/hosts/{name}',
      'DELETE /v1/networks/{name}',
      'PATCH /v1/hosts/{name}',
      'PATCH /v1/networks/{name}',
      'PUT /v1/containers/{name}',
      'PUT /v1/networks/{name}',
    ]);
    const posts = operations.map(({ name }) => name).filter((name) => name.startsWith('POST '));
    expect(withHeader('idempotency-key')).toEqual(posts.sort());
  });

  test('every body has an example that Swagger UI can send', () => {
    const bare = operations.filter(({ operation }) =>
      Object.values(operation.requestBody?.content ?? {}).some(
        ({ example, examples }) => example === undefined && examples === undefined,
      ),
    );
    expect(bare.map(({ name }) => name)).toEqual([]);
  });

  test('bodies have names, and no name stands for nothing', () => {
    const bodies = operations.flatMap(({ name, operation }) =>
      Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => [name, schema.$ref] as const),
    );
    expect(bodies.filter(([, ref]) => ref === undefined).map(([name]) => name)).toEqual([]);
    const used = new Set(
      JSON.stringify([operations, schemas, webhooks]).match(/(?<=#\/components\/schemas\/)\w+/g) ?? [],
    );
    expect(Object.keys(schemas).filter((name) => !used.has(name))).toEqual([]);
  });

  test('what is refused is described by its class, and by default', () => {
    const silent = operations.filter(
      ({ operation: { responses, operationId } }) =>
        operationId !== 'metrics' &&
        ['4XX', '5XX', 'default'].some(
          (status) => responses[status]?.content?.['application/problem+json'] === undefined,
        ),
    );
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test('nullable fields are written as OpenAPI 3.1 has it', async () => {
    expect(JSON.stringify((await server.app.inject({ url: '/openapi.json' })).json())).not.toContain(
      '"nullable"',
    );
  });
});
