/** The alert rules name metrics, labels and values that the server has. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { conditionStatuses, conditionTable, type ConditionKind } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { faultsOf, read, seriesOfServer } from './promql.ts';

const file = path.resolve(import.meta.dirname, '../../packaging/prometheus/trunkline.rules.yml');

interface Rule {
  alert: string;
  expr: string;
  for: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}
const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { name: string; rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);

/** What is wrong with a rule, given the metrics that exist. Pure. */
function faultsOfRule({ expr, annotations }: Rule): string[] {
  const { kept } = read(expr);
  const shown = Object.values(annotations).flatMap((text) =>
    [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label),
  );
  return [
    ...faultsOf(expr, existing),
    ...shown.filter((label) => !kept.includes(label)).map((label) => `the alert has no label ${label}`),
  ];
}

const existing = seriesOfServer();

test('the file has rules, each of its own name, with a text and a severity', () => {
  expect(rules.length).toBeGreaterThan(5);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const rule of rules) {
    expect(rule.alert).toMatch(/^Trunkline[A-Z]\w+$/);
    expect(rule.labels['severity']).toMatch(/^(info|warning|critical)$/);
    expect(rule.annotations['summary']).toBeTruthy();
    expect(rule.annotations['description']).toBeTruthy();
  }
});

test.each(rules)('$alert names metrics and labels that the server has', (rule) => {
  expect(faultsOfRule(rule)).toEqual([]);
});

test('conditions that rules select are in the table, on what carries them', () => {
  const selected = rules.filter(({ expr }) => expr.includes('trunkline_conditions'));
  expect(selected.length).toBeGreaterThan(0);
  for (const { expr } of selected) {
    const {
      on,
      type = '',
      status,
    } = Object.fromEntries(read(expr).selectors.map(({ label, value }) => [label, value]));
    const kind = (conditionTable as Record<string, ConditionKind>)[type];
    expect(kind?.on).toContain(on);
    expect(conditionStatuses).toContain(status);
    expect(status).not.toBe(kind?.good);
  }
});

test.each([
  ['trunkline_no_such_metric > 0', 'no metric trunkline_no_such_metric'],
  ['trunkline_conditions{kind="x"} > 0', 'trunkline_conditions has no label kind'],
  ['sum by (host) (trunkline_network_macs) > 0', 'no metric has the label host'],
  ['sum(trunkline_hosts{state="lost"}) > 0', 'trunkline_hosts has no state lost'],
  ['1 > 0', 'names no metric'],
])('a rule that is wrong is found: %s', (expr, fault) => {
  expect(faultsOfRule({ alert: 'X', expr, for: '1m', labels: {}, annotations: {} })).toEqual([fault]);
});

const run = promisify(execFile);
const promtool = await run('promtool', ['--version']).then(
  () => true,
  () => false,
);

test.skipIf(!promtool)('promtool accepts the rules (skipped where it is not installed)', async () => {
  const { stdout } = await run('promtool', ['check', 'rules', file]);
  expect(stdout).toContain(`SUCCESS: ${rules.length} rules found`);
});
