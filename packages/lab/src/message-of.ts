/** What an error says, for a sentence that goes on: its message, or what was thrown instead of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
