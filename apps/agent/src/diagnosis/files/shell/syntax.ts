/** A piece of a word of shell. */
export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  /** `$NAME`, `${NAME}`, and with what follows the name: `:-eth0`, `##*` + `/`. */
  | { readonly kind: 'variable'; readonly name: string; readonly change: string; readonly quoted: boolean }
  /** What another command prints. */
  | { readonly kind: 'output'; readonly source: string; readonly quoted: boolean };

export interface Word {
  readonly parts: readonly Part[];
  /** From 1. */
  readonly line: number;
}

/** Words and operators of shell (POSIX.1-2017, Shell Command Language, 2.3). */
export type Token =
  | ({ readonly kind: 'word' } & Word)
  | { readonly kind: 'operator'; readonly text: string; readonly line: number };

/** A text that is no shell, or more of it than is read here. */
export class NotShell extends Error {}

const operators = [
  '<<<',
  '<<-',
  '<<',
  '&&',
  '||',
  ';;',
  '>>',
  '>&',
  '<&',
  '&>',
  '>|',
  '<',
  '>',
  '|',
  '&',
  ';',
  '(',
  ')',
];

/** Splits a script into its tokens; comments and here-documents are left out. Throws `NotShell`. */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const documents: { end: string; tabs: boolean }[] = [];
  let parts: Part[] = [];
  let started = 0;
  let line = 1;
  let at = 0;

  const endWord = (): void => {
    if (parts.length > 0) tokens.push({ kind: 'word', parts, line: started });
    parts = [];
  };
  const add = (part: Part): void => {
    if (parts.length === 0) started = line;
    const last = parts.at(-1);
    if (part.kind === 'text' && last?.kind === 'text' && last.quoted === part.quoted)
      parts[parts.length - 1] = { ...last, text: last.text + part.text };
    else parts.push(part);
  };
  const count = (from: number, to: number): void => {
    for (let one = from; one < to; one += 1) if (text[one] === '\n') line += 1;
  };
  /** After an opening bracket: the place of the one that closes it. */
  const closing = (open: string, close: string, from: number): number => {
    let depth = 1;
    for (let one = from; one < text.length; one += 1) {
      if (text[one] === '\\') one += 1;
      else if (text[one] === open) depth += 1;
      else if (text[one] === close && (depth -= 1) === 0) return one;
    }
    throw new NotShell('a bracket is not closed');
  };
  const dollar = (quoted: boolean): void => {
    const next = text[at + 1] ?? '';
    if (next === '(') {
      const end = closing('(', ')', at + 2);
      add({ kind: 'output', source: text.slice(at + 2, end), quoted });
      count(at, end);
      at = end + 1;
    } else if (next === '{') {
      const end = closing('{', '}', at + 2);
      const [, name = '', change = ''] = /^(\w+|[@*#?$!-])(.*)$/s.exec(text.slice(at + 2, end)) ?? [];
      add({ kind: 'variable', name, change, quoted });
      count(at, end);
      at = end + 1;
    } else {
      const [name] = /^(?:[A-Za-z_]\w*|[\d@*#?$!-])/.exec(text.slice(at + 1, at + 65)) ?? [];
      add(
        name === undefined
          ? { kind: 'text', text: '$', quoted }
          : { kind: 'variable', name, change: '', quoted },
      );
      at += 1 + (name?.length ?? 0);
    }
  };
  const backticks = (quoted: boolean): void => {
    const end = text.indexOf('`', at + 1);
    if (end === -1) throw new NotShell('a quote is not closed');
    add({ kind: 'output', source: text.slice(at + 1, end), quoted });
    count(at, end);
    at = end + 1;
  };
  const doubleQuotes = (): void => {
    at += 1;
    add({ kind: 'text', text: '', quoted: true });
    while (text[at] !== '"') {
      const one = text[at];
      if (one === undefined) throw new NotShell('a quote is not closed');
      if (one === '$') dollar(true);
      else if (one === '`') backticks(true);
      else {
        const escaped = one === '\\' && /["$`\\\n]/.test(text[at + 1] ?? '');
        const shown = escaped ? (text[at + 1] ?? '') : one;
        if (!(escaped && shown === '\n')) add({ kind: 'text', text: shown, quoted: true });
        if (shown === '\n') line += 1;
        at += escaped ? 2 : 1;
      }
    }
    at += 1;
  };
  const skipDocuments = (): void => {
    for (const { end, tabs } of documents.splice(0)) {
      while (at < text.length) {
        const stop = text.indexOf('\n', at);
        const next = stop === -1 ? text.length : stop;
        const whole = text.slice(at, next);
        at = next + 1;
        line += 1;
        if ((tabs ? whole.replace(/^\t+/, '') : whole) === end) break;
      }
    }
  };

  while (at < text.length) {
    const one = text[at] ?? '';
    if (one === '\n') {
      endWord();
      tokens.push({ kind: 'operator', text: '\n', line });
      at += 1;
      line += 1;
      skipDocuments();
    } else if (/\s/.test(one)) {
      endWord();
      at += 1;
    } else if (one === '#' && parts.length === 0) {
      const end = text.indexOf('\n', at);
      at = end === -1 ? text.length : end;
    } else if (one === '\\') {
      if (text[at + 1] === '\n') line += 1;
      else add({ kind: 'text', text: text[at + 1] ?? '', quoted: true });
      at += 2;
    } else if (one === "'") {
      const end = text.indexOf("'", at + 1);
      if (end === -1) throw new NotShell('a quote is not closed');
      add({ kind: 'text', text: text.slice(at + 1, end), quoted: true });
      count(at, end);
      at = end + 1;
    } else if (one === '"') doubleQuotes();
    else if (one === '$') dollar(false);
    else if (one === '`') backticks(false);
    else if (/^[<>]\(/.test(text.slice(at, at + 2))) {
      const end = closing('(', ')', at + 2);
      add({ kind: 'output', source: text.slice(at + 2, end), quoted: true });
      count(at, end);
      at = end + 1;
    } else {
      const operator = operators.find((sign) => text.startsWith(sign, at));
      if (operator === undefined) {
        add({ kind: 'text', text: one, quoted: false });
        at += 1;
        continue;
      }
      // `2>`: the number of what is redirected.
      const [only] = parts;
      if (/^[<>]/.test(operator) && parts.length === 1 && only?.kind === 'text' && /^\d$/.test(only.text))
        parts = [];
      endWord();
      at += operator.length;
      const [whole, name = ''] = /^<<-?$/.test(operator)
        ? (/^[ \t]*(\\?[\w.-]+|'[^'\n]*'|"[^"\n]*")/.exec(text.slice(at, at + 128)) ?? [])
        : [];
      if (whole === undefined) tokens.push({ kind: 'operator', text: operator, line });
      else {
        documents.push({ end: name.replaceAll(/["'\\]/g, ''), tabs: operator === '<<-' });
        at += whole.length;
      }
    }
  }
  endWord();
  return tokens;
}
