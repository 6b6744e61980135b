/** How long to wait for an answer: as long as this machine has been seen to need, within bounds. */
export interface ResponseBound {
  /** The bound now, in milliseconds. */
  readonly boundMs: () => number;
  /**
   * Runs a call within the bound of now and learns from it. One that was given up, which `isLate` tells from its error, is
   * given twice the time next.
   */
  readonly watch: <T>(run: (boundMs: number) => Promise<T>) => Promise<T>;
}

/** The bound is this many times what recent answers took. */
const margin = 4;
/** How long a measurement counts after the last answer that confirmed it, in milliseconds. */
const believedMs = 10 * 60_000;

/** Starts with `minMs`, goes up to `maxMs`, and back once answers come quickly again. */
export function createResponseBound(options: {
  readonly minMs: number;
  readonly maxMs: number;
  readonly now: () => number;
  readonly isLate: (error: unknown) => boolean;
}): ResponseBound {
  const { minMs, maxMs, now, isLate } = options;
  let learned = { boundMs: minMs, at: Number.NEGATIVE_INFINITY };

  const boundMs = (): number => (now() - learned.at < believedMs ? learned.boundMs : minMs);
  const needs = (ms: number): void => {
    const wanted = Math.min(maxMs, Math.max(minMs, ms));
    const current = boundMs();
    // Calls run at the same time: those that were given up together raise the bound once.
    if (wanted > current) learned = { boundMs: wanted, at: now() };
    else if (wanted > current / 2) learned = { boundMs: current, at: now() };
  };
  return {
    boundMs,
    watch: async (run) => {
      const bound = boundMs();
      const began = now();
      try {
        const answer = await run(bound);
        needs((now() - began) * margin);
        return answer;
      } catch (error) {
        if (isLate(error)) needs(bound * 2);
        throw error;
      }
    },
  };
}
