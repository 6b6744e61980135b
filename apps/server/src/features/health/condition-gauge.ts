import { conditionStatuses, conditionTable, type ConditionKind } from '@trunkline/contracts';
import { Gauge } from 'prom-client';
import { poolQuery, type Query } from '../../platform/database/query.ts';
import { keptLook } from '../../platform/kept-look.ts';
import type { Platform } from '../../platform/platform.ts';

/** A scrape has no conditions when the database does not answer by then, in milliseconds. */
const patienceMs = 2_000;

const resources = ['host', 'placement', 'container'] as const;
type Resource = (typeof resources)[number];

interface Count {
  on: Resource;
  type: string;
  status: string;
  count: number;
}

const kinds: [string, ConditionKind][] = Object.entries(conditionTable);

/** A series for each status of each condition that is stored: those that agents report, and whether the agent is heard. */
const series: readonly Count[] = resources.flatMap((on) =>
  kinds
    .filter(
      ([type, kind]) =>
        kind.on.includes(on) && (kind.reportedBy.includes('agent') || type === 'AgentConnected'),
    )
    .flatMap(([type]) => conditionStatuses.map((status) => ({ on, type, status, count: 0 }))),
);
const known = new Set(series.map(({ on, type }) => `${on} ${type}`));

/** Of a silent host nobody knows now, as the API shows it. */
const counted = `
  WITH h AS (SELECT id, conditions, conditions @> '[{"type": "AgentConnected", "status": "True"}]' AS online FROM host),
  carrier AS (
    SELECT 'host' AS "on", h.online, h.conditions FROM h
    UNION ALL SELECT 'placement', h.online, p.conditions FROM placement p JOIN h ON h.id = p.host_id
    UNION ALL SELECT 'container', h.online, c.conditions FROM container c JOIN h ON h.id = c.host_id
  )
  SELECT c."on", x.type, s.status, count(*)::int AS count
  FROM carrier c CROSS JOIN LATERAL jsonb_to_recordset(c.conditions) AS x (type text, status text)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN c.online OR (c."on" = 'host' AND x.type <> 'Ready') THEN x.status ELSE 'Unknown' END AS status
  ) AS s
  GROUP BY 1, 2, 3`;

async function countConditions(query: Query): Promise<Count[]> {
  const rows = await query<Count>(counted, []);
  // The agent of a newer version may report others; a series has a type of the table.
  return rows.filter(({ on, type }) => known.has(`${on} ${type}`));
}

/** Counts conditions, as a look of some seconds ago saw them at most. Without the database there is no series: nobody knows now. */
export function registerConditionGauge({
  metrics,
  database,
  now,
}: Pick<Platform, 'metrics' | 'database' | 'now'>): void {
  const query = poolQuery(database.pool);
  const look = keptLook(() => countConditions(query), { now, patienceMs });
  const gauge = new Gauge({
    name: 'trunkline_conditions',
    help: 'Hosts, placements and containers by type and status of their conditions.',
    labelNames: ['on', 'type', 'status'],
    registers: [metrics.registry],
    async collect() {
      const counts = await look();
      gauge.reset();
      if (counts === undefined) return;
      for (const { count, ...labels } of [...series, ...counts]) gauge.set(labels, count);
    },
  });
}
