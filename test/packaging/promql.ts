/** What expressions of PromQL name, and which metrics a server has. */
import { hostStates, standings } from '../../apps/server/src/features/health/fleet.store.ts';
import { registerBuildInfo } from '../../apps/server/src/features/health/build-info.ts';
import { registerConditionGauge } from '../../apps/server/src/features/health/condition-gauge.ts';
import { registerFleetGauges } from '../../apps/server/src/features/health/fleet-gauges.ts';
import { registerLimitGauges } from '../../apps/server/src/features/limits/limit-gauges.ts';
import type { Database } from '../../apps/server/src/platform/database/database.ts';
import { createMetrics } from '../../apps/server/src/platform/metrics.ts';
import { heldWords, registerHeldGauge } from '../../apps/server/src/platform/request-limits.ts';

interface MetricOfServer {
  name: string;
  labelNames: string[];
  /** Of a histogram. */
  buckets?: number[];
}

/** Every metric of a server, as it registers them. */
export function metricsOfServer(): MetricOfServer[] {
  const metrics = createMetrics();
  // Nothing is asked of it: only names and labels are read.
  const database = { pool: {}, prisma: {} } as unknown as Database;
  const platform = { metrics, database, now: () => new Date() };
  const none = { taken: () => 0 };
  registerHeldGauge(metrics.registry, { waits: none, streams: none });
  registerBuildInfo(metrics.registry, '0.0.0-test');
  registerConditionGauge(platform);
  registerFleetGauges(platform);
  registerLimitGauges(platform, { poolLowPercent: 10, poolLowDays: 7, manyStations: 200 });
  return metrics.registry.getMetricsAsArray() as unknown as MetricOfServer[];
}

/** Names of time series of a server, with the labels of each; a histogram by its three names. */
export const seriesOfServer = (): Map<string, readonly string[]> =>
  new Map(
    metricsOfServer().flatMap(({ name, labelNames, buckets }): [string, readonly string[]][] =>
      buckets === undefined
        ? [[name, labelNames]]
        : [
            [`${name}_bucket`, [...labelNames, 'le']],
            [`${name}_sum`, labelNames],
            [`${name}_count`, labelNames],
          ],
    ),
  );

/** Labels whose values are words of ours. */
const wordsOf: Readonly<Record<string, readonly string[]>> = {
  'trunkline_hosts state': hostStates,
  'trunkline_network_placements standing': standings,
  'trunkline_network_addresses state': ['reserved', 'leased', 'bound', 'quarantined', 'conflicted'],
  'trunkline_http_held_requests held': Object.keys(heldWords),
};

/** Words of PromQL that expressions may use and that are no metric. */
const promql = [
  'max',
  'min',
  'sum',
  'count',
  'by',
  'and',
  'or',
  'unless',
  'increase',
  'rate',
  'on',
  'group_left',
  'absent',
  'time',
  'topk',
  'bottomk',
  'histogram_quantile',
];

export interface Reading {
  metrics: string[];
  /** Label and value of each selector, by metric. */
  selectors: { metric: string; label: string; value: string }[];
  /** Labels of `by (…)`. */
  kept: string[];
}

/** What an expression names. Pure. */
export function read(expr: string): Reading {
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

/**
 * What is wrong with an expression, given the series that exist. `ofTargets`: labels that Prometheus gives to all of them. Pure.
 */
export function faultsOf(
  expr: string,
  existing: ReadonlyMap<string, readonly string[]>,
  ofTargets: readonly string[] = [],
): string[] {
  const { metrics, selectors, kept } = read(expr);
  const labels = metrics.map((metric) => [...(existing.get(metric) ?? []), ...ofTargets]);
  const has = (metric: string, label: string): boolean =>
    ofTargets.includes(label) || existing.get(metric)?.includes(label) === true;
  return [
    ...(metrics.length === 0 ? ['names no metric'] : []),
    ...metrics.filter((metric) => !existing.has(metric)).map((metric) => `no metric ${metric}`),
    ...selectors
      .filter(({ metric, label }) => !has(metric, label))
      .map(({ metric, label }) => `${metric} has no label ${label}`),
    ...selectors.flatMap(({ metric, label, value }) => {
      const words = wordsOf[`${metric} ${label}`];
      const wrong = words === undefined ? [] : value.split('|').filter((word) => !words.includes(word));
      return wrong.map((word) => `${metric} has no ${label} ${word}`);
    }),
    ...kept
      .filter((label) => !labels.every((of) => of.includes(label)))
      .map((label) => `no metric has the label ${label}`),
  ];
}
