import { storableText } from './bounds.ts';

interface Bounds {
  type?: string | readonly string[];
  maxLength?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  items?: Bounds;
  properties?: Readonly<Record<string, Bounds>>;
  anyOf?: readonly Bounds[];
}

/**
 * A value made to fit the bounds of its schema: texts and lists are cut at their maximum, numbers brought to the nearest
 * that is allowed, what no database holds is replaced. For what a program sends of things it only saw: a report is not
 * to be refused whole because one container has a long name. Forms (patterns, required fields) are not repaired.
 */
export function fitted<T>(schema: object, value: T): T {
  return fit(schema, value) as T;
}

function fit(schema: Bounds, value: unknown): unknown {
  if (typeof value === 'string') return fitText(schema, value);
  if (typeof value === 'number') return fitNumber(schema, value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const { items } = alternative(schema, ({ type }) => includes(type, 'array'));
    const { maxItems = value.length } = alternative(schema, ({ type }) => includes(type, 'array'));
    return value.slice(0, maxItems).map((item) => (items === undefined ? item : fit(items, item)));
  }
  const { properties = {} } = alternative(schema, (one) =>
    Object.keys(value).every((key) => Object.hasOwn(one.properties ?? {}, key)),
  );
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const own = Object.hasOwn(properties, key) ? properties[key] : undefined;
      return [key, own === undefined ? inner : fit(own, inner)];
    }),
  );
}

/** Of a union, the member that the value is meant for; the schema itself where it is none. */
function alternative(schema: Bounds, isMeant: (one: Bounds) => boolean): Bounds {
  return schema.anyOf?.find(isMeant) ?? schema;
}

const includes = (type: Bounds['type'], name: string): boolean =>
  type === name || (Array.isArray(type) && type.includes(name));

function fitText({ maxLength }: Bounds, text: string): string {
  const whole = storableText(text);
  if (maxLength === undefined || whole.length <= maxLength) return whole;
  // A schema counts code points, of which one may be two units; the cut never leaves half of one.
  return Array.from(whole).slice(0, maxLength).join('');
}

function fitNumber({ minimum = -Infinity, maximum = Infinity }: Bounds, value: number): number {
  return Math.min(Math.max(value, minimum), maximum);
}
