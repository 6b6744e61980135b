import type { Paint, Tone } from './paint.ts';
import { plain } from './plain.ts';

/** One field of a table: a text from anywhere, and what it is about. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

const gap = '  ';

/** Lines of a table with a heading. Columns are as wide as their longest text; the last one is not padded. */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
): string[] {
  const shown = rows.map((row) => row.map(cell));
  const widths = headings.map((heading, at) =>
    Math.max(heading.length, ...shown.map((row) => widthOf(row[at]?.text ?? ''))),
  );
  const line = (cells: readonly { text: string; tone: Tone }[]): string =>
    cells
      .map(({ text, tone }, at) => {
        const isLast = at === cells.length - 1;
        const padding = isLast ? '' : ' '.repeat((widths[at] ?? 0) - widthOf(text));
        return `${text === '' ? '' : paint(tone, text)}${padding}`;
      })
      .join(gap)
      .trimEnd();
  return [line(headings.map((text) => ({ text, tone: 'heading' }))), ...shown.map(line)];
}

/** A text or nothing, as a field: nothing is a dash. */
export const orDash = (text: string | number | null | undefined): string =>
  text === null || text === undefined || text === '' ? '-' : String(text);

function cell(one: Cell): { text: string; tone: Tone } {
  return typeof one === 'string'
    ? { text: plain(one), tone: 'plain' }
    : { text: plain(one.text), tone: one.tone };
}

const widthOf = (text: string): number => Array.from(text).length;
