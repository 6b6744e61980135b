import { kindNamed, kindNames, kindTable, type KindName } from '../kinds/kind-table.ts';
import type { ArgumentShape, CommandShape, OptionShape } from './command-shape.ts';

/** What may stand where the cursor is: words, and what has to be asked for. */
export interface Candidates {
  readonly words: readonly string[];
  /** The names of a kind, which the server knows, or of contexts. */
  readonly ask?: KindName | 'context';
  /** Names of files. */
  readonly files?: true;
}

const none: Candidates = { words: [] };

/** What an option's value or an argument is, by the name that help shows. */
const meanings: Readonly<Record<string, KindName | 'context' | 'file'>> = {
  network: 'network',
  host: 'host',
  container: 'container',
  from: 'container',
  to: 'container',
  file: 'file',
};

/** Completes the last of the words of a command line, which come without the program's own name. */
export function complete(program: CommandShape, words: readonly string[]): Candidates {
  const typed = words.at(-1) ?? '';
  const place = placeOf(program, words.slice(0, -1));
  const found = candidatesAt(place, typed === '=' ? '' : typed);
  return { ...found, words: found.words.filter((word) => word.startsWith(typed === '=' ? '' : typed)) };
}

/** Where in a command line the cursor is. */
interface Place {
  readonly command: CommandShape;
  readonly parents: readonly CommandShape[];
  readonly given: readonly string[];
  readonly used: readonly string[];
  /** The option whose value comes next. */
  readonly option: OptionShape | undefined;
  readonly isAfterDashes: boolean;
}

function placeOf(program: CommandShape, before: readonly string[]): Place {
  let place: Place = {
    command: program,
    parents: [],
    given: [],
    used: [],
    option: undefined,
    isAfterDashes: false,
  };
  for (const word of before) place = stepOver(place, word);
  return place;
}

function stepOver(place: Place, word: string): Place {
  // Bash takes `--output=json` for three words.
  if (word === '=') return place;
  if (place.option !== undefined) return { ...place, option: undefined };
  if (word === '--') return { ...place, isAfterDashes: true };
  if (word.startsWith('-') && !place.isAfterDashes) {
    const [flag = ''] = word.split('=');
    const option = place.command.options.find(({ flags }) => flags.includes(flag));
    const takesNext = option !== undefined && option.value !== null && !word.includes('=');
    return {
      ...place,
      used: [...place.used, flag],
      option: takesNext && flag !== '--wait' ? option : undefined,
    };
  }
  const inner = place.command.commands.find(({ name }) => name === word);
  if (inner !== undefined && place.given.length === 0)
    return { ...place, command: inner, parents: [...place.parents, place.command] };
  return { ...place, given: [...place.given, word] };
}

function candidatesAt(place: Place, typed: string): Candidates {
  const { command, given, used, option } = place;
  if (option !== undefined) return valuesOf(option.value ?? '', option.choices);
  if (typed.startsWith('-') && !place.isAfterDashes) {
    const assigned = command.options.find(({ flags, choices }) =>
      flags.some((flag) => typed.startsWith(`${flag}=`) && choices.length > 0),
    );
    if (assigned !== undefined)
      return { words: assigned.choices.map((choice) => `${typed.split('=')[0] ?? ''}=${choice}`) };
    return {
      words: command.options
        .filter(({ flags }) => !flags.some((flag) => used.includes(flag)))
        .map(({ flags }) => flags.find((flag) => flag.startsWith('--')) ?? flags[0] ?? ''),
    };
  }
  if (command.commands.length > 0) return { words: command.commands.map(({ name }) => name) };
  const argument = argumentAt(command.words, given.length);
  return argument === undefined ? none : argumentCandidates(place, argument);
}

function argumentAt(words: readonly ArgumentShape[], at: number): ArgumentShape | undefined {
  const last = words.at(-1);
  return words[at] ?? (last?.isRepeated === true ? last : undefined);
}

function argumentCandidates(
  { command, parents, given }: Place,
  { name, choices }: ArgumentShape,
): Candidates {
  if (name === 'kind')
    return { words: choices.length > 0 ? choices : kindNames.map((kind) => kindTable[kind].plural) };
  if (name === 'name' && parents.at(-1)?.name === 'context') return { words: [], ask: 'context' };
  if (name === 'name' || name === 'names') {
    const kind = command.words[0]?.name === 'kind' ? kindNamed(given[0] ?? '') : undefined;
    return kind === undefined || kindTable[kind].nameForm === null ? none : { words: [], ask: kind };
  }
  return valuesOf(name, choices);
}

function valuesOf(name: string, choices: readonly string[]): Candidates {
  if (choices.length > 0) return { words: choices };
  const meaning = meanings[name] ?? (name === 'name' ? 'context' : undefined);
  if (meaning === 'file') return { words: [], files: true };
  return meaning === undefined ? none : { words: [], ask: meaning };
}
