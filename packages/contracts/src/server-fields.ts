import { Type, type TOptional, type TProperties } from 'typebox';

/**
 * What becomes of a field that only the server writes where the body of a PUT has it. `kept`: it must be as it is, or the request is
 * refused. `observed`: it is passed over, since it changes by itself between a GET and a PUT.
 */
export type ServerField = 'kept' | 'observed';

/** These fields of an answer, as the body of a PUT may repeat them. */
export function repeatable<P extends TProperties, K extends keyof P & string>(
  properties: P,
  names: Readonly<Record<K, ServerField>>,
): { [N in K]: TOptional<P[N]> } {
  const some = Object.entries(properties).filter(([name]) => Object.hasOwn(names, name));
  return Object.fromEntries(some.map(([name, schema]) => [name, Type.Optional(schema)])) as {
    [N in K]: TOptional<P[N]>;
  };
}
