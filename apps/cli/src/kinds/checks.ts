import type { Check } from '@trunkline/contracts';
import { orDash, type Cell } from '../format/table.ts';
import { ageColumn, kind, wholePages } from './kind.ts';

export const checks = kind<Check>('check', {
  list: (client) => client.checks.all(wholePages),
  find: async (client, id) => (await client.checks.get(id)).body,
  nameOf: ({ id }) => id,
  columns: [
    { heading: 'ID', cell: ({ id }) => id },
    { heading: 'KIND', cell: ({ kind: one }) => one },
    { heading: 'ABOUT', cell: (check) => orDash(aboutOf(check)) },
    { heading: 'STATE', cell: ({ state }) => state },
    { heading: 'FOUND', cell: foundCell },
    ageColumn('AGE', ({ createdAt }) => createdAt),
    { heading: 'MESSAGE', wide: true, cell: ({ result, error }) => result?.message ?? error ?? '' },
  ],
});

/** What a check is about, in a few words. */
function aboutOf({ from, to, network, container, host, pairs }: Check): string {
  if (from !== null && to !== null) return `${from.container} to ${to.container}`;
  return network ?? container ?? host ?? (pairs === null ? '' : `${pairs.length} pairs`);
}

/** Whether a check that ended found everything in order; undefined where it has no result. */
export function isInOrder({ result }: Pick<Check, 'result'>): boolean | undefined {
  if (result === null) return undefined;
  if ('reachable' in result) return result.reachable;
  return 'ok' in result ? result.ok : result.findings.length === 0;
}

function foundCell(check: Check): Cell {
  const inOrder = isInOrder(check);
  if (inOrder === undefined) return '-';
  return inOrder ? { text: 'ok', tone: 'good' } : { text: 'a fault', tone: 'bad' };
}
