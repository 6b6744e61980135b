import type { RunCommand } from './command.ts';
import { converse, type Conversation } from './conversation.ts';
import { showOnce, type ShowAddresses } from './ip-links.ts';

/** A program that answers what it is asked line by line. */
export interface DialogueProcess {
  /** Its process id; undefined when it could not be started. */
  readonly pid: number | undefined;
  /** Its standard output, piece by piece; ends when the program does. Fails when it cannot be started. */
  readonly output: AsyncIterable<string>;
  /** Writes one line to its standard input. */
  readonly say: (line: string) => void;
  /** Ends it; harmless when it has ended. */
  readonly stop: () => void;
}

/** Starts a program that answers line by line. Argv only. */
export type OpenDialogue = (file: string, argv: readonly string[]) => DialogueProcess;

/** An `ip` that stays. */
export interface ResidentIp {
  readonly show: ShowAddresses;
  /** Ends the program; the next question starts another. */
  readonly stop: () => void;
}

const question = 'address show';
/** After this silence a short-lived `ip` is asked instead, in milliseconds. */
const silenceMs = 2000;

/**
 * Asks one `ip` that stays (`ip -batch -`, ip(8)) instead of starting one a look: it reads the kernel's tables again
 * for every question, and spares the start of a program, which costs a busy host some ten milliseconds. When it ends,
 * is silent or prints half an answer, a fresh `ip` answers, and the next read starts another one that stays.
 */
export function createResidentIp(open: OpenDialogue, run: RunCommand): ResidentIp {
  const askAnother = showOnce(run);
  let conversation: Conversation | null = null;
  let last: Promise<unknown> = Promise.resolve();

  function end(which: Conversation): void {
    if (conversation === which) conversation = null;
    which.stop();
  }

  async function readOne(): Promise<string> {
    const current = (conversation ??= converse(open('ip', ['-json', '-details', '-batch', '-']), silenceMs));
    try {
      return await current.ask(question);
    } catch {
      end(current);
      return askAnother();
    }
  }

  return {
    // One question at a time: answers carry nothing that identifies their question.
    show: () => {
      const answer = last.then(readOne);
      last = answer.catch(() => {});
      return answer;
    },
    stop: () => {
      if (conversation !== null) end(conversation);
    },
  };
}
