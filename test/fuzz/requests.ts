import fc from 'fast-check';
import { oddText } from './odd-values.ts';
import type { Operation, Parameter } from './operations.ts';
import { spoiled, valueOf, type Making } from './schema-arbitrary.ts';

/** A request before anybody has put his name to it. */
export interface FuzzRequest {
  operation: Operation;
  method: string;
  /** Path and query. */
  url: string;
  headers: Record<string, string>;
  body: string | undefined;
  /** Who sends it: the right one, somebody with too little to say, or nobody. */
  by: 'right' | 'weak' | 'nobody';
}

/** How long answers are held by request: a second at most, or the suite would do nothing but wait. */
const waits = ['0s', '1s'];

const inUrl = (text: string): string => encodeURIComponent(text.toWellFormed());

function parameterOf(parameter: Parameter, making: Making): fc.Arbitrary<string> {
  if (parameter.name === 'wait') return fc.constantFrom(...waits, '0', '1h', '-1s');
  const valid = valueOf(parameter.schema, making, parameter.name).map(String);
  return fc.oneof({ weight: 12, arbitrary: valid }, { weight: 1, arbitrary: oddText });
}

/** The URL of an operation: its path filled in, its query now and then, sometimes with a name nobody knows. */
function urlOf({ path, parameters }: Operation, making: Making): fc.Arbitrary<string> {
  const inPath = parameters.filter((one) => one.in === 'path');
  const inQuery = parameters.filter((one) => one.in === 'query');
  const places = fc.record(Object.fromEntries(inPath.map((one) => [one.name, parameterOf(one, making)])));
  const query = fc.record(
    {
      ...Object.fromEntries(inQuery.map((one) => [one.name, parameterOf(one, making)])),
      ...(inQuery.some(({ name }) => name === 'dryRun')
        ? { dryRun: fc.constantFrom('false', 'false', 'true', '1') }
        : {}),
    },
    { requiredKeys: inQuery.filter(({ required }) => required === true).map(({ name }) => name) as never[] },
  );
  const extra = fc.oneof(
    { weight: 20, arbitrary: fc.constant<[string, string][]>([]) },
    { weight: 1, arbitrary: fc.tuple(fc.tuple(oddText, oddText)) },
  );
  return fc.tuple(places, query, extra).map(([values, chosen, more]) => {
    const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => inUrl(values[name] ?? ''));
    const asked = { ...(chosen as Record<string, string>) };
    // A dry run asks hosts that are not there, for ten seconds unless `wait` is given.
    if (asked['dryRun'] !== undefined && inQuery.some(({ name }) => name === 'wait')) asked['wait'] = '0s';
    const pairs = [...Object.entries(asked), ...more].map(
      ([name, value]) => `${inUrl(name)}=${inUrl(value)}`,
    );
    // Longer than a server reads is tried elsewhere.
    return `${filled}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}`.slice(0, 8_000).replace(/%\w?$/, '');
  });
}

/** Bodies: mostly valid, many spoiled in one place, some that are no JSON. */
function bodyOf({ body }: Operation, making: Making): fc.Arbitrary<string | undefined> {
  if (body === undefined)
    return fc.oneof(
      { weight: 30, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom('{}', 'null', '[') },
    );
  const valid = valueOf(body, making);
  const json = fc.oneof({ weight: 5, arbitrary: valid }, { weight: 4, arbitrary: spoiled(valid) });
  return fc.oneof(
    { weight: 20, arbitrary: json.map((value) => JSON.stringify(value) ?? 'null') },
    {
      weight: 1,
      arbitrary: fc.tuple(valid, fc.nat()).map(([value, n]) => {
        const text = JSON.stringify(value);
        return text.slice(0, n % text.length);
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '[',
        'nul',
        '1e999',
        '{"__proto__":{}}',
        '{"a":1,"a":2}',
        '\ufeff{}',
        '['.repeat(50_000),
        `{"labels":${'{"a":'.repeat(500)}1${'}'.repeat(501)}`,
        `[${'{},'.repeat(30_000)}{}]`,
      ),
    },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );
}

/** Header values go over the wire as they are: printable ASCII. */
const oddHeader = fc.oneof(
  fc.constantFrom(
    '*',
    '""',
    '"1.000000000000"',
    '"x", *',
    'W/"1"',
    '-1',
    'x'.repeat(300),
    '9223372036854775808',
  ),
  fc.stringMatching(/^[\x21-\x7e]{1,20}$/),
);

function headersOf({ parameters, body, method }: Operation): fc.Arbitrary<Record<string, string>> {
  const named = parameters.filter((one) => one.in === 'header').map(({ name }) => name);
  const types =
    body === undefined
      ? []
      : [
          { weight: 30, arbitrary: fc.constant('application/json') },
          {
            weight: 2,
            arbitrary: fc.constantFrom(
              'application/merge-patch+json',
              'text/plain',
              'application/json; charset=utf-16',
              'x',
            ),
          },
        ];
  const [first, ...more] = types;
  return fc
    .tuple(
      fc.record(
        Object.fromEntries(
          named.map((name) => [
            name,
            name === 'if-match'
              ? fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, { weight: 1, arbitrary: oddHeader })
              : oddHeader,
          ]),
        ),
        // A PUT without it makes what is not there.
        { requiredKeys: named.filter((name) => name === 'if-match' && method !== 'PUT') },
      ),
      first === undefined ? fc.constant(undefined) : fc.oneof(first, ...more),
      fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: oddHeader }),
    )
    .map(([own, type, accept]) => ({
      ...(own as Record<string, string>),
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(accept === undefined || method !== 'GET' ? {} : { accept }),
    }));
}

/** Requests of some operations, drawn alike. */
export function requestOf(operations: readonly Operation[], making: Making): fc.Arbitrary<FuzzRequest> {
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
  return fc.oneof(
    ...operations.map((operation) =>
      fc
        .tuple(
          urlOf(operation, making),
          headersOf(operation),
          bodyOf(operation, making),
          fc.oneof(
            { weight: 25, arbitrary: fc.constant(operation.method) },
            { weight: 1, arbitrary: fc.constantFrom(...methods) },
          ),
          fc.oneof(
            { weight: 20, arbitrary: fc.constant('right' as const) },
            { weight: 2, arbitrary: fc.constantFrom('weak' as const, 'nobody' as const) },
          ),
        )
        .map(([url, headers, body, method, by]): FuzzRequest => {
          const isBare = method === 'GET' || method === 'HEAD';
          return { operation, method, url, headers, body: isBare ? undefined : body, by };
        }),
    ),
  );
}
