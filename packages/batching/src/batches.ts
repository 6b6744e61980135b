/** A question that waits for its answer. The first of `resolve` and `reject` counts. */
export interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

/** Questions that are put together. */
export interface Batches<Q, A> {
  readonly ask: (question: Q) => Promise<A>;
  /** How many questions are in no run yet. */
  readonly waiting: () => number;
}

export interface BatchesOptions<Q, A> {
  /** Questions of one key go together; left out: all do. */
  readonly keyOf?: (question: Q) => string;
  /** Answers a batch. Where it fails, so do the questions that it has not answered by then. */
  readonly run: (batch: readonly Waiting<Q, A>[]) => Promise<void>;
  /** How long a batch waits for more questions; left out: until this turn of the event loop ends. */
  readonly gather?: () => Promise<void>;
  /** Questions of a batch. */
  readonly most: number;
  /** Batches of one key that run at once. */
  readonly atOnce: number;
}

interface Lane<Q, A> {
  /** Takes further questions: it gathers, or waits for its turn. */
  open: Waiting<Q, A>[] | undefined;
  readonly ready: Waiting<Q, A>[][];
  running: number;
  /** Batches that gather, wait or run: the lane goes with the last of them. */
  batches: number;
}

const turnEnds = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/**
 * Puts questions together: what comes while a batch gathers and while it waits for its turn goes with it. So a lone
 * question waits for nobody, and the size of a batch follows the load. Batches of a key start in the order of their questions.
 */
export function createBatches<Q, A>(options: BatchesOptions<Q, A>): Batches<Q, A> {
  const { run, most, atOnce, keyOf = () => '', gather = turnEnds } = options;
  const lanes = new Map<string, Lane<Q, A>>();
  let waiting = 0;

  /** Takes no further questions into the batch. */
  function close(lane: Lane<Q, A>, batch: readonly Waiting<Q, A>[]): void {
    if (lane.open === batch) lane.open = undefined;
    waiting -= batch.length;
  }

  async function start(key: string, lane: Lane<Q, A>, batch: readonly Waiting<Q, A>[]): Promise<void> {
    close(lane, batch);
    lane.running += 1;
    let failure: unknown = new Error('a question was not answered');
    try {
      await run(batch);
    } catch (error) {
      failure = error;
    }
    lane.running -= 1;
    end(key, lane, batch, failure);
    const next = lane.ready.shift();
    if (next !== undefined) void start(key, lane, next);
  }

  function end(key: string, lane: Lane<Q, A>, batch: readonly Waiting<Q, A>[], failure: unknown): void {
    for (const { reject } of batch) reject(failure);
    lane.batches -= 1;
    if (lane.batches === 0) lanes.delete(key);
  }

  async function begin(key: string, lane: Lane<Q, A>, batch: Waiting<Q, A>[]): Promise<void> {
    try {
      await gather();
    } catch (error) {
      close(lane, batch);
      end(key, lane, batch, error);
      return;
    }
    if (lane.running < atOnce) void start(key, lane, batch);
    else lane.ready.push(batch);
  }

  return {
    waiting: () => waiting,
    ask: (question) =>
      new Promise((resolve, reject) => {
        const key = keyOf(question);
        const lane: Lane<Q, A> = lanes.get(key) ?? { open: undefined, ready: [], running: 0, batches: 0 };
        lanes.set(key, lane);
        waiting += 1;
        const one = { question, resolve, reject };
        if (lane.open === undefined) {
          lane.open = [one];
          lane.batches += 1;
          void begin(key, lane, lane.open);
        } else lane.open.push(one);
        if (lane.open.length >= most) lane.open = undefined;
      }),
  };
}

/** A run that answers all questions of a batch at once, in their order. */
export const inOrder =
  <Q, A>(answer: (questions: readonly Q[]) => Promise<readonly A[]>): BatchesOptions<Q, A>['run'] =>
  async (batch) => {
    const answers = await answer(batch.map(({ question }) => question));
    for (const [at, one] of answers.entries()) batch[at]?.resolve(one);
  };
