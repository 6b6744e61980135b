import { ApiError } from './errors.ts';

/** One page of a list, and where the next one begins. */
export interface PageOf<T> {
  items: T[];
  nextCursor: string | null;
}

/** The position after an item, opaque to callers. `list` keeps a cursor of one list from being used on another. */
export function encodeCursor(list: string, after: string): string {
  return Buffer.from(JSON.stringify([list, after])).toString('base64url');
}

/** What a list's positions look like. Anybody can make a cursor, and its content goes into a query. */
const like =
  (pattern: RegExp) =>
  (position: string): boolean =>
    pattern.test(position);
export const isNamePosition = like(/^[\x21-\x7e]{1,255}$/);
export const isIdPosition = like(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
export const isRevisionPosition = like(/^\d{1,18}$/);

/**
 * The position a cursor stands for; undefined at the start.
 *
 * `isPosition`: whether it can be one of this list.
 */
export function decodeCursor(
  list: string,
  cursor: string | undefined,
  isPosition: (position: string) => boolean,
): string | undefined {
  if (cursor === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value) && value[0] === list && typeof value[1] === 'string' && isPosition(value[1]))
      return value[1];
  } catch {
    // Falls through: whatever it is, it is not one of ours.
  }
  throw new ApiError(
    'invalid_cursor',
    'send nextCursor of the previous page, unchanged, to the same list; or leave it out to start again',
  );
}

/** Makes a page of `limit` items out of up to `limit + 1` that were read. */
export function pageOf<T>(
  list: string,
  rows: readonly T[],
  limit: number,
  position: (row: T) => string,
): PageOf<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return {
    items,
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(list, position(last)) : null,
  };
}

export const defaultLimit = 100;
