import { Type, type Static, type TObject, type TProperties, type TSchema } from 'typebox';

/** What every schema field carries: `npm test` refuses a field without both. */
export interface Documented {
  description: string;
  examples?: readonly unknown[];
}

/** A closed object: fields it does not name are refused (requests) or never sent (responses). */
export function Closed<P extends TProperties>(
  properties: P,
  options: Record<string, unknown> = {},
): TObject<P> {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

/** One of a few words. Written `type: string, enum`, which every OpenAPI tool understands. */
export function Words<const T extends readonly string[]>(values: T, options: Documented) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });
}

/**
 * The same schema, or null. Written as `type: [t, 'null']`, the OpenAPI 3.1 way: generators and the
 * response serializer handle it better than `anyOf`.
 */
export function Nullable<T extends TSchema>(schema: T, options: Partial<Documented> = {}) {
  const plain = schema as unknown as { type: string; enum?: readonly unknown[] };
  const words = plain.enum === undefined ? {} : { enum: [...plain.enum, null] };
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [plain.type, 'null'], ...words, ...options });
}

/**
 * Text of a given form. `x-rule` describes the form, to follow "must be": the refusal of another form explains what to
 * send, whatever the description of the field is.
 */
export function Shaped(pattern: string, rule: string, options: Documented & Record<string, unknown>) {
  return Type.String({ pattern, 'x-rule': rule, ...options });
}

/** A map of free keys. A key that does not have the form of `key` is refused with the text of `x-key-rule`. */
export function Keyed<T extends TSchema>(
  key: ReturnType<typeof Shaped>,
  values: T,
  options: Partial<Documented> & Record<string, unknown>,
) {
  const { 'x-rule': rule } = key as { 'x-rule'?: string };
  // Closed, because a key that fits no pattern would go unchecked, its value too.
  return Type.Record(key, values, { additionalProperties: false, 'x-key-rule': rule, ...options });
}

/** The same schema with a description (and examples) of its own: for fields that share a shape. */
export function Described<T extends TSchema>(schema: T, options: Documented): T {
  return { ...schema, ...options };
}
