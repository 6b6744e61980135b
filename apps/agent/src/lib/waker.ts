/** Wakes a loop that sleeps. A wake before the sleep counts. */
export interface Waker {
  /** `now` also ends the short pause between two rounds. */
  readonly wake: (how: 'now' | 'soon') => void;
  /** Aborted by a wake of either kind since the last reset. */
  readonly any: () => AbortSignal;
  /** Aborted by a wake `now` since the last reset. */
  readonly immediate: () => AbortSignal;
  readonly reset: () => void;
}

/** Makes a waker that nobody has woken. */
export function createWaker(): Waker {
  let any = new AbortController();
  let immediate = new AbortController();
  return {
    wake: (how) => {
      any.abort();
      if (how === 'now') immediate.abort();
    },
    any: () => any.signal,
    immediate: () => immediate.signal,
    reset: () => {
      any = new AbortController();
      immediate = new AbortController();
    },
  };
}
