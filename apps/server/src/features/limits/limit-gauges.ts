import type { Frames, Stations } from '@trunkline/contracts';
import { Gauge } from 'prom-client';
import { type TransactionClient } from '../../platform/database/database.ts';
import { keptLook } from '../../platform/kept-look.ts';
import { maxNetworkSeries } from '../../platform/metrics.ts';
import type { Platform } from '../../platform/platform.ts';
import { isMany, poolCondition, type LimitThresholds } from './limit-conditions.ts';
import { isStation, poolsOfNetwork, readPools, type LimitJson } from './limit-facts.ts';
import { leftOf, outlookOf, poolsOf } from './pool-outlook.ts';

/** A scrape has no limits when the database does not answer by then, in milliseconds: half of what Prometheus waits by default. */
const patienceMs = 5_000;

/** Series are bounded: so many networks, by name, and so many placements, those with the most MACs. */
const maxSeries = { networks: maxNetworkSeries, placements: 5_000 };

interface NetworkCount extends Stations {
  network: string;
  pools: LimitJson['pools'];
}

interface PlacementCount extends Stations {
  network: string;
  host: string;
  /** The host was heard of lately: of a silent one nobody knows how many frames it sees. */
  online: boolean;
  frames: Frames | null;
}

interface Counts {
  networks: NetworkCount[];
  placements: PlacementCount[];
  /** How many there are, shown or not. */
  total: { networks: number; placements: number };
}

/** Everything in one statement, whose cost grows with what runs and with what is sampled. */
async function countLimits(
  db: Pick<TransactionClient, '$queryRaw'>,
  now: Date,
  lowPercent: number,
  max: typeof maxSeries,
): Promise<Counts> {
  const [counts] = await db.$queryRaw<Counts[]>`
    WITH station AS (
      SELECT e.network_id, e.host_id, e.docker_id, e.mac FROM endpoint e WHERE ${isStation}
    ), container_on AS (
      SELECT c.network_id, c.host_id, count(*) AS containers
      FROM (SELECT DISTINCT network_id, host_id, docker_id FROM station) AS c GROUP BY 1, 2
    ), mac_on AS (
      SELECT m.network_id, m.host_id, count(m.mac) AS macs FROM (SELECT DISTINCT network_id, host_id, mac FROM station) AS m GROUP BY 1, 2
    ), on_host AS (
      SELECT * FROM container_on JOIN mac_on USING (network_id, host_id)
    ), on_network AS (
      SELECT * FROM (SELECT c.network_id, sum(c.containers)::bigint AS containers FROM container_on c GROUP BY 1) AS c
      JOIN (
        SELECT m.network_id, count(m.mac) AS macs FROM (SELECT DISTINCT network_id, mac FROM station) AS m GROUP BY 1
      ) AS m USING (network_id)
    ), shown_network AS (
      SELECT n.name AS network, coalesce(c.containers, 0) AS containers, coalesce(c.macs, 0) AS macs,
             ${poolsOfNetwork(now, lowPercent)} AS pools
      FROM (SELECT * FROM network ORDER BY name LIMIT ${max.networks}::integer) AS n
      LEFT JOIN on_network c ON c.network_id = n.id
    ), shown_placement AS (
      SELECT n.name AS network, h.name AS host, coalesce(c.containers, 0) AS containers, coalesce(c.macs, 0) AS macs,
             h.conditions @> '[{"type": "AgentConnected", "status": "True"}]' AS online, p.frames
      FROM placement p JOIN network n ON n.id = p.network_id JOIN host h ON h.id = p.host_id
      LEFT JOIN on_host c ON c.network_id = p.network_id AND c.host_id = p.host_id
      ORDER BY macs DESC, n.name, h.name LIMIT ${max.placements}::integer
    )
    SELECT (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM shown_network x) AS networks,
           (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM shown_placement x) AS placements,
           jsonb_build_object('networks', (SELECT count(*) FROM network), 'placements', (SELECT count(*) FROM placement)) AS total`;
  return counts ?? { networks: [], placements: [], total: { networks: 0, placements: 0 } };
}

type Series = readonly [labels: Record<string, string>, value: number];

/** Gauges that one look at the database fills. */
const gaugeTable = {
  trunkline_network_containers: {
    labels: ['network'],
    help: 'Running containers with an address of the network, as their hosts last reported them.',
  },
  trunkline_network_macs: {
    labels: ['network'],
    help: 'Different MACs of the running containers of the network.',
  },
  trunkline_network_pool_nearly_full: {
    labels: ['network'],
    help: '1 while the network has the condition PoolNearlyFull, else 0.',
  },
  trunkline_network_pool_days_until_full: {
    labels: ['network', 'family'],
    help: 'Days until the network has no address of the IP version left, at the rate of its subnets. No series where no statement is made.',
  },
  trunkline_subnet_addresses: {
    labels: ['network', 'subnet', 'family'],
    help: 'Addresses of the subnet that may be given out.',
  },
  trunkline_subnet_addresses_left: {
    labels: ['network', 'subnet', 'family'],
    help: 'Addresses of the subnet that a container could still get: free, leased for nobody, or quarantined.',
  },
  trunkline_subnet_addresses_per_day: {
    labels: ['network', 'subnet', 'family'],
    help: 'Addresses of the subnet taken per day, less those given back, over the samples of up to 7 days. No series without 4 samples.',
  },
  trunkline_subnet_days_until_full: {
    labels: ['network', 'subnet', 'family'],
    help: 'Days until no address of the subnet is left at that rate. No series where no statement is made.',
  },
  trunkline_placement_containers: {
    labels: ['network', 'host'],
    help: 'Running containers of the host with an address of the network, as it last reported them.',
  },
  trunkline_placement_macs: {
    labels: ['network', 'host'],
    help: 'Different MACs of the running containers of the host on the network.',
  },
  trunkline_placement_many_stations: {
    labels: ['network', 'host'],
    help: '1 while the placement has the condition ManyStations, else 0.',
  },
  trunkline_placement_multicast_frames_per_second: {
    labels: ['network', 'host', 'link'],
    help: 'Multicast frames that the interface below the network received, as its driver counts them. No series for a silent host.',
  },
  trunkline_placement_flooded_frames_per_second: {
    labels: ['network', 'host', 'link'],
    help: 'Broadcast and multicast frames that reached a container of the network on the host. No series for a silent host, or without such a container.',
  },
  trunkline_limits_left_out: {
    labels: ['of'],
    help: 'Networks and placements without series of their own, because there are too many.',
  },
} as const satisfies Record<string, { labels: readonly string[]; help: string }>;

type GaugeName = keyof typeof gaugeTable;

function ofNetwork(
  { network, containers, macs, pools: json }: NetworkCount,
  thresholds: LimitThresholds,
  now: Date,
): [GaugeName, Series][] {
  const rows = readPools(json);
  const pools = poolsOf(rows);
  const near = poolCondition(pools, thresholds, { generation: 0, updatedAt: now });
  return [
    ['trunkline_network_containers', [{ network }, containers]],
    ['trunkline_network_macs', [{ network }, macs]],
    ['trunkline_network_pool_nearly_full', [{ network }, near === undefined ? 0 : 1]],
    ...pools.flatMap(({ family, daysUntilFull }) =>
      whereKnown(
        'trunkline_network_pool_days_until_full',
        { network, family: String(family) },
        daysUntilFull,
      ),
    ),
    ...rows.flatMap((row): [GaugeName, Series][] => {
      const labels = { network, subnet: row.cidr, family: String(row.family) };
      const { perDay, daysUntilFull } = outlookOf(row);
      return [
        ['trunkline_subnet_addresses', [labels, Number(row.allocatable)]],
        ['trunkline_subnet_addresses_left', [labels, Number(leftOf(row))]],
        ...whereKnown('trunkline_subnet_addresses_per_day', labels, perDay),
        ...whereKnown('trunkline_subnet_days_until_full', labels, daysUntilFull),
      ];
    }),
  ];
}

function ofPlacement(
  { network, host, containers, macs, online, frames }: PlacementCount,
  thresholds: LimitThresholds,
): [GaugeName, Series][] {
  const many = isMany({ macs }, thresholds) ? 1 : 0;
  const seen = online ? frames : null;
  const labels = { network, host, link: seen?.link ?? '' };
  return [
    ['trunkline_placement_containers', [{ network, host }, containers]],
    ['trunkline_placement_macs', [{ network, host }, macs]],
    ['trunkline_placement_many_stations', [{ network, host }, many]],
    ...whereKnown('trunkline_placement_multicast_frames_per_second', labels, seen?.multicastPerSecond),
    ...whereKnown('trunkline_placement_flooded_frames_per_second', labels, seen?.floodedPerSecond),
  ];
}

const whereKnown = (
  name: GaugeName,
  labels: Record<string, string>,
  value: number | null | undefined,
): [GaugeName, Series][] => (value === null || value === undefined ? [] : [[name, [labels, value]]]);

/** What a scrape shows of a look at the database. Pure. */
function seriesOf(
  { networks, placements, total }: Counts,
  thresholds: LimitThresholds,
  now: Date,
): [GaugeName, Series][] {
  return [
    ...networks.flatMap((network) => ofNetwork(network, thresholds, now)),
    ...placements.flatMap((placement) => ofPlacement(placement, thresholds)),
    ['trunkline_limits_left_out', [{ of: 'network' }, total.networks - networks.length]],
    ['trunkline_limits_left_out', [{ of: 'placement' }, total.placements - placements.length]],
  ];
}

/**
 * Shows limits, as a look of some seconds ago saw them at most. Without the database there is no series: nobody knows now. `max`: how many networks and placements
 * have series.
 */
export function registerLimitGauges(
  { metrics, database, now }: Pick<Platform, 'metrics' | 'database' | 'now'>,
  thresholds: LimitThresholds,
  max = maxSeries,
): void {
  const registers = [metrics.registry];
  const look = keptLook(() => countLimits(database.prisma, now(), thresholds.poolLowPercent, max), {
    now,
    patienceMs,
  });
  const fill = async (): Promise<void> => {
    const at = now();
    const counts = await look();
    for (const gauge of gauges.values()) gauge.reset();
    if (counts === undefined) return;
    for (const [name, [labels, value]] of seriesOf(counts, thresholds, at))
      gauges.get(name)?.set(labels, value);
  };
  // The registry asks all gauges of a scrape at once, and waits for all: one of them fills the others.
  let filling: Promise<void> | undefined;
  const collect = async (): Promise<void> => {
    filling ??= fill().finally(() => {
      filling = undefined;
    });
    await filling;
  };
  const gauges = new Map<string, Gauge>(
    Object.entries(gaugeTable).map(([name, { labels, help }]) => [
      name,
      new Gauge({ name, help, labelNames: [...labels], registers, collect }),
    ]),
  );
}
