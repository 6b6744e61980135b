import { randomUUID } from 'node:crypto';
import { createAgentClient, joinHost, type AgentClient, type ApiClient } from '@trunkline/client';
import { agentProtocolVersion, type LeaseReturn } from '@trunkline/contracts';
import { newAgentKey, testFacts } from '../integration/agent-stub.ts';
import { besideEmpty } from './beside-empty.ts';
import { connect, disconnect, perSecond, quantile, runLoad } from './load.ts';

const agents = 64;
const each = 40;
/** Addresses of a refill; those of the one before are given back in the same call. */
const count = 4;
const emptyEach = 200;

async function joinAs(api: ApiClient, baseUrl: string, host: string): Promise<AgentClient> {
  const { body } = await api.joinTokens.create({ host });
  const { privateKey, publicKey } = newAgentKey();
  const { hostId } = await joinHost(
    { baseUrl },
    { protocol: agentProtocolVersion, token: body.secret, name: host, publicKey, facts: testFacts(host) },
  );
  return createAgentClient({ baseUrl, identity: { hostId, privateKey }, instance: randomUUID() });
}

/** Refills one after the other; the time of each goes into `latencies`, in milliseconds. */
async function refill(
  client: AgentClient,
  networkId: string,
  times: number,
  latencies: number[],
): Promise<void> {
  let returns: LeaseReturn[] = [];
  for (let n = 0; n < times; n += 1) {
    const began = performance.now();
    const { granted } = await client.syncLeases({
      held: null,
      returns,
      wants: [{ networkId, family: 'ipv4', count, onDemand: false }],
    });
    latencies.push(performance.now() - began);
    if (granted.length !== count) throw new Error(`a refill brought ${String(granted.length)} addresses`);
    returns = granted.map(({ ip, generation }) => ({
      networkId,
      ip,
      generation,
      reason: 'unused',
      mac: null,
    }));
  }
}

/** The bare limit: Fastify that does nothing, with as many clients. */
async function measureEmpty(origin: string): Promise<number> {
  const clients = await connect(origin, agents);
  const load = await runLoad({
    clients,
    headers: { 'content-type': 'application/json' },
    request: (_, n) => (n < emptyEach ? { path: '/empty', body: '{}' } : undefined),
  });
  disconnect(clients);
  return perSecond(load);
}

const row = (label: string, samples: readonly number[], more: readonly string[]): string[] => {
  const sorted = Float64Array.from(samples).sort();
  return [
    label,
    `${quantile(sorted, 0.5).toFixed(1)} ms`,
    `${quantile(sorted, 0.99).toFixed(1)} ms`,
    ...more,
  ];
};

/**
 * A lease refill while 64 agents do the same: signed by the real client, each on durable rows of the real server. They
 * share the machine with the server, signing included.
 */
export function benchRefill(progress: (text: string) => void): Promise<string[][]> {
  return besideEmpty(async ({ server, empty, api }, later) => {
    progress(`${String(agents)} agents join`);
    const { body: network } = await api.networks.create({
      name: 'refill',
      subnets: [{ cidr: '10.9.0.0/16', gateway: '10.9.0.1' }],
    });
    const clients: AgentClient[] = [];
    for (let n = 1; n <= agents; n += 1) clients.push(await joinAs(api, server.url, `agent${String(n)}`));
    later(() => Promise.all(clients.map((client) => client.close())));
    progress('refilling');
    const alone: number[] = [];
    for (const client of clients.slice(0, 1)) await refill(client, network.id, each, alone);
    // Connections are opened before anything is timed.
    await Promise.all(clients.map((client) => refill(client, network.id, 1, [])));
    const before = await measureEmpty(empty.url);
    const together: number[] = [];
    const began = performance.now();
    await Promise.all(clients.map((client) => refill(client, network.id, each, together)));
    const rate = (together.length * 1000) / (performance.now() - began);
    const limit = (before + (await measureEmpty(empty.url))) / 2;
    return [
      [`refill of ${String(count)} leases`, 'p50', 'p99', 'refills/s', 'empty Fastify/s', 'ratio'],
      row('1 agent', alone, ['', '', '']),
      row(`${String(agents)} agents`, together, [
        rate.toFixed(0),
        limit.toFixed(0),
        `${(rate / limit).toFixed(2)}x`,
      ]),
    ];
  });
}
