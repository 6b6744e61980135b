/** One call that would have changed the host. */
export interface RecordedCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What a stand-in for the host remembers of its callers, and the failures that a test has ordered. */
export interface CallRecord {
  /** Calls that would have changed something, in order, the failed ones included. */
  readonly calls: RecordedCall[];
  /** Makes the next `times` (default 1) calls of a method fail with this error; they change nothing. */
  readonly failNext: (method: string, error: Error, times?: number) => void;
  /** Notes a call and throws the failure that was ordered for it. */
  readonly note: (method: string, ...args: readonly unknown[]) => void;
  /** Throws the failure that was ordered for a call that only looks. */
  readonly look: (method: string) => void;
}

/** An empty record. */
export function createCallRecord(): CallRecord {
  const calls: RecordedCall[] = [];
  const ordered = new Map<string, Error[]>();
  const look = (method: string): void => {
    const failure = ordered.get(method)?.shift();
    if (failure !== undefined) throw failure;
  };
  return {
    calls,
    failNext: (method, error, times = 1) => {
      const more = Array.from({ length: times }, () => error);
      ordered.set(method, [...(ordered.get(method) ?? []), ...more]);
    },
    note: (method, ...args) => {
      calls.push({ method, args });
      look(method);
    },
    look,
  };
}
