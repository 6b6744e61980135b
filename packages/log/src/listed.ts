/** How to list: by default at most five, with commas. */
export interface ListedOptions {
  readonly joint?: string;
  /** As many as are named. */
  readonly max?: number;
  /** How many there are, where only some of them are given. */
  readonly total?: number;
}

/** A list as part of a sentence: the first, and how many more there are: `a, b and 3 more`. */
export function listed(
  texts: readonly string[],
  { joint = ', ', max = 5, total = texts.length }: ListedOptions = {},
): string {
  const named = texts.slice(0, max);
  const more = total - named.length;
  return `${named.join(joint)}${more > 0 ? ` and ${more} more` : ''}`;
}
