import fc from 'fast-check';
import { oddJson, oddText } from './odd-values.ts';

/** A JSON Schema as far as ours go. */
export interface Schema {
  $ref?: string;
  type?: string | readonly string[];
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: readonly Schema[];
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  items?: Schema;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  patternProperties?: Readonly<Record<string, Schema>>;
  additionalProperties?: boolean | Schema;
  examples?: readonly unknown[];
  example?: unknown;
}

/** What values are made with. */
export interface Making {
  /** Follows `$ref`. */
  resolve: (ref: string) => Schema;
  /** Texts that mean something to the server, by the name of the field: then a request gets beyond validation. */
  known: (field: string) => readonly string[];
}

/** Lists longer than this are made only by mutation: valid ones say nothing new. */
const maxGenerated = 3;

/** Values that fit a schema, with what is at its edges more often than chance would have it. */
export function valueOf(schema: Schema, making: Making, field = ''): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return valueOf(making.resolve(schema.$ref), making, field);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((one) => valueOf(one, making, field)));
  const types = [schema.type ?? 'any'].flat();
  const [first = fc.constant(null), ...more] = types.map((type) => ofType(type, schema, making, field));
  // What may be null is something more often.
  return fc.oneof({ weight: 4, arbitrary: first }, ...more);
}

function ofType(type: string, schema: Schema, making: Making, field: string): fc.Arbitrary<unknown> {
  switch (type) {
    case 'string':
      return text(schema, making, field);
    case 'integer':
    case 'number':
      return number(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array': {
      const { items = {}, minItems = 0, maxItems = maxGenerated } = schema;
      const item = valueOf(items, making, field);
      return fc.array(item, {
        minLength: minItems,
        maxLength: Math.max(minItems, Math.min(maxItems, maxItems)),
      });
    }
    case 'object':
      return object(schema, making, field);
    default:
      return oddJson;
  }
}

function text(schema: Schema, { known }: Making, field: string): fc.Arbitrary<string> {
  const { pattern, minLength = 0, maxLength = 64, format, examples = [], example } = schema;
  const names = [...known(field), ...[...examples, example].filter((one) => typeof one === 'string')];
  const common = names.length === 0 ? [] : [{ weight: 6, arbitrary: fc.constantFrom(...names) }];
  if (format === 'date-time')
    return fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z') })
      .map((date) => date.toISOString());
  if (format === 'uuid') return fc.oneof(...common, fc.uuid());
  if (pattern !== undefined) return fc.oneof(...common, fitting(pattern, names));
  return fc.oneof(
    ...common,
    { weight: 1, arbitrary: fc.string({ minLength, maxLength: Math.min(maxLength, 64) }) },
    { weight: 1, arbitrary: fc.constant('x'.repeat(Math.min(maxLength, 40_000))) },
  );
}

/** Texts of a form; fast-check knows no lookahead, whose examples must do. */
function fitting(pattern: string, examples: readonly string[]): fc.Arbitrary<string> {
  if (pattern.includes('(?')) return fc.constantFrom(...examples, 'a');
  return fc.stringMatching(new RegExp(pattern), { size: 'small' });
}

function number({ type, minimum = -1000, maximum = 1000 }: Schema): fc.Arbitrary<number> {
  const near = Math.min(maximum, minimum + 20);
  const isWhole = [type].flat().includes('integer');
  return fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: Math.ceil(minimum), max: Math.floor(near) }) },
    { weight: 1, arbitrary: fc.constantFrom(minimum, maximum) },
    {
      weight: 1,
      arbitrary: isWhole
        ? fc.integer({ min: minimum, max: maximum })
        : fc.double({ min: minimum, max: maximum, noNaN: true }),
    },
  );
}

function object(schema: Schema, making: Making, field: string): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], patternProperties = {}, additionalProperties } = schema;
  const free = [
    ...Object.entries(patternProperties),
    ...(typeof additionalProperties === 'object' ? [['^[a-z]{1,8}$', additionalProperties] as const] : []),
  ];
  const [map] = free;
  if (map !== undefined) {
    const [key, value] = map;
    return fc.dictionary(
      fc.oneof(fitting(key, ['a']), fc.constantFrom('a', 'rack', 'docker01')),
      valueOf(value, making, field),
      { maxKeys: 3 },
    );
  }
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, one]) => [name, valueOf(one, making, name)]),
  );
  return fc.record(fields, { requiredKeys: required as never[] });
}

type Path = readonly (string | number)[];

function* paths(value: unknown, path: Path = []): Generator<Path> {
  yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) yield* paths(inner, [...path, key]);
}

function replaced(value: unknown, path: Path, change: (old: unknown) => unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined || typeof value !== 'object' || value === null) return change(value);
  if (Array.isArray(value))
    return value.map((item, n) => (String(n) === String(key) ? replaced(item, rest, change) : item));
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      if (name !== key) return [[name, inner]];
      const next = replaced(inner, rest, change);
      return next === undefined ? [] : [[name, next]];
    }),
  );
}

/** What is done to a value somewhere in it. */
const changes: fc.Arbitrary<(old: unknown) => unknown> = fc.oneof(
  { weight: 4, arbitrary: oddJson.map((odd) => () => odd) },
  { weight: 2, arbitrary: fc.constant(() => undefined) },
  {
    weight: 2,
    arbitrary: oddText.map((odd) => (old: unknown) => (typeof old === 'string' ? old + odd : odd)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(oddText, oddJson).map(([key, odd]) => (old: unknown) => ({
      ...(typeof old === 'object' ? old : {}),
      [key]: odd,
    })),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 2, max: 3000 })
      .map((n) => (old: unknown) => Array.from({ length: n }, () => old ?? null)),
  },
);

/** A value with one thing in it that should not be there. */
export const spoiled = (valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.tuple(valid, changes, fc.nat()).map(([value, change, n]) => {
    const all = [...paths(value)];
    return replaced(value, all[n % all.length] ?? [], change);
  });
