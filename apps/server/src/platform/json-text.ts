import { isStorableText, maxJsonDepth } from '@trunkline/contracts';
import type { FieldError } from './errors.ts';

/** Part of a JSON Pointer (RFC 6901 section 3). */
export const pointerPart = (key: string | number): string =>
  `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const opening = new Set([0x5b, 0x7b]);
const closing = new Set([0x5d, 0x7d]);

/** Index behind the text that begins at `start`; the end where it is not closed. */
function behindText(json: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    at = json.indexOf('"', at);
    if (at < 0) return json.length;
    let escapes = 0;
    while (json.charCodeAt(at - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return at + 1;
  }
}

/**
 * What is wrong with the shape of JSON whatever it is for: nested too deep, or with too many values. Looks at the text, so
 * that nothing is made of it before; what is no JSON at all is for the parser to say.
 */
export function shapeFault(json: string, maxValues: number): FieldError | undefined {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < json.length; at += 1) {
    const char = json.charCodeAt(at);
    if (char === quote) at = behindText(json, at) - 1;
    else if (char === comma) values += 1;
    else if (opening.has(char)) {
      values += 1;
      depth += 1;
    } else if (closing.has(char)) depth -= 1;
    if (depth > maxJsonDepth) return { pointer: '', message: `is nested deeper than ${maxJsonDepth} levels` };
    if (values > maxValues)
      return { pointer: '', message: `has more than the ${maxValues} values that are allowed` };
  }
  return undefined;
}

const unstorable =
  'contains the character U+0000 or half of a surrogate pair, which cannot be stored: leave it out';

/** Whether JSON may hold a text that no database keeps: such characters can only be written as escapes. */
export const mayBeUnstorable = (json: string): boolean => json.includes('\\u');

/** The first text in a value that cannot be kept. The value is nested no deeper than `shapeFault` allows. */
export function textFault(value: unknown): FieldError | undefined {
  if (typeof value === 'string')
    return isStorableText(value) ? undefined : { pointer: '', message: unstorable };
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (!isStorableText(key)) return { pointer: '', message: `has a key that ${unstorable}` };
    const fault = textFault(inner);
    if (fault !== undefined)
      return { pointer: `${pointerPart(key)}${fault.pointer}`, message: fault.message };
  }
  return undefined;
}

/** Whether a value has at most so many parts: values, and values in them. Stops counting beyond. */
export const isSmallJson = (value: unknown, most: number): boolean => leftOf(value, most) >= 0;

/** What is left of `most` when the parts of a value are taken off; negative as soon as there are more. */
function leftOf(value: unknown, most: number): number {
  let left = most - 1;
  if (left < 0 || typeof value !== 'object' || value === null) return left;
  for (const part of Array.isArray(value) ? value : Object.values(value)) {
    left = leftOf(part, left);
    if (left < 0) return left;
  }
  return left;
}
