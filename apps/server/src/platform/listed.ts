/** How to list. */
export interface ListedOptions {
  joint?: string;
  /** As many as are named. */
  max?: number;
  /** How many there are, where only some of them are given. */
  total?: number;
}

/** The first of a list, and how many more there are: `a, b and 3 more`. */
export function listed(
  texts: readonly string[],
  { joint = ', ', max = 5, total = texts.length }: ListedOptions = {},
): string {
  const named = texts.slice(0, max);
  const more = total - named.length;
  return `${named.join(joint)}${more > 0 ? ` and ${more} more` : ''}`;
}
