import type { Paint } from '../format/paint.ts';

/** What a command sees of the world beside the server. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to stdout. After a broken pipe nothing is written, and `readerGone` has fired. */
  readonly write: (text: string) => void;
  /** Writes a line for people to stderr. */
  readonly note: (line: string) => void;
  /** Shows what is waited for, on one line of stderr that the next one replaces; nothing where that is no terminal. */
  readonly progress: (line: string) => void;
  /** Takes the line of `progress` away. */
  readonly endProgress: () => void;
  readonly paint: Paint;
  /** Fires when nobody reads stdout any more. */
  readonly readerGone: AbortSignal;
  readonly stdinIsTerminal: boolean;
  /** All of stdin, bounded. */
  readonly readStdin: () => Promise<string>;
  /** A file, bounded; fails with a sentence. */
  readonly readFile: (path: string) => Promise<string>;
  /** One line typed at the terminal without being shown. */
  readonly readSecret: (prompt: string) => Promise<string>;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
}
