import type { Check, Container, ContainerCreate, Host, Network, Placement } from '@trunkline/contracts';
import type { PageOf } from '@trunkline/client';
import type { Narrator } from './narrator.ts';
import type { Seen } from './verdict.ts';

/** Reference data of scenario S1 (scenarios.md). */
export const network = {
  name: 'mac_net1',
  parent: 'ens33',
  hosts: { all: true },
  subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
};

const box = (name: string, host: string, address: string): ContainerCreate => ({
  name,
  host,
  image: 'busybox',
  tty: true,
  stdinOpen: true,
  attachments: [{ network: network.name, address }],
});

export const boxes: readonly ContainerCreate[] = [
  box('box1', 'docker01', '172.16.100.10'),
  box('box2', 'docker02', '172.16.100.20'),
];

/** Does S1 through the API alone and answers what was seen. Throws when a call is refused. */
export async function runScenario(narrator: Narrator): Promise<Seen> {
  narrator.step('Two Docker hosts have joined');
  await showHosts(narrator);

  narrator.step('One network for all hosts');
  const { body: made } = await narrator.ask<Network>(
    { method: 'POST', path: '/v1/networks', body: network },
    { wait: '30s' },
  );
  const { hosts, addresses } = made.status;
  narrator.tell(
    `ready: ${String(made.status.ready)}, on ${String(hosts.ready)} of ${String(hosts.total)} hosts, ${addresses.free} addresses free`,
  );

  narrator.step('What was done for it, host by host');
  const placements = await showPlacements(narrator);

  const containers: Container[] = [];
  for (const wish of boxes) {
    narrator.step(`A container on ${wish.host}`);
    containers.push(await runBox(narrator, wish));
  }

  const checks: Check[] = [];
  for (const [from, to] of [
    ['box1', 'box2'],
    ['box2', 'box1'],
  ] as const) {
    narrator.step(`${from} pings ${to}`);
    checks.push(await runCheck(narrator, from, to));
  }
  return { network: made, placements, containers, checks };
}

async function showHosts(narrator: Narrator): Promise<void> {
  const { body } = await narrator.ask<PageOf<Host>>({ method: 'GET', path: '/v1/hosts' });
  for (const { name, online, facts } of body.items) {
    const nics = (facts?.interfaces ?? [])
      .filter((nic) => nic.name !== 'lo')
      .map((nic) => `${nic.name} ${nic.addresses.find((one) => !one.includes(':')) ?? 'without address'}`);
    narrator.tell(
      `${name}  ${online ? 'online' : 'silent'}  Docker ${facts?.docker.version ?? 'not reached'}  Linux ${facts?.kernel ?? '?'}  ${nics.join(', ')}`,
    );
  }
}

async function showPlacements(narrator: Narrator): Promise<readonly Placement[]> {
  const path = `/v1/networks/${network.name}/placements`;
  const { body } = await narrator.ask<PageOf<Placement>>({ method: 'GET', path });
  for (const { host, lastAction, conditions } of body.items) {
    narrator.tell(`${host}  ${conditions.map(({ type, status }) => `${type} ${status}`).join(', ')}`);
    if (lastAction !== null) narrator.tell(`          ${lastAction}`);
    for (const { type, status, reason, message } of conditions) {
      if (status !== 'True') narrator.tell(`          ${type}: ${reason}, ${message}`);
    }
  }
  return body.items;
}

async function runBox(narrator: Narrator, wish: ContainerCreate): Promise<Container> {
  const { body } = await narrator.ask<Container>(
    { method: 'POST', path: '/v1/containers', body: wish },
    { wait: '60s' },
  );
  const [attachment] = body.attachments;
  narrator.tell(
    `${body.name}  ${body.observed?.state ?? 'not seen yet'} on ${body.host}  address ${attachment?.address ?? 'none'}  MAC ${attachment?.observedMac ?? 'not seen yet'}`,
  );
  for (const { status, reason, message } of body.conditions) {
    if (status !== 'True') narrator.tell(`${reason}: ${message}`);
  }
  return body;
}

async function runCheck(narrator: Narrator, from: string, to: string): Promise<Check> {
  const body = { kind: 'connectivity', from: { container: from }, to: { container: to } };
  const { body: check } = await narrator.ask<Check>(
    { method: 'POST', path: '/v1/checks', body },
    { wait: '30s' },
  );
  for (const ping of check.result?.byAddress ?? []) {
    const times = ping.rttMs === null ? '' : `, ${String(ping.rttMs.avg)} ms on average`;
    narrator.tell(
      `${ping.address}: ${String(ping.received)} of ${String(ping.sent)} answered, ${String(ping.lossPercent)} % lost${times}; answered by MAC ${ping.mac ?? 'none'}`,
    );
  }
  const name = check.result?.byName;
  if (name !== undefined) narrator.tell(`by name: ${name.message}`);
  if (check.state !== 'done') narrator.tell(`${check.state}: ${check.error ?? 'no result yet'}`);
  return check;
}
