import { NotShell, tokensOf, type Token, type Word } from './syntax.ts';

/** A piece of a script. */
export type Node =
  | { readonly kind: 'command'; readonly words: readonly Word[]; readonly writesTo: Word | null }
  | { readonly kind: 'list'; readonly items: readonly Item[] }
  | { readonly kind: 'not'; readonly node: Node }
  /** Commands whose output goes to the next. */
  | { readonly kind: 'pipe'; readonly nodes: readonly Node[] }
  | { readonly kind: 'if'; readonly branches: readonly Branch[]; readonly otherwise: Node | null }
  | { readonly kind: 'case'; readonly word: Word; readonly branches: readonly CaseBranch[] }
  /** Null: for each argument of the script. */
  | {
      readonly kind: 'for';
      readonly name: string;
      readonly words: readonly Word[] | null;
      readonly body: Node;
    }
  | { readonly kind: 'while'; readonly test: Node; readonly body: Node }
  | { readonly kind: 'function'; readonly name: string; readonly body: Node };

/** What runs after what stands before it: always, when that succeeds, or when it fails. */
export interface Item {
  readonly after: ';' | '&&' | '||';
  readonly node: Node;
}
export interface Branch {
  readonly test: Node;
  readonly body: Node;
}
export interface CaseBranch {
  readonly patterns: readonly Word[];
  readonly body: Node;
}

/** Reads a script; what it cannot read as a whole it reads line by line, and leaves out the lines that it cannot read. */
export function parseShell(text: string): readonly Node[] {
  const whole = parsed(text, 0);
  if (whole !== null) return [whole];
  return text.split('\n').flatMap((line, at) => {
    const node = parsed(line, at);
    return node === null ? [] : [node];
  });
}

/** Null: it is no shell. */
function parsed(text: string, linesBefore: number): Node | null {
  try {
    const tokens = tokensOf(text).map((token) => ({ ...token, line: token.line + linesBefore }));
    const parser = createParser(tokens);
    const node = parser.list([]);
    return parser.isAtEnd() ? node : null;
  } catch (error) {
    if (error instanceof NotShell) return null;
    throw error;
  }
}

/** The text of a word that is written as it stands, without quotes; null: it is none. */
const bareText = (token: Token | undefined): string | null => {
  const [part, ...others] = token?.kind === 'word' ? token.parts : [];
  return part?.kind === 'text' && !part.quoted && others.length === 0 ? part.text : null;
};
/** The text of a word without variables; null: it has some. */
const plainText = ({ parts }: Word): string | null =>
  parts.every(({ kind }) => kind === 'text')
    ? parts.map((part) => (part.kind === 'text' ? part.text : '')).join('')
    : null;

const redirections = new Set(['<', '>', '>>', '>&', '<&', '<<<', '&>', '>|', '<<', '<<-']);
const endings = new Set(['then', 'else', 'elif', 'fi', 'do', 'done', 'esac', '}']);
const maxDepth = 64;

function createParser(tokens: readonly Token[]): {
  readonly list: (ends: readonly string[]) => Node;
  readonly isAtEnd: () => boolean;
} {
  let at = 0;
  let depth = 0;
  const isOperator = (...texts: string[]): boolean => {
    const token = tokens[at];
    return token?.kind === 'operator' && texts.includes(token.text);
  };
  const skipNewlines = (): void => {
    while (isOperator('\n')) at += 1;
  };
  const expectWord = (text: string): void => {
    skipNewlines();
    if (bareText(tokens[at]) !== text) throw new NotShell(`no ${text} where one belongs`);
    at += 1;
  };
  const takeWord = (): Word => {
    const token = tokens[at];
    if (token?.kind !== 'word') throw new NotShell('no word where one belongs');
    at += 1;
    return token;
  };

  function list(ends: readonly string[]): Node {
    depth += 1;
    if (depth > maxDepth) throw new NotShell('too deep');
    const items: Item[] = [];
    let after: Item['after'] = ';';
    for (;;) {
      while (isOperator(';', '\n', '&')) at += 1;
      if (at >= tokens.length || isOperator(')', ';;')) break;
      const word = bareText(tokens[at]);
      if (word !== null && (ends.includes(word) || endings.has(word))) break;
      items.push({ after, node: pipeline() });
      after = isOperator('&&') ? '&&' : isOperator('||') ? '||' : ';';
      if (after !== ';') {
        at += 1;
        skipNewlines();
      }
    }
    depth -= 1;
    return { kind: 'list', items };
  }

  function pipeline(): Node {
    if (bareText(tokens[at]) === '!') {
      at += 1;
      return { kind: 'not', node: pipeline() };
    }
    const nodes = [command()];
    while (isOperator('|')) {
      at += 1;
      skipNewlines();
      nodes.push(command());
    }
    const [only] = nodes;
    return only !== undefined && nodes.length === 1 ? only : { kind: 'pipe', nodes };
  }

  function command(): Node {
    const node = compound();
    if (node === null) return simple();
    while (
      tokens[at]?.kind === 'operator' &&
      redirections.has(tokens[at]?.kind === 'operator' ? textAt() : '')
    ) {
      at += 1;
      takeWord();
    }
    return node;
  }
  const textAt = (): string => {
    const token = tokens[at];
    return token?.kind === 'operator' ? token.text : '';
  };

  function compound(): Node | null {
    if (isOperator('(')) {
      at += 1;
      const body = list([]);
      if (!isOperator(')')) throw new NotShell('a bracket is not closed');
      at += 1;
      return body;
    }
    const word = bareText(tokens[at]);
    switch (word ?? '') {
      case '{':
        at += 1;
        return closed(list(['}']), '}');
      case 'if':
        return conditional();
      case 'case':
        return choice();
      case 'for':
        return loop();
      case 'while':
      case 'until': {
        at += 1;
        const test = closed(list(['do']), 'do');
        return { kind: 'while', test, body: closed(list(['done']), 'done') };
      }
      case 'function':
        at += 1;
        return definition();
      default: {
        const [next, last] = [tokens[at + 1], tokens[at + 2]];
        const isDefinition =
          word !== null &&
          next?.kind === 'operator' &&
          next.text === '(' &&
          last?.kind === 'operator' &&
          last.text === ')';
        return isDefinition ? definition() : null;
      }
    }
  }
  const closed = (node: Node, end: string): Node => {
    expectWord(end);
    return node;
  };

  function definition(): Node {
    const name = plainText(takeWord()) ?? '';
    if (isOperator('(')) at += 2;
    skipNewlines();
    const body = compound();
    if (body === null) throw new NotShell('a function without a body');
    return { kind: 'function', name, body };
  }

  function conditional(): Node {
    const branches: Branch[] = [];
    let otherwise: Node | null = null;
    for (;;) {
      at += 1;
      const test = closed(list(['then']), 'then');
      branches.push({ test, body: list([]) });
      const word = bareText(tokens[at]);
      if (word === 'elif') continue;
      if (word === 'else') {
        at += 1;
        otherwise = list(['fi']);
      }
      expectWord('fi');
      return { kind: 'if', branches, otherwise };
    }
  }

  function choice(): Node {
    at += 1;
    const word = takeWord();
    expectWord('in');
    const branches: CaseBranch[] = [];
    for (;;) {
      skipNewlines();
      if (bareText(tokens[at]) === 'esac') break;
      if (isOperator('(')) at += 1;
      const patterns = [takeWord()];
      while (isOperator('|')) {
        at += 1;
        patterns.push(takeWord());
      }
      if (!isOperator(')')) throw new NotShell('a pattern without its bracket');
      at += 1;
      branches.push({ patterns, body: list(['esac']) });
      if (isOperator(';;')) at += 1;
      else break;
    }
    expectWord('esac');
    return { kind: 'case', word, branches };
  }

  function loop(): Node {
    at += 1;
    const name = plainText(takeWord()) ?? '';
    skipNewlines();
    const words: Word[] = [];
    const hasWords = bareText(tokens[at]) === 'in';
    if (hasWords) {
      at += 1;
      while (tokens[at]?.kind === 'word') words.push(takeWord());
    }
    while (isOperator(';', '\n')) at += 1;
    expectWord('do');
    return { kind: 'for', name, words: hasWords ? words : null, body: closed(list(['done']), 'done') };
  }

  function simple(): Node {
    const words: Word[] = [];
    let writesTo: Word | null = null;
    const from = at;
    for (;;) {
      const token = tokens[at];
      if (token?.kind === 'word') words.push(takeWord());
      else if (token !== undefined && redirections.has(token.text)) {
        at += 1;
        const target = takeWord();
        if (token.text === '>' || token.text === '>>') writesTo = target;
      } else break;
    }
    if (at === from) throw new NotShell('no command where one belongs');
    return { kind: 'command', words, writesTo };
  }

  return { list, isAtEnd: () => at >= tokens.length };
}
