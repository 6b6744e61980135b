/**
 * The address driver of an agent as a process of its own: the real socket, book, disk and client; Docker is one that has
 * the networks of its host and never a container. Reads {@link FuzzedAgent} from its environment; says `serving` once it
 * listens.
 */
import { createPrivateKey } from 'node:crypto';
import { createAgentClient } from '@trunkline/client';
import type { DesiredDocument } from '@trunkline/contracts';
import { pino } from 'pino';
import type { DockerNetwork } from '../../../apps/agent/src/host/docker-engine.ts';
import { noSandboxes } from '../../../apps/agent/src/host/sandboxes.ts';
import { realTiming } from '../../../apps/agent/src/host/spawn.ts';
import { noProbe } from '../../../apps/agent/src/wire/address-probe.ts';
import { createFakeDockerEngine } from '../../../apps/agent/src/host/docker-engine.fake.ts';
import { openIpam } from '../../../apps/agent/src/ipam/ipam.ts';
import type { Observed } from '../../../apps/agent/src/observation/observed.ts';

/** What the process is given. */
export interface FuzzedAgent {
  server: string;
  hostId: string;
  /** PEM. */
  privateKey: string;
  instance: string;
  stateFolder: string;
  socket: string;
  graceMs: number;
}

const agent = JSON.parse(process.env['TRUNKLINE_FUZZED_AGENT'] ?? '') as FuzzedAgent;
const log = pino({ level: process.env['TRUNKLINE_TEST_LOG'] ?? 'silent' }, pino.destination(2));
const lookEveryMs = 1000;

const client = createAgentClient({
  baseUrl: agent.server,
  identity: { hostId: agent.hostId, privateKey: createPrivateKey(agent.privateKey) },
  instance: agent.instance,
});

function dockerNetworks({ networks }: DesiredDocument): DockerNetwork[] {
  return networks.map(({ id, name, subnets }) => ({
    id: `docker-${name}`,
    name,
    driver: 'macvlan',
    options: { parent: 'ens33' },
    labels: {},
    ipamDriver: 'trunkline',
    ipamOptions: { network: id },
    subnets: subnets.map(({ cidr, gateway }) => ({ cidr, gateway, ipRange: null, aux: {} })),
    internal: false,
    attachable: false,
    enableIPv6: subnets.some(({ cidr }) => cidr.includes(':')),
    created: null,
  }));
}

function lookAt(desired: DesiredDocument): Pick<Observed, 'at' | 'docker'> {
  return {
    at: Date.now(),
    docker: {
      reachable: true,
      version: {
        version: '29.0.0',
        apiVersion: '1.52',
        daemonApiVersion: '1.52',
        os: 'linux',
        arch: 'amd64',
        kernel: '6',
      },
      networks: dockerNetworks(desired),
      containers: [],
      details: new Map(),
      failedStarts: [],
      interfaces: new Map(),
      routes: new Map(),
      images: new Set(),
      outage: null,
    },
  };
}

const ended = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'disconnect'] as const)
  process.once(signal as NodeJS.Signals, () => ended.abort());

const first = await client.desired();
if (first === 'unchanged') throw new Error('there is no document');
let desired = first;
const ipam = await openIpam({
  stateFolder: agent.stateFolder,
  socket: { path: agent.socket, descriptor: null },
  graceMs: agent.graceMs,
  probe: noProbe,
  sandboxes: noSandboxes,
  docker: createFakeDockerEngine(),
  timing: { ...realTiming, now: Date.now },
  log,
});
const look = async (): Promise<Pick<Observed, 'at' | 'docker'>> => {
  const observed = lookAt(desired);
  ipam.onObservation(observed);
  return observed;
};

async function follow(): Promise<void> {
  while (!ended.signal.aborted) {
    try {
      const answer = await client.desired({ after: desired.revision, wait: 1, signal: ended.signal });
      if (answer !== 'unchanged') {
        desired = answer;
        ipam.desiredChanged();
      }
    } catch {
      await realTiming.delay(lookEveryMs, ended.signal);
    }
  }
}

async function lookAround(): Promise<void> {
  while (!ended.signal.aborted) {
    await look();
    await realTiming.delay(lookEveryMs, ended.signal);
  }
}

const serving = ipam.serve(ended.signal);
const running = ipam.run(
  {
    source: client,
    desired: () => desired,
    linkOf: () => 'ens33',
    look,
    whyHarmful: async () => null,
    notStarted: () => [],
    onNews: () => {},
  },
  ended.signal,
);
const parts = [running, follow(), lookAround()];
ipam.desiredChanged();
while (ipam.notServing() !== null && !ended.signal.aborted) await realTiming.delay(20, ended.signal);
process.send?.('serving');
await Promise.all([serving, ...parts]);
await ipam.close();
await client.close();
process.disconnect?.();
