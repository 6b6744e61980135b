import { writeFileAtomically } from './atomic-file.ts';

/** A value of the state folder, in memory and on disk. */
export interface StoredValue<T> {
  /** The value as it is on disk. */
  readonly current: () => T;
  /** Replaces the value once the new one is safe on disk, one change after the other. The same object writes nothing. */
  readonly change: (make: (before: T) => T) => Promise<void>;
}

/** `initial`: what `path` holds, as its owner read it. Each change writes the whole file. */
export function createStoredValue<T>(path: string, initial: T): StoredValue<T> {
  let value = initial;
  let last: Promise<void> = Promise.resolve();
  return {
    current: () => value,
    change: (make) => {
      const done = last.then(async () => {
        const after = make(value);
        if (after === value) return;
        await writeFileAtomically(path, `${JSON.stringify(after)}\n`);
        value = after;
        return undefined;
      });
      last = done.catch(() => {});
      return done;
    },
  };
}
