/**
 * The agent's block in a hosts(5) file: between two lines of its own, at the end. All else is Docker's or the user's and comes
 * through byte for byte. Texts are latin1, so that each character is one byte, whatever somebody put into the file. Pure.
 */

/** One line of the block. */
export interface HostsLine {
  readonly ip: string;
  readonly names: readonly string[];
}

const begin =
  '# trunkline: names of this network, kept by the agent; what is between these lines is replaced';
/** As `begin`, after a line that had no line break: the one before this is ours, and goes with the block. */
const beginAfterOpenLine = `${begin} (after an open line)`;
const end = '# trunkline: end of names';

/** The file with this block in place of the one that it has; without lines, without a block. */
export function withBlock(text: string, lines: readonly HostsLine[]): string {
  const outside = withoutBlock(text);
  const own = formOfLines(lines, namesIn(outside));
  if (own === '') return outside;
  const isOpen = outside !== '' && !outside.endsWith('\n');
  return `${outside}${isOpen ? `\n${beginAfterOpenLine}` : begin}\n${own}${end}\n`;
}

/**
 * The file as it is without the agent. A block without an end (a write that was cut short, or somebody took the line out) ends with
 * the last line that has the form of ours.
 */
export function withoutBlock(text: string): string {
  const lines = closed(text).match(/[^\n]*\n|[^\n]+$/g) ?? [];
  let kept = '';
  let openAt: number | null = null;
  for (let at = 0; at < lines.length; at += 1) {
    const line = bare(lines[at]);
    if (line === end) kept = withoutRest(kept);
    if (line === end || isBeginCutShort(lines[at])) continue;
    if (line !== begin && line !== beginAfterOpenLine) {
      kept += lines[at];
      continue;
    }
    if (line === beginAfterOpenLine) openAt = kept.length;
    at = lastOfBlock(lines, at);
  }
  // With a line of somebody else behind the block, the line break is that line's beginning.
  return openAt !== null && openAt === kept.length && kept.endsWith('\n') ? kept.slice(0, -1) : kept;
}

/**
 * Docker wrote the file again in the moment of our write, and it is shorter now: the kernel filled the gap before the block. Docker ends
 * its last line.
 */
const closed = (text: string): string =>
  text.includes('\0') ? text.replace(new RegExp(`\0+(?=${begin}\n)`, 'g'), '') : text;

/** Of a mark that was cut short, at the end of the file; less of it may be somebody's comment. */
const isBeginCutShort = (line = ''): boolean =>
  line.startsWith('# trunkline: ') && (begin.startsWith(line) || beginAfterOpenLine.startsWith(line));

/**
 * Docker wrote over the beginning of a block in the moment in which it was written: what is left of it, before its last line, is
 * lines of our form, and half a line in front of them.
 */
function withoutRest(text: string): string {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  while (isOurs(lines.at(-1))) lines.pop();
  if (!/^\s*(#.*|[0-9a-fA-F]*[.:][0-9a-fA-F.:]+\s.*)\n$/.test(lines.at(-1) ?? '')) lines.pop();
  return lines.join('');
}

/** Whether a file has nothing at all: Docker always writes some lines, so it is just writing. */
export const isBare = (text: string): boolean => withoutBlock(text).trim() === '';

/** Where the block that begins at `from` ends. */
function lastOfBlock(lines: readonly string[], from: number): number {
  for (let at = from + 1; at < lines.length; at += 1) {
    const line = bare(lines[at]);
    if (line === end) return at;
    if (line === begin || line === beginAfterOpenLine) break;
  }
  let at = from;
  while (isOurs(lines[at + 1])) at += 1;
  return at;
}

const bare = (line: string | undefined): string => line?.replace(/\n$/, '') ?? '';

/** A line of the block, or the beginning of one where the file ends in it. */
function isOurs(line: string | undefined): boolean {
  if (line === undefined) return false;
  return line.endsWith('\n')
    ? /^[0-9a-f.:]+( [a-zA-Z0-9][a-zA-Z0-9_.-]*)+\n$/.test(line)
    : /^[0-9a-f.:]*( [a-zA-Z0-9_.-]*)*$/.test(line) || end.startsWith(line);
}

/** Names that the lines of a hosts file give, in lower case (RFC 4343). */
function namesIn(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const line of text.split('\n')) {
    const words = (line.split('#')[0] ?? '').trim().split(/\s+/);
    for (const name of words.slice(1)) names.add(name.toLowerCase());
  }
  return names;
}

/**
 * The lines as text. A name that Docker or the user has in the file already is theirs: it is left out, because some C libraries
 * take all lines of a name and not the first. A space and no tab after the address: Docker removes lines that end in a tab and a
 * name of its own (moby, libnetwork/etchosts).
 */
function formOfLines(lines: readonly HostsLine[], theirs: ReadonlySet<string>): string {
  return lines
    .map(({ ip, names }) => ({ ip, names: names.filter((name) => !theirs.has(name.toLowerCase())) }))
    .filter(({ names }) => names.length > 0)
    .map(({ ip, names }) => `${ip} ${names.join(' ')}\n`)
    .join('');
}

/** How a file is brought from one text to another. */
export interface HostsWrite {
  /** Where to write, in bytes: what is before it stays. */
  readonly at: number;
  /** What to write there. */
  readonly text: string;
  /** What the file is cut to afterwards; null: it is as long as that already. */
  readonly length: number | null;
}

/**
 * The one write after which the file has the new text, so that whoever reads meanwhile and whatever ends it half way finds all lines
 * before the block; null where nothing differs. The block is written from its first line on. A text that became shorter is filled
 * up with line breaks, and then cut: without the cut, nothing of the old block is left that reads as somebody's lines.
 */
export function writeOf(before: string, after: string): HostsWrite | null {
  if (before === after) return null;
  const block = after.lastIndexOf(begin);
  const most = Math.min(before.length, after.length, block === -1 ? after.length : block);
  let at = 0;
  while (at < most && before[at] === after[at]) at += 1;
  const surplus = before.length - after.length;
  return {
    at,
    text: after.slice(at) + '\n'.repeat(Math.max(0, surplus)),
    length: surplus > 0 ? after.length : null,
  };
}
