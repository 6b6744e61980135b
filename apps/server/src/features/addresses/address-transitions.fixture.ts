/** A row of the table on top of prisma/functions/address-state.sql. */
export interface Transition {
  from: string;
  to: string;
  /** The function that does it. */
  by: string;
}

/** Reads that table. */
export function readTransitions(sql: string): Transition[] {
  return [...sql.matchAll(/^-- (\w+) +\| (\w+) +\| (\w+) +\| [^|\n]+\| [^|\n]+$/gm)]
    .map(([, from = '', to = '', by = '']) => ({ from, to, by }))
    .filter(({ from }) => from !== 'from');
}
