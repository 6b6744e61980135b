/*
 * What PostgreSQL, JavaScript and JSON can all hold. A text, number or instant of a request that one of them cannot hold is
 * refused before anything is done with it, in one place for all routes (server, platform/validation.ts).
 */

/** Largest `integer` of PostgreSQL (numeric types, table 8.2). */
export const maxInt32 = 2_147_483_647;

/** Maximum number of items on one page of a list. */
export const maxPage = 1000;

/** Maximum nesting depth of JSON. The deepest schema of the API has eight levels. */
export const maxJsonDepth = 32;

/** RFC 3339 section 5.6, without the leap second that JavaScript does not know. */
const instant =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** Days of a month; JavaScript takes 30 February for 1 or 2 March. */
const daysOf = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

/** Whether a text is an instant of the years 1970 to 9999 in UTC: one that JavaScript and PostgreSQL read alike. */
export function isInstant(text: string): boolean {
  if (text.length > 35 || !instant.test(text)) return false;
  const [year, month, day] = [text.slice(0, 4), text.slice(5, 7), text.slice(8, 10)].map(Number);
  if (year === undefined || month === undefined || day === undefined || day > daysOf(year, month))
    return false;
  const at = Date.parse(text.toUpperCase());
  return at >= 0 && at < Date.UTC(10_000, 0);
}

/** Whether PostgreSQL (no U+0000) and UTF-8 (no half of a surrogate pair) can hold a text. */
export const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** The text with what cannot be stored replaced by U+FFFD. */
export const storableText = (text: string): string => text.toWellFormed().replaceAll('\0', '\uFFFD');
