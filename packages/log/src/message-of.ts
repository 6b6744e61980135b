/** The message of an error, for use within a sentence; of anything else that was thrown, its text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same where a report or a condition carries it: what a program says has no end of its own. At most 500 characters. */
export function shortMessageOf(error: unknown): string {
  return messageOf(error).slice(0, 500);
}
