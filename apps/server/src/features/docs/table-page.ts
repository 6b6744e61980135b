/** A page that is one table, made from a table of the contract. */
export interface TablePage {
  title: string;
  /** HTML above the table. */
  intro: string;
  columns: readonly string[];
  rows: readonly TableRow[];
}

/** `id` is what a link to the row names after `#`. Cells are Markdown as far as `code` goes. */
export interface TableRow {
  id: string;
  cells: readonly string[];
}

const style =
  'body{font:16px/1.5 system-ui;margin:2rem auto;max-width:70rem}td,th{text-align:left;vertical-align:top;padding:.3rem .8rem;border-bottom:1px solid #ddd}tr:target{background:#ffd}';

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Text for HTML; what stands in backticks is code. */
export const inHtml = (text: string): string => escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');

const rowInHtml = ({ id, cells }: TableRow): string =>
  `<tr id="${escaped(id)}">${cells.map((cell) => `<td>${inHtml(cell)}</td>`).join('')}</tr>`;

/** The page in HTML. Pure. */
export function tablePage({ title, intro, columns, rows }: TablePage): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Trunkline: ${title.toLowerCase()}</title>
<style>${style}</style>
<h1>${title}</h1><p>${intro}</p>
<table><tr>${columns.map((column) => `<th>${column}</th>`).join('')}</tr>${rows.map(rowInHtml).join('\n')}</table></html>`;
}
