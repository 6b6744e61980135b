import {
  allocationResults,
  claimOutcomeTable,
  leaseShortageTable,
  returnReasons,
  type AllocationResult,
  type ClaimResult,
  type LeaseShortage,
  type ReturnReason,
} from '@trunkline/contracts';
import fp from 'fastify-plugin';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** A counter whose label takes only the words of its table. */
interface CounterOf<L extends string, V extends string> {
  inc(labels: Record<L, V>): void;
}

/** So many networks have series of their own in a scrape, the first by name. */
export const maxNetworkSeries = 1_000;

/** What the server counts. Every series is there from the start, so that a rate over it is right from the first event. */
export interface Metrics {
  registry: Registry;
  requestSeconds: Histogram<'method' | 'route' | 'status'>;
  waitSeconds: Histogram<'method' | 'route' | 'status'>;
  allocations: CounterOf<'outcome', AllocationResult>;
  allocationBatch: Histogram;
  agentsConnected: Gauge;
  leasesGranted: Counter;
  leasesReturned: CounterOf<'reason', ReturnReason>;
  leasesRefused: CounterOf<'reason', LeaseShortage>;
  leaseClaims: CounterOf<'outcome', ClaimResult>;
  recalls: Counter;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requestSeconds: new Histogram({
      name: 'trunkline_http_request_duration_seconds',
      help: 'Time to answer a request, in seconds, by route; without requests that wait, event streams and calls of agents.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    waitSeconds: new Histogram({
      name: 'trunkline_http_wait_duration_seconds',
      help: 'Time to answer a request that waits (?wait, or a dry run that asks agents), in seconds, by route.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
      registers,
    }),
    allocations: withSeries(
      new Counter({
        name: 'trunkline_allocations_total',
        help: 'Address requests, by outcome.',
        labelNames: ['outcome'],
        registers,
      }),
      'outcome',
      allocationResults,
    ),
    allocationBatch: new Histogram({
      name: 'trunkline_allocation_batch_size',
      help: 'Address requests that were answered in one transaction.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      registers,
    }),
    agentsConnected: new Gauge({
      name: 'trunkline_agent_polls',
      help: 'Agents that hold a long poll open on this server.',
      registers,
    }),
    leasesGranted: new Counter({
      name: 'trunkline_leases_granted_total',
      help: 'Addresses granted to hosts, for the warm pool or for a container that waited.',
      registers,
    }),
    leasesReturned: withSeries(
      new Counter({
        name: 'trunkline_leases_returned_total',
        help: 'Addresses that hosts returned, by reason.',
        labelNames: ['reason'],
        registers,
      }),
      'reason',
      returnReasons,
    ),
    leasesRefused: withSeries(
      new Counter({
        name: 'trunkline_lease_refusals_total',
        help: 'Requests of hosts for addresses that were not met in full, by cause.',
        labelNames: ['reason'],
        registers,
      }),
      'reason',
      Object.keys(leaseShortageTable),
    ),
    leaseClaims: withSeries(
      new Counter({
        name: 'trunkline_lease_claims_total',
        help: 'Claims of one address, by outcome.',
        labelNames: ['outcome'],
        registers,
      }),
      'outcome',
      Object.keys(claimOutcomeTable),
    ),
    recalls: new Counter({
      name: 'trunkline_recalls_total',
      help: 'Requests that waited for other hosts to return unused leases.',
      registers,
    }),
  };
}

/** A counter whose series are all there from the start. */
function withSeries<L extends string>(counter: Counter<L>, label: L, values: readonly string[]): Counter<L> {
  for (const value of values) counter.inc({ [label]: value } as Record<L, string>, 0);
  return counter;
}

/**
 * Times every request of a known route. What waits is apart: it takes as long as its hosts do. Streams end when their caller goes, so their
 * time says nothing.
 */
export const requestMetrics = fp<{ metrics: Metrics }>(
  async (app, { metrics }) => {
    app.addHook('onResponse', async (request, reply) => {
      const route = request.routeOptions.url;
      if (
        route === undefined ||
        request.routeOptions.config.access === 'agent' ||
        request.holds === 'streams'
      )
        return;
      const seconds = request.holds === 'waits' ? metrics.waitSeconds : metrics.requestSeconds;
      seconds.observe(
        { method: request.method, route, status: String(reply.statusCode) },
        reply.elapsedTime / 1000,
      );
    });
  },
  { name: 'request-metrics', dependencies: ['request-limits'] },
);
