/** Works on one key one after the other, in the order in which they came; works on different keys at the same time. */
export interface KeyTurns {
  readonly take: <T>(key: string, work: () => Promise<T>) => Promise<T>;
  /** Whether somebody works on a key, or waits to. */
  readonly isBusy: (key: string) => boolean;
}

/** Nobody works on any key at first. */
export function createKeyTurns(): KeyTurns {
  const last = new Map<string, Promise<void>>();
  return {
    take: (key, work) => {
      const before = last.get(key);
      const own = before === undefined ? work() : before.then(work);
      const settled: Promise<void> = own.then(forget, forget);
      last.set(key, settled);
      return own;

      function forget(): void {
        if (last.get(key) === settled) last.delete(key);
      }
    },
    isBusy: (key) => last.has(key),
  };
}
