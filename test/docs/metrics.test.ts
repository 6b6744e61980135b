/** The operations page lists every metric of the server with its labels, and no other. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { metricsOfServer } from '../packaging/promql.ts';
import { tableRows } from './table-rows.ts';

const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const [section = ''] = (page.split('\n## Metrics and logs')[1] ?? '').split('\n## ');
const words = (cell: string): string[] => [...cell.matchAll(/`(\w+)`/g)].map(([, word = '']) => word);
const own = metricsOfServer().filter(({ name }) => name.startsWith('trunkline_'));
const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

test('every metric is in the table, with its labels and what it is', () => {
  const listed = tableRows(section)
    .filter(([first = '']) => first.startsWith('`trunkline_'))
    .flatMap(([names = '', labels = '', what = '']) =>
      words(names).map((name) => ({ name, labels: words(labels).toSorted(), isDescribed: what.length > 10 })),
    );
  const existing = own.map(({ name, labelNames }) => ({
    name,
    labels: labelNames.toSorted(),
    isDescribed: true,
  }));
  expect(listed.toSorted(byName)).toEqual(existing.toSorted(byName));
});

test('names end as Prometheus has it, and every metric has a help text', () => {
  for (const metric of metricsOfServer()) {
    const { name, type, help } = metric as typeof metric & { type: string; help: string };
    expect(help).not.toBe('');
    if (!name.startsWith('trunkline_')) continue;
    expect(name).toMatch(/^trunkline_[a-z_]+$/);
    expect({ name, isCounter: type === 'counter' }).toEqual({ name, isCounter: name.endsWith('_total') });
  }
});
