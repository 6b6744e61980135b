/** The alert rules name metrics, labels and values that the server has. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { conditionStatuses, conditionTable, type ConditionKind } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { registerConditionGauge } from '../../apps/server/src/features/health/condition-gauge.ts';
import { registerLimitGauges } from '../../apps/server/src/features/limits/limit-gauges.ts';
import type { Database } from '../../apps/server/src/platform/database/database.ts';
import { createMetrics } from '../../apps/server/src/platform/metrics.ts';

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

/** Names of the metrics of a server, with the labels of each; a histogram by its three names. */
function metricsOfServer(): Map<string, readonly string[]> {
  const metrics = createMetrics();
  // Nothing is asked of it: only names and labels are read.
  const database = { pool: {}, prisma: {} } as unknown as Database;
  registerConditionGauge({ metrics, database });
  const thresholds = { poolLowPercent: 10, poolLowDays: 7, manyStations: 200 };
  registerLimitGauges({ metrics, database, now: () => new Date() }, thresholds);
  const all = metrics.registry.getMetricsAsArray() as unknown as {
    name: string;
    labelNames: string[];
    buckets?: number[];
  }[];
  return new Map(
    all.flatMap(({ name, labelNames, buckets }): [string, readonly string[]][] =>
      buckets === undefined
        ? [[name, labelNames]]
        : [
            [`${name}_bucket`, [...labelNames, 'le']],
            [`${name}_sum`, labelNames],
            [`${name}_count`, labelNames],
          ],
    ),
  );
}

/** Words of PromQL that rules may use and that are no metric. */
const promql = [
  'max',
  'min',
  'sum',
  'by',
  'and',
  'or',
  'unless',
  'increase',
  'rate',
  'on',
  'group_left',
  'absent',
];

interface Reading {
  metrics: string[];
  /** Label and value of each selector, by metric. */
  selectors: { metric: string; label: string; value: string }[];
  /** Labels of `by (…)`. */
  kept: string[];
}

/** What an expression names. Pure. */
function read(expr: string): Reading {
  const selectors = [...expr.matchAll(/([a-z_:][\w:]*)\{([^}]*)\}/gi)].flatMap(
    ([, metric = '', inner = '']) =>
      [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)].map(([, label = '', value = '']) => ({
        metric,
        label,
        value,
      })),
  );
  const kept = [...expr.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, inner = '']) =>
    inner.split(',').map((label) => label.trim()),
  );
  const bare = expr.replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, ' ').replaceAll(/\bby\s*\([^)]*\)/g, ' by ');
  const words = bare.match(/[a-z_:][\w:]*/gi) ?? [];
  return { metrics: words.filter((word) => !promql.includes(word)), selectors, kept };
}

/** What is wrong with a rule, given the metrics that exist. Pure. */
function faultsOf(rule: Rule, existing: ReadonlyMap<string, readonly string[]>): string[] {
  const { metrics, selectors, kept } = read(rule.expr);
  const labels = metrics.map((metric) => existing.get(metric) ?? []);
  const shown = Object.values(rule.annotations).flatMap((text) =>
    [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label),
  );
  return [
    ...(metrics.length === 0 ? ['names no metric'] : []),
    ...metrics.filter((metric) => !existing.has(metric)).map((metric) => `no metric ${metric}`),
    ...selectors
      .filter(({ metric, label }) => existing.get(metric)?.includes(label) !== true)
      .map(({ metric, label }) => `${metric} has no label ${label}`),
    ...kept
      .filter((label) => !labels.every((of) => of.includes(label)))
      .map((label) => `no metric has the label ${label}`),
    ...shown.filter((label) => !kept.includes(label)).map((label) => `the alert has no label ${label}`),
  ];
}

const existing = metricsOfServer();

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
  expect(faultsOf(rule, existing)).toEqual([]);
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
  ['1 > 0', 'names no metric'],
])('a rule that is wrong is found: %s', (expr, fault) => {
  expect(faultsOf({ alert: 'X', expr, for: '1m', labels: {}, annotations: {} }, existing)).toEqual([fault]);
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
