import type { Part, Word } from './syntax.ts';

/** Stands for what is not known before a script runs. No file name and no name of an interface has it. */
export const unknown = '\0';

/** Variables with their values, positional ones among them; one that is not here is not known. */
export type Variables = Map<string, string>;

const folder = '/sys/class/net/';

/** The words that a word becomes (POSIX.1-2017, 2.6). `name` is the interface that a look at all of them has to find. */
export function expand({ parts }: Word, variables: Variables, name: string): readonly string[] {
  const texts = parts.map((part) => valueOf(part, variables, name));
  const whole = texts.join('');
  const isSplit = parts.some(
    (part, at) => part.kind !== 'text' && !part.quoted && /\s/.test(texts[at] ?? ''),
  );
  if (isSplit) return whole.split(/\s+/).filter((one) => one !== '');
  const isPattern = parts.some((part) => part.kind === 'text' && !part.quoted && part.text.includes('*'));
  return [isPattern && whole.startsWith(folder) ? `${folder}${name}` : whole];
}

/** The same as one word, as an assignment, a test and `case` take it. */
export const expandOne = (word: Word, variables: Variables, name: string): string =>
  expand(word, variables, name).join(' ');

function valueOf(part: Part, variables: Variables, name: string): string {
  if (part.kind === 'text') return part.text;
  if (part.kind === 'output') return outputOf(part.source, variables, name);
  const value = variables.get(part.name);
  return changed(value, part.change);
}

/** `${NAME:-eth0}`, and the cuts that scripts make from a path or from the name of a VLAN. */
function changed(value: string | undefined, change: string): string {
  const [, instead] = /^:?[-=](.*)$/s.exec(change) ?? [];
  if (instead !== undefined) {
    const isLacking = value === undefined || (value === '' && change.startsWith(':'));
    return isLacking ? (/[$`]/.test(instead) ? unknown : instead.replaceAll(/["']/g, '')) : value;
  }
  if (value === undefined) return unknown;
  switch (change) {
    case '':
      return value;
    case '##*/':
      return value.slice(value.lastIndexOf('/') + 1);
    case '%%.*':
      return value.replace(/\..*$/s, '');
    case '%%:*':
      return value.replace(/:.*$/s, '');
    default:
      return unknown;
  }
}

function outputOf(source: string, variables: Variables, name: string): string {
  if (/^\s*ls\s+(?:-\w+\s+)*\/sys\/class\/net\/?\s*$/.test(source)) return name;
  const [, variable] = /^\s*basename\s+"?\$\{?(\w+)\}?"?\s*$/.exec(source) ?? [];
  const value = variable === undefined ? undefined : variables.get(variable);
  return value === undefined ? unknown : value.slice(value.lastIndexOf('/') + 1);
}
