import { isLike } from '../undoing.ts';
import { testOf, type Truth } from './condition.ts';
import { expand, expandOne, unknown, type Variables } from './expand.ts';
import { parseShell, type Branch, type Node } from './parse.ts';
import type { Word } from './syntax.ts';
import { withoutWrappers } from './wrappers.ts';

/** A command that a script may run, with its words as far as they are known. */
export interface Command {
  readonly words: readonly string[];
  /** The file that it writes its output to; null: none. */
  readonly writesTo: string | null;
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

/** A script with what it is called with. */
export interface Call {
  readonly path: string;
  readonly text: string;
  /** Positional ones by their number. */
  readonly variables: Readonly<Record<string, string>>;
}

export interface Run {
  /** The interface that a look at all of them has to find. */
  readonly name: string;
  /** Scripts that others may call, by their path. */
  readonly scripts: ReadonlyMap<string, string>;
}

/** Bounds for a script that calls itself, or has loops in loops. */
const maxCalls = 8;
const maxCommands = 4096;
const maxRounds = 64;

/**
 * The commands that a script may run, in their order. A branch that it does not enter, as its variables are, is left out; where that
 * is not known, every branch counts.
 */
export function commandsOf(call: Call, run: Run): readonly Command[] {
  const commands: Command[] = [];
  execute(call, run, { commands, depth: 0 });
  return commands;
}

interface Book {
  readonly commands: Command[];
  readonly depth: number;
}

interface State {
  readonly path: string;
  readonly variables: Variables;
  readonly functions: Map<string, Node>;
  /** By `exit`, or by `return` of a function. */
  stopped: boolean;
}

function execute({ path, text, variables }: Call, run: Run, book: Book): void {
  const state: State = {
    path,
    variables: new Map(Object.entries(variables)),
    functions: new Map(),
    stopped: false,
  };
  for (const node of parseShell(text)) execNode(node, state, run, book, true);
}

/** Whether it succeeds. `isSure`: it runs, whatever is not known. */
function execNode(node: Node, state: State, run: Run, book: Book, isSure: boolean): Truth {
  if (state.stopped || book.commands.length >= maxCommands) return null;
  const exec = (one: Node, sure: boolean): Truth => execNode(one, state, run, book, isSure && sure);
  switch (node.kind) {
    case 'command':
      return execCommand(node, state, run, book, isSure);
    case 'list': {
      let last: Truth = true;
      for (const { after, node: item } of node.items) {
        if ((after === '&&' && last === false) || (after === '||' && last === true)) continue;
        const before = last;
        last = exec(item, after === ';' || before !== null);
        if (after !== ';' && before === null) last = null;
      }
      return last;
    }
    case 'not': {
      const truth = exec(node.node, true);
      return truth === null ? null : !truth;
    }
    case 'pipe':
      for (const one of node.nodes) exec(one, true);
      return null;
    case 'if':
      return execIf(node.branches, node.otherwise, exec);
    case 'case': {
      const value = expandOne(node.word, state.variables, run.name);
      let isKnown = true;
      for (const { patterns, body } of node.branches) {
        const truth = anyOf(patterns.map((one) => patternOf(one, value, state, run)));
        if (truth === false) continue;
        exec(body, isKnown && truth === true);
        if (truth === true) break;
        isKnown = false;
      }
      return null;
    }
    case 'for': {
      const words = node.words?.flatMap((word) => expand(word, state.variables, run.name)) ?? [unknown];
      for (const word of words.slice(0, maxRounds)) {
        state.variables.set(node.name, word);
        exec(node.body, true);
      }
      return null;
    }
    case 'while':
      if (exec(node.test, true) !== false) exec(node.body, false);
      return null;
    case 'function':
      state.functions.set(node.name, node.body);
      return true;
    default:
      return null;
  }
}

function execIf(
  branches: readonly Branch[],
  otherwise: Node | null,
  exec: (node: Node, sure: boolean) => Truth,
): Truth {
  let isKnown = true;
  for (const { test, body } of branches) {
    const truth = exec(test, isKnown);
    if (truth === false) continue;
    const result = exec(body, isKnown && truth === true);
    if (truth === true) return isKnown ? result : null;
    isKnown = false;
  }
  if (otherwise !== null) exec(otherwise, isKnown);
  return null;
}

const anyOf = (truths: readonly Truth[]): Truth =>
  truths.includes(true) ? true : truths.includes(null) ? null : false;

function patternOf(pattern: Word, value: string, { variables }: State, { name }: Run): Truth {
  const text = expandOne(pattern, variables, name);
  if (text === '*') return true;
  return text.includes(unknown) || value.includes(unknown) ? null : isLike(text, value);
}

const assignment = /^[A-Za-z_]\w*$/;

function execCommand(
  { words, writesTo }: Extract<Node, { kind: 'command' }>,
  state: State,
  run: Run,
  book: Book,
  isSure: boolean,
): Truth {
  const { variables } = state;
  let at = 0;
  for (; at < words.length; at += 1) if (!assign(words[at], state, run, isSure)) break;
  const line = words[0]?.line ?? writesTo?.line ?? 1;
  const called = words.slice(at);
  if (called.length === 0) return true;
  const expanded = called.flatMap((word) => [...expand(word, variables, run.name)]);
  const [name = '', ...args] = expanded;
  switch (name) {
    case '[':
    case '[[':
    case 'test':
      return testOf(/^\]\]?$/.test(args.at(-1) ?? '') ? args.slice(0, -1) : args);
    case 'true':
    case ':':
      return true;
    case 'false':
      return false;
    case 'exit':
    case 'return':
      if (isSure) state.stopped = true;
      return null;
    case 'export':
    case 'local':
    case 'readonly':
    case 'declare':
      for (const word of called.slice(1)) assign(word, state, run, isSure);
      return true;
    case 'shift':
      for (let one = 1; one < 10; one += 1) variables.set(`${one}`, variables.get(`${one + 1}`) ?? unknown);
      return true;
    default:
      break;
  }
  const body = state.functions.get(name);
  if (body !== undefined) {
    callFunction(body, args, state, run, book, isSure);
    return null;
  }
  const command = {
    words: withoutWrappers(expanded),
    writesTo: writesTo === null ? null : expandOne(writesTo, variables, run.name),
    path: state.path,
    line,
  };
  book.commands.push(command);
  callScript(command.words, state, run, book);
  return null;
}

/** `NAME=value`; false: it is none. */
function assign(word: Word | undefined, { variables }: State, { name: link }: Run, isSure: boolean): boolean {
  const [first, ...others] = word?.parts ?? [];
  if (word === undefined || first?.kind !== 'text' || first.quoted) return false;
  const sign = first.text.indexOf('=');
  const name = first.text.slice(0, sign);
  if (sign < 1 || !assignment.test(name)) return false;
  const value = { ...word, parts: [{ ...first, text: first.text.slice(sign + 1) }, ...others] };
  const isOther = !isSure && variables.has(name);
  variables.set(name, isOther ? unknown : expandOne(value, variables, link));
  return true;
}

function callFunction(
  body: Node,
  args: readonly string[],
  state: State,
  run: Run,
  book: Book,
  isSure: boolean,
): void {
  if (book.depth >= maxCalls) return;
  const variables = new Map([...state.variables, ...positional(args)]);
  // What it sets outlives it, except its arguments.
  const inner: State = { ...state, variables, stopped: false };
  execNode(body, inner, run, { ...book, depth: book.depth + 1 }, isSure);
  for (const [name, value] of variables) if (assignment.test(name)) state.variables.set(name, value);
}

const positional = (args: readonly string[]): readonly (readonly [string, string])[] =>
  Array.from({ length: 9 }, (_, at) => [`${at + 1}`, args[at] ?? ''] as const);

const shells = /^(?:.*\/)?(?:sh|bash|dash|ash)$/;

/** A script that is called by its path, by a shell, or for its variables; and what a shell is given as text. */
function callScript(words: readonly string[], state: State, run: Run, book: Book): void {
  if (book.depth >= maxCalls) return;
  const [first = '', ...args] = words;
  const deeper = { ...book, depth: book.depth + 1 };
  const isShell = shells.test(first);
  const option = args.findIndex((one) => /^-\w*c$/.test(one));
  const own = Object.fromEntries(state.variables);
  if ((isShell && option !== -1) || first === 'eval') {
    const text = first === 'eval' ? args.join(' ') : (args[option + 1] ?? '');
    const from = book.commands.length;
    execute({ path: state.path, text, variables: own }, run, deeper);
    const line = book.commands[from - 1]?.line ?? 1;
    for (let at = from; at < book.commands.length; at += 1) {
      const command = book.commands[at];
      if (command !== undefined) book.commands[at] = { ...command, line };
    }
    return;
  }
  const isFirst = !isShell && first !== '.' && first !== 'source';
  const rest = args.filter((one) => isFirst || !one.startsWith('-'));
  const path = isFirst ? first : (rest[0] ?? '');
  const text = run.scripts.get(path);
  if (text === undefined) return;
  const variables = { ...own, ...Object.fromEntries(positional(isFirst ? args : rest.slice(1))) };
  execute({ path, text, variables }, run, deeper);
}
