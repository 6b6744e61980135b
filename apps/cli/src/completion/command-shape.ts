/** As much of a command line as completion needs to know. */
export interface CommandShape {
  readonly name: string;
  readonly commands: readonly CommandShape[];
  readonly options: readonly OptionShape[];
  readonly words: readonly ArgumentShape[];
}

export interface OptionShape {
  /** `--output` and `-o`, as far as there are both. */
  readonly flags: readonly string[];
  /** What its value is called; null: it takes none. */
  readonly value: string | null;
  readonly choices: readonly string[];
}

export interface ArgumentShape {
  readonly name: string;
  readonly choices: readonly string[];
  readonly isRepeated: boolean;
}
