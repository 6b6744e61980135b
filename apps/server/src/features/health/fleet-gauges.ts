import { Gauge } from 'prom-client';
import { poolQuery } from '../../platform/database/query.ts';
import { keptLook } from '../../platform/kept-look.ts';
import { maxNetworkSeries } from '../../platform/metrics.ts';
import type { Platform } from '../../platform/platform.ts';
import {
  countedAddresses,
  hostStates,
  placedNetworks,
  seenHosts,
  standings,
  type CountedAddresses,
  type PlacedNetwork,
  type SeenHost,
} from './fleet.store.ts';

/** A scrape has no series of a look that is not done by then, in milliseconds: half of what Prometheus waits by default. */
const patienceMs = 5_000;

/** Series are bounded: so many networks, by name; hosts, those that were not heard for the longest time; and versions, the most used. */
const maxSeries = { networks: maxNetworkSeries, hosts: 5_000, versions: 20 };

type Series = readonly [labels: Record<string, string>, value: number];

/** A gauge, and its series of what a look saw. */
interface GaugeOf<T> {
  name: string;
  help: string;
  labels: readonly string[];
  series: (seen: T, max: typeof maxSeries) => Series[];
}

/** Hosts by version; beyond the bound, those of the least used versions are one series. */
function byVersion(hosts: readonly SeenHost[], maxVersions: number): Series[] {
  const counts = new Map<string, number>();
  for (const { version } of hosts) {
    const name = version ?? 'unknown';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const all = [...counts].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const others = all.slice(maxVersions).reduce((sum, [, count]) => sum + count, 0);
  return [
    ...all.slice(0, maxVersions).map(([version, count]): Series => [{ version }, count]),
    ...(others === 0 ? [] : [[{ version: 'other' }, others] as const]),
  ];
}

const ofHosts: readonly GaugeOf<SeenHost[]>[] = [
  {
    name: 'trunkline_hosts',
    help: 'Hosts by state: online, silent, or refused because their clock is off. Retired hosts are not counted.',
    labels: ['state'],
    series: (hosts) =>
      hostStates.map((state) => [{ state }, hosts.filter((host) => host.state === state).length]),
  },
  {
    name: 'trunkline_agents',
    help: 'Hosts by the version of their agent, as they last reported it.',
    labels: ['version'],
    series: (hosts, { versions }) => byVersion(hosts, versions),
  },
  {
    name: 'trunkline_host_last_report_timestamp_seconds',
    help: 'When the last report of the host came, in seconds since 1970; when it joined, until the first.',
    labels: ['host'],
    series: (hosts, max) => hosts.slice(0, max.hosts).map(({ name, heard }) => [{ host: name }, heard]),
  },
  {
    name: 'trunkline_hosts_left_out',
    help: 'Hosts without series of their own, because there are too many: those heard last.',
    labels: [],
    series: (hosts, max) => [[{}, Math.max(0, hosts.length - max.hosts)]],
  },
];

const ofPlacements: readonly GaugeOf<PlacedNetwork[]>[] = [
  {
    name: 'trunkline_network_placements',
    help: 'Hosts of the network by what its placement there counts as: ready, not_ready, or unknown (silent, or it has not looked at the last change).',
    labels: ['network', 'standing'],
    series: (networks) =>
      networks.flatMap((one) =>
        standings.map((standing): Series => [{ network: one.network, standing }, one[standing]]),
      ),
  },
  {
    name: 'trunkline_network_address_conflicts',
    help: 'Addresses of running containers that a foreign station answers for as well, as hosts that are online last reported them.',
    labels: ['network'],
    series: (networks) => networks.map(({ network, conflicts }) => [{ network }, conflicts]),
  },
];

const ofAddresses: readonly GaugeOf<CountedAddresses[]>[] = [
  {
    name: 'trunkline_network_addresses',
    help: 'Addresses of the network that are not free, by IP version and state.',
    labels: ['network', 'family', 'state'],
    series: (counts) =>
      counts.map(({ network, family, state, count }) => [{ network, family: String(family), state }, count]),
  },
];

/**
 * Shows the fleet at each scrape, from three statements: hosts, placements, addresses. Without the database there is no series: nobody
 * knows now.
 */
export function registerFleetGauges(
  { metrics, database, now }: Pick<Platform, 'metrics' | 'database' | 'now'>,
  max = maxSeries,
): void {
  const query = poolQuery(database.pool);
  const show = <T>(gauges: readonly GaugeOf<T>[], read: () => Promise<T>): void => {
    const look = keptLook(read, { now, patienceMs });
    for (const { name, help, labels, series } of gauges) {
      const gauge = new Gauge({
        name,
        help,
        labelNames: [...labels],
        registers: [metrics.registry],
        async collect() {
          const seen = await look();
          gauge.reset();
          // A gauge without labels would be 0 now, and nobody knows that.
          gauge.remove({});
          for (const [of, value] of seen === undefined ? [] : series(seen, max)) gauge.set(of, value);
        },
      });
    }
  };
  show(ofHosts, () => seenHosts(query));
  show(ofPlacements, () => placedNetworks(query, max.networks));
  show(ofAddresses, () => countedAddresses(query, max.networks));
}
