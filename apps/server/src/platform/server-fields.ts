import type { ServerField } from '@trunkline/contracts';
import type { FieldError } from './errors.ts';

/**
 * What is wrong with fields that only the server writes, where a body repeats them: those that are kept must be as they are now.
 *
 * `at`: where in the body they stand, as a JSON pointer.
 */
export function changedServerFields(
  fields: Readonly<Record<string, ServerField>>,
  body: Readonly<Record<string, unknown>>,
  current: Readonly<Record<string, unknown>>,
  at = '',
): FieldError[] {
  return Object.entries(fields).flatMap(([name, kind]) => {
    const [sent, now] = [body[name], current[name]];
    if (kind !== 'kept' || sent === undefined || sent === now) return [];
    const message = `is ${JSON.stringify(now)}, and only the server writes it: leave it out, or read the resource again`;
    return [{ pointer: `${at}/${name}`, message }];
  });
}
