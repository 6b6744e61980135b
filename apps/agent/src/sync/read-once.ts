/** Reads each file once and keeps what it said; one that could not be read is tried again. */
export function readOnce(read: (path: string) => Promise<string>): (path: string) => Promise<string> {
  const known = new Map<string, string>();
  return async (path) => {
    const before = known.get(path);
    if (before !== undefined) return before;
    const text = await read(path);
    known.set(path, text);
    return text;
  };
}
