/** As much of a JSON schema as is looked at. */
interface Shape {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
}

/**
 * Of a value as the API shows it, what a request may have: fields that only the server writes are left out, and so is null where a
 * request has no null for "none". Fields that neither schema has are kept: a newer server may know them.
 */
export function writable(value: unknown, request: object, answer: object): unknown {
  return strip(value, request, answer);
}

function strip(value: unknown, request: Shape, answer: Shape): unknown {
  if (Array.isArray(value)) {
    const [ofRequest, ofAnswer] = [request.items, answer.items];
    return ofRequest === undefined ? value : value.map((one) => strip(one, ofRequest, ofAnswer ?? {}));
  }
  const { properties } = request;
  if (typeof value !== 'object' || value === null || properties === undefined) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
      const ofRequest = Object.hasOwn(properties, key) ? properties[key] : undefined;
      const ofAnswer = Object.hasOwn(answer.properties ?? {}, key) ? answer.properties?.[key] : undefined;
      if (ofRequest === undefined) return ofAnswer === undefined ? [[key, inner]] : [];
      if (inner === null && !takesNull(ofRequest)) return [];
      return [[key, strip(inner, ofRequest, ofAnswer ?? {})]];
    }),
  );
}

const takesNull = ({ type }: Shape): boolean =>
  type === 'null' || (Array.isArray(type) && type.includes('null'));
