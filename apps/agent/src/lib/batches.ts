import { createSlots } from './slots.ts';

/** Questions that are put together. */
export interface Batches<P, Q, A> {
  /** Puts one question to a place. Fails as the batch that it is in. */
  readonly ask: (place: P, question: Q) => Promise<A>;
}

interface Batch<Q, A> {
  readonly questions: Q[];
  readonly answers: Promise<readonly A[]>;
}

/**
 * Gathers questions for the same place and puts them together: what comes while the first waits (`gather`, and its turn)
 * goes with it, at most `most`. At most `atOnce` batches run at once.
 */
export function createBatches<P, Q, A>(deps: {
  readonly keyOf: (place: P) => string;
  /** Answers in the order of the questions. */
  readonly ask: (place: P, questions: readonly Q[]) => Promise<readonly A[]>;
  readonly gather: () => Promise<void>;
  readonly most: number;
  readonly atOnce: number;
}): Batches<P, Q, A> {
  const slot = createSlots(deps.atOnce);
  const gathering = new Map<string, Batch<Q, A>>();

  function begin(key: string, place: P): Batch<Q, A> {
    const questions: Q[] = [];
    const run = async (): Promise<readonly A[]> => {
      await deps.gather();
      return slot(() => {
        if (gathering.get(key) === batch) gathering.delete(key);
        return deps.ask(place, questions);
      });
    };
    const batch: Batch<Q, A> = { questions, answers: run() };
    gathering.set(key, batch);
    return batch;
  }

  return {
    ask: async (place, question) => {
      const key = deps.keyOf(place);
      const batch = gathering.get(key) ?? begin(key, place);
      const index = batch.questions.push(question) - 1;
      if (batch.questions.length >= deps.most) gathering.delete(key);
      const answer = (await batch.answers)[index];
      if (answer === undefined) throw new Error('a question was not answered');
      return answer;
    },
  };
}
