import * as contracts from '@trunkline/contracts';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { Promised } from './judge.ts';
import type { Schema } from './schema-arbitrary.ts';

/** A parameter of an operation. */
export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: Schema;
}

/** One operation as its document has it. */
export interface Operation {
  name: string;
  method: string;
  path: string;
  parameters: readonly Parameter[];
  body: Schema | undefined;
  promised: Promised;
}

interface DocumentOperation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

/** `/openapi.json`, as far as it is read here. */
export interface OpenApiDocument {
  paths: Record<string, Record<string, DocumentOperation>>;
  components: { schemas: Record<string, Schema> };
}

function validator(): Ajv {
  const ajv = new Ajv({ strict: false, allowUnionTypes: true, validateSchema: false });
  addFormats.default(ajv);
  return ajv;
}

function faultOf(check: ValidateFunction, body: unknown): string | undefined {
  if (check(body)) return undefined;
  const [error] = check.errors ?? [];
  return `${error?.instancePath ?? ''} ${error?.message ?? ''} ${JSON.stringify(error?.params)}`;
}

const problemCheck = validator().compile(contracts.Problem);

/** What is wrong with a problem. */
export const problemFault: Promised['fault'] = (_status, body) => faultOf(problemCheck, body);

/** A schema of the document, for a validator that knows the document as `document`. */
const local = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/')) as Schema;

/** Whether it is one status, and no class (`4XX`) or rest (`default`). */
const isOne = (status: string): boolean => /^\d{3}$/.test(status);

/** A body stands in the document under its name. */
function named(schema: Schema | undefined, { components }: OpenApiDocument): Schema | undefined {
  const [, name] = /^#\/components\/schemas\/(\w+)$/.exec(schema?.$ref ?? '') ?? [];
  return name === undefined ? schema : components.schemas[name];
}

/** Every operation of the document, with checks of its answers made from the document itself. */
export function operationsOf(document: OpenApiDocument): Operation[] {
  const ajv = validator();
  ajv.addSchema({ $id: 'document', components: document.components });
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const checks = new Map<number, ValidateFunction>();
      let isText = false;
      for (const [status, { content = {} }] of Object.entries(operation.responses)) {
        const json = content['application/json'];
        if (json !== undefined && isOne(status)) checks.set(Number(status), ajv.compile(local(json.schema)));
        else if (Object.keys(content).some((type) => type.startsWith('text/'))) isText = true;
      }
      return {
        name: operation.operationId,
        method: method.toUpperCase(),
        path,
        parameters: operation.parameters ?? [],
        body: named(Object.values(operation.requestBody?.content ?? {})[0]?.schema, document),
        promised: {
          statuses: Object.keys(operation.responses).filter(isOne).map(Number),
          isText,
          fault: (status, body) => {
            const check = checks.get(status);
            return check === undefined ? undefined : faultOf(check, body);
          },
        },
      };
    }),
  );
}

/** What agents call (docs/agent-protocol.md); not in the document. */
export function agentOperations(): Operation[] {
  const ajv = validator();
  const operation = (
    method: string,
    path: string,
    answers: Record<number, object>,
    { body, query = {} }: { body?: object; query?: Record<string, Schema> } = {},
  ): Operation => {
    const checks = new Map(
      Object.entries(answers).map(([status, schema]) => [Number(status), ajv.compile(schema)]),
    );
    return {
      name: `${method} ${path}`,
      method,
      path,
      parameters: [
        ...(path.includes('{id}')
          ? [{ name: 'id', in: 'path' as const, required: true, schema: contracts.Id }]
          : []),
        ...Object.entries(query).map(([name, schema]) => ({ name, in: 'query' as const, schema })),
      ],
      body,
      promised: {
        statuses: [...checks.keys()],
        fault: (status, answer) => {
          const check = checks.get(status);
          return check === undefined || status === 204 || status === 304 ? undefined : faultOf(check, answer);
        },
      },
    };
  };
  return [
    operation('POST', '/agent/v1/join', { 201: contracts.JoinAnswer }, { body: contracts.JoinRequest }),
    operation(
      'GET',
      '/agent/v1/desired',
      { 200: contracts.DesiredDocument, 304: {} },
      { query: { after: contracts.Revision, wait: { type: 'integer', minimum: 0, maximum: 1 } } },
    ),
    operation(
      'GET',
      '/agent/v1/names',
      { 200: contracts.FleetNames, 304: {} },
      {
        query: {
          version: contracts.FleetNames.properties.version,
          wait: { type: 'integer', minimum: 0, maximum: 1 },
        },
      },
    ),
    operation('POST', '/agent/v1/report', { 200: contracts.ReportAnswer }, { body: contracts.Report }),
    operation('POST', '/agent/v1/checks/{id}', { 204: {} }, { body: contracts.CheckReport }),
    operation('POST', '/agent/v1/leases', { 200: contracts.LeaseSyncAnswer }, { body: contracts.LeaseSync }),
    operation(
      'POST',
      '/agent/v1/leases/claim',
      { 200: contracts.LeaseClaimAnswer },
      { body: contracts.LeaseClaim },
    ),
    operation(
      'POST',
      '/agent/v1/compare',
      { 200: contracts.CompareAnswer },
      { body: contracts.CompareRequest },
    ),
  ];
}
