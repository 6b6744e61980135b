import type { Ending } from './exit-codes.ts';

/** What ends a command: one sentence for people, and how the program ends. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly ending: Ending;

  constructor(ending: Ending, sentence: string) {
    super(sentence);
    this.ending = ending;
  }
}

/** The command line, a document or a setting is wrong. */
export const misuse = (sentence: string): Failure => new Failure('usage', sentence);
