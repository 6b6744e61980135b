import type { DialogueProcess } from './resident-ip.ts';

/** A program that answers each question with one JSON array. */
export interface Conversation {
  /**
   * Writes some lines, of which the last is a question, and reads its answer. One at a time: answers carry nothing that shows
   * which question they belong to. Fails with `Error` when the program ended or is silent, for good.
   */
  readonly ask: (lines: string) => Promise<string>;
  readonly stop: () => void;
}

const nobody = { resolve: () => {}, reject: () => {} };

/**
 * Talks with an `ip -json -batch -` (ip(8)): an answer is one JSON array, which `ip` ends with a line break and flushes.
 * `silenceMs`: after this it counts as broken.
 */
export function converse(program: DialogueProcess, silenceMs: number): Conversation {
  let heard = '';
  let awaited: Pick<PromiseWithResolvers<string>, 'resolve' | 'reject'> = nobody;
  let failure: Error | null = null;

  function fail(error: Error): void {
    failure ??= error;
    awaited.reject(failure);
  }

  void (async () => {
    try {
      for await (const piece of program.output) {
        heard += piece;
        if (heard.endsWith(']\n')) awaited.resolve(heard);
      }
      fail(new Error('ip ended'));
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  })();

  return {
    ask: async (lines) => {
      if (failure !== null) throw failure;
      heard = '';
      const mine = Promise.withResolvers<string>();
      awaited = mine;
      const timer = setTimeout(() => fail(new Error(`no answer within ${silenceMs} ms`)), silenceMs);
      try {
        program.say(lines);
        return await mine.promise;
      } finally {
        clearTimeout(timer);
        awaited = nobody;
      }
    },
    stop: program.stop,
  };
}
