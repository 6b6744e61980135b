import {
  connectivityOf,
  placementsPath,
  type Check,
  type CheckCreate,
  type Container,
  type ContainerCreate,
  type Host,
  type Network,
  type NetworkCreate,
  type Placement,
} from '@trunkline/contracts';
import type { PageOf, WriteOptions } from '@trunkline/client';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import type { Narrator } from './narrator.ts';
import type { Expected, Seen } from './verdict.ts';

/** One of the walk-throughs of scenarios.md, as reference data. */
export interface Scenario {
  readonly name: string;
  readonly networks: readonly NetworkCreate[];
  readonly boxes: readonly ContainerCreate[];
  /** Pairs that must reach each other, one way each. */
  readonly reach: readonly (readonly [from: string, to: string])[];
  /** Pairs that must not. */
  readonly apart: readonly (readonly [from: string, to: string])[];
}

const network = (name: string, vlan: number | null, third: number): NetworkCreate => ({
  name,
  parent: 'ens33',
  ...(vlan === null ? {} : { vlan }),
  hosts: { all: true },
  subnets: [{ cidr: `172.16.${String(third)}.0/24`, gateway: `172.16.${String(third)}.1` }],
});

const box = (name: string, host: string, on: string, address: string): ContainerCreate => ({
  name,
  host,
  image: 'busybox',
  tty: true,
  stdinOpen: true,
  attachments: [{ network: on, address }],
});

/** S1: one network across hosts. */
export const s1: Scenario = {
  name: 'S1',
  networks: [network('mac_net1', null, 100)],
  boxes: [
    box('box1', 'docker01', 'mac_net1', '172.16.100.10'),
    box('box2', 'docker02', 'mac_net1', '172.16.100.20'),
  ],
  reach: [
    ['box1', 'box2'],
    ['box2', 'box1'],
  ],
  apart: [],
};

/** S2: several networks across hosts, one VLAN each. */
export const s2: Scenario = {
  name: 'S2',
  networks: [network('mac_net10', 10, 10), network('mac_net20', 20, 20)],
  boxes: [
    box('test1', 'docker01', 'mac_net10', '172.16.10.10'),
    box('test2', 'docker01', 'mac_net20', '172.16.20.10'),
    box('test3', 'docker02', 'mac_net10', '172.16.10.20'),
    box('test4', 'docker02', 'mac_net20', '172.16.20.20'),
  ],
  reach: [
    ['test3', 'test1'],
    ['test1', 'test3'],
    ['test4', 'test2'],
    ['test2', 'test4'],
  ],
  apart: [
    ['test1', 'test4'],
    ['test3', 'test2'],
  ],
};

/** What a scenario asks for, for the verdict. */
export function expectedOf({ networks, boxes, reach, apart }: Scenario): Expected {
  return {
    networks: networks.map(({ name }) => name),
    hosts: [...new Set(boxes.map(({ host }) => host))],
    addresses: Object.fromEntries(
      boxes.map(({ name, attachments }) => [name, attachments?.[0]?.address ?? '']),
    ),
    reach,
    apart,
  };
}

/** `?wait=` of so many seconds on an ordinary machine; the API holds an answer for at most five minutes. */
const waiting = (seconds: number): WriteOptions => ({ wait: `${Math.min(300, patient(seconds))}s` });

/** Carries out a scenario through the API alone and returns what was seen. Throws when a call is refused. */
export async function runScenario(narrator: Narrator, scenario: Scenario): Promise<Seen> {
  narrator.step('Two Docker hosts have joined');
  await showHosts(narrator);

  const networks: Network[] = [];
  const placements: Placement[] = [];
  for (const spec of scenario.networks) {
    narrator.step(`Create network ${spec.name} on all hosts`);
    networks.push(await makeNetwork(narrator, spec));
    narrator.step(`Placements of ${spec.name}: its state on each host`);
    placements.push(...(await showPlacements(narrator, spec.name)));
  }

  const containers: Container[] = [];
  for (const spec of scenario.boxes) {
    narrator.step(`Run container ${spec.name} on ${spec.host}`);
    containers.push(await runBox(narrator, spec));
  }

  const checks: Check[] = [];
  for (const [from, to] of scenario.reach) {
    narrator.step(`${from} pings ${to}`);
    checks.push(await runCheck(narrator, from, to));
  }
  for (const [from, to] of scenario.apart) {
    narrator.step(`${from} pings ${to}, which is on another VLAN: no answer is expected`);
    checks.push(await runCheck(narrator, from, to));
  }
  return { networks, placements, containers, checks };
}

async function showHosts(narrator: Narrator): Promise<void> {
  const { body } = await narrator.ask<PageOf<Host>>({ method: 'GET', path: '/v1/hosts' });
  for (const { name, online, facts } of body.items) {
    const nics = (facts?.interfaces ?? [])
      .filter((nic) => nic.name !== 'lo')
      .map((nic) => `${nic.name} ${nic.addresses.find((one) => !one.includes(':')) ?? 'without address'}`);
    narrator.show(
      `${name}  ${online ? 'online' : 'silent'}  Docker ${facts?.docker.version ?? 'not reached'}  Linux ${facts?.kernel ?? '?'}  ${nics.join(', ')}`,
    );
  }
}

async function makeNetwork(narrator: Narrator, spec: NetworkCreate): Promise<Network> {
  const { body } = await narrator.ask<Network>(
    { method: 'POST', path: '/v1/networks', body: spec },
    waiting(30),
  );
  const { hosts, addresses, ready } = body.status;
  narrator.show(
    `ready: ${String(ready)}, on ${String(hosts.ready)} of ${String(hosts.total)} hosts, ${addresses.free} addresses free`,
  );
  return body;
}

async function showPlacements(narrator: Narrator, name: string): Promise<readonly Placement[]> {
  const path = placementsPath(name);
  const { body } = await narrator.ask<PageOf<Placement>>({ method: 'GET', path });
  for (const { host, lastAction, conditions } of body.items) {
    narrator.show(`${host}  ${conditions.map(({ type, status }) => `${type} ${status}`).join(', ')}`);
    if (lastAction !== null) narrator.show(`          ${lastAction}`);
    for (const { type, status, reason, message } of conditions) {
      if (status !== 'True') narrator.show(`          ${type}: ${reason}, ${message}`);
    }
  }
  return body.items;
}

async function runBox(narrator: Narrator, spec: ContainerCreate): Promise<Container> {
  const { body } = await narrator.ask<Container>(
    { method: 'POST', path: '/v1/containers', body: spec },
    waiting(60),
  );
  const [attachment] = body.attachments;
  narrator.show(
    `${body.name}  ${body.observed?.state ?? 'not seen yet'} on ${body.host}  address ${attachment?.address ?? 'none'}  MAC ${attachment?.observedMac ?? 'not seen yet'}`,
  );
  for (const { status, reason, message } of body.conditions) {
    if (status !== 'True') narrator.show(`${reason}: ${message}`);
  }
  return body;
}

async function runCheck(narrator: Narrator, from: string, to: string): Promise<Check> {
  const body: CheckCreate = {
    kind: 'connectivity',
    from: { container: from },
    to: { container: to },
    timeoutSeconds: Math.min(120, patient(30)),
  };
  const { body: check } = await narrator.ask<Check>(
    { method: 'POST', path: '/v1/checks', body },
    waiting(30),
  );
  for (const ping of connectivityOf(check)?.byAddress ?? []) {
    const times = ping.rttMs === null ? '' : `, ${String(ping.rttMs.avg)} ms on average`;
    narrator.show(
      `${ping.address}: ${String(ping.received)} of ${String(ping.sent)} answered, ${String(ping.lossPercent)} % lost${times}; answered by MAC ${ping.mac ?? 'none'}`,
    );
  }
  const name = connectivityOf(check)?.byName;
  if (name !== undefined) narrator.show(`by name: ${name.message}`);
  if (check.state !== 'done') narrator.show(`${check.state}: ${check.error ?? 'no result yet'}`);
  return check;
}
