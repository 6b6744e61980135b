/**
 * Reading JSON from a program or a daemon that we did not write: a value of another kind than expected counts as
 * missing, so that one odd field never costs the whole answer.
 */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** An object; anything else reads as an empty one. */
export function record(value: unknown): JsonRecord {
  // Anything read from JSON that is an object is a record of unknowns.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonRecord) : {};
}

/** A text with something in it, else null: an empty text is how both Go and `ip` write "none". */
export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A finite number, else null. */
export function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** True only for `true`. */
export function bool(value: unknown): boolean {
  return value === true;
}

/** A list; anything else reads as an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts of a list. */
export function texts(value: unknown): readonly string[] {
  return list(value).filter((entry) => typeof entry === 'string');
}

/** The entries of an object whose values are texts. */
export function strings(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record(value)).flatMap(([key, entry]) =>
      typeof entry === 'string' ? [[key, entry]] : [],
    ),
  );
}
