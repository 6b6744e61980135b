/** Scenario S2: several networks across hosts, one VLAN each. Runs where VLANs can be made, in the VM if need be. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  connectivityOf,
  type ConnectivityResult,
  type DiagnosisResult,
  type WireResult,
} from '@trunkline/contracts';
import { s2 } from '../demo/scenario.ts';
import { networkNames, must, linksOf } from '../e2e/outside.ts';
import { removeAll } from '../e2e/setup.ts';
import { createFleet, type Fleet } from '@trunkline/lab/fleet/fleet.ts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';

let fleet: Fleet;
const hostNames = ['docker01', 'docker02'];
const host = (name: string): LabHost => fleet.lab.host(name);
const healMs = 60_000;
const longest = { wait: '300s' } as const;

beforeAll(async () => {
  fleet = await createFleet({ hosts: 2, name: `s2-${String(process.pid)}`, log: console.error });
  const { client } = fleet;
  for (const network of s2.networks) {
    await client.networks.create({ ...network, mtu: 1400, quarantineSeconds: 0 }, longest);
  }
  for (const box of s2.boxes) await client.containers.create({ ...box, restart: 'always' }, longest);
});
afterAll(async () => {
  await fleet?.down();
});

async function ping(from: string, to: string): Promise<ConnectivityResult> {
  const { body } = await fleet.client.checks.create(
    { kind: 'connectivity', from: { container: from }, to: { container: to }, timeoutSeconds: 120 },
    longest,
  );
  expect(body).toMatchObject({ state: 'done' });
  return connectivityOf(body)!;
}

/** VLAN sub-interfaces of the host by name, with what `ip` knows of them. */
async function vlanLinks(name: string): Promise<Record<string, unknown>[]> {
  const text = await must(
    host(name),
    'ip',
    '-json',
    '-details',
    '-statistics',
    'link',
    'show',
    'type',
    'vlan',
  );
  return (JSON.parse(text === '' ? '[]' : text) as Record<string, unknown>[]).filter(
    (one) => 'ifname' in one,
  );
}
/** What of them must come back. */
async function vlanSettings(name: string): Promise<unknown> {
  return (await vlanLinks(name))
    .map(({ ifname, link, mtu, ifalias }) => ({ ifname, link, mtu, ifalias }))
    .toSorted((a, b) => (String(a.ifname) < String(b.ifname) ? -1 : 1));
}
const received = async (name: string, link: string): Promise<number> => {
  const found = (await vlanLinks(name)).find(({ ifname }) => ifname === link);
  if (found === undefined) throw new Error(`${name} has no ${link}`);
  return (found['stats64'] as { rx: { packets: number } }).rx.packets;
};

/** Without the product. */
const test3Pings = async (): Promise<boolean> =>
  (await host('docker02').exec(['docker', 'exec', 'test3', 'ping', '-c', '2', '-W', '2', '172.16.10.10']))
    .code === 0;

test('both networks are real on both hosts, each on a VLAN link of our own with its MTU', async () => {
  for (const { name } of s2.networks) {
    expect((await fleet.client.networks.get(name)).body.status).toMatchObject({
      ready: true,
      hosts: { total: 2, ready: 2 },
    });
  }
  for (const name of hostNames) {
    expect(await networkNames(host(name))).toEqual(['mac_net10', 'mac_net20']);
    const links = (await vlanLinks(name)).toSorted((a, b) =>
      String(a['ifname']).localeCompare(String(b['ifname'])),
    );
    expect(links).toMatchObject([
      { ifname: 'ens33.10', link: 'ens33', mtu: 1400, linkinfo: { info_data: { id: 10 } } },
      { ifname: 'ens33.20', link: 'ens33', mtu: 1400, linkinfo: { info_data: { id: 20 } } },
    ]);
    for (const { ifalias } of links) expect(ifalias).toMatch(/^trunkline:/);
  }
});

test('containers of the same VLAN reach each other', async () => {
  for (const [from, to] of s2.reach) {
    expect(await ping(from, to), `${from} to ${to}`).toMatchObject({ reachable: true });
  }
});

test('containers of different VLANs do not', async () => {
  for (const [from, to] of s2.apart) {
    expect(await ping(from, to), `${from} to ${to}`).toMatchObject({ reachable: false });
  }
});

test('what crosses the trunk is tagged: only the link of its VLAN receives it', async () => {
  const before = {
    ten: await received('docker02', 'ens33.10'),
    twenty: await received('docker02', 'ens33.20'),
  };
  await ping('test1', 'test3');
  expect((await received('docker02', 'ens33.10')) - before.ten).toBeGreaterThanOrEqual(5);
  // The other VLAN hears nothing of it but its own neighbour discovery.
  expect((await received('docker02', 'ens33.20')) - before.twenty).toBeLessThan(5);
});

/** What is wrong between the hosts: the lab has no router. */
const paths = ({ verdicts }: WireResult) => verdicts.filter(({ code }) => code !== 'gateway-silent');

test('a VLAN that one switch port lacks is named: by a check of the wire, and first by a diagnosis', async () => {
  const { client, lab } = fleet;
  const asked = { network: 'mac_net20', timeoutSeconds: 120 };
  const wire = async () =>
    (await client.checks.create({ kind: 'wire', ...asked }, longest)).body.result as WireResult;
  const findings = async () => {
    const { body } = await client.checks.create({ kind: 'diagnose', ...asked }, longest);
    return (body.result as DiagnosisResult).findings;
  };
  await lab.setVlan('docker02', 20, 'missing');
  try {
    expect(paths(await wire())).toMatchObject([
      {
        code: 'vlan-missing',
        hosts: hostNames,
        message: expect.stringContaining('VLAN 20 does not pass between docker01 and docker02, VLAN 10 does'),
      },
    ]);
    expect((await findings())[0]).toMatchObject({ code: 'vlan-missing', severity: 'error' });
  } finally {
    await lab.setVlan('docker02', 20, 'carried');
  }
  expect(paths(await wire())).toEqual([]);
  expect((await findings()).filter(({ severity }) => severity === 'error')).toEqual([]);
});

test('a VLAN link deleted by hand is back, and so is one that was set down', async () => {
  await must(host('docker01'), 'ip', 'link', 'set', 'ens33.20', 'down');
  await waitFor(
    'ens33.20 up',
    async () =>
      (await linksOf(host('docker01'))).find(({ ifname }) => ifname === 'ens33.20')?.flags.includes('UP'),
    healMs,
    100,
  );
  await must(host('docker01'), 'ip', 'link', 'delete', 'ens33.10');
  await waitFor(
    'ens33.10',
    async () =>
      (await vlanLinks('docker01')).some(({ ifname, mtu }) => ifname === 'ens33.10' && mtu === 1400),
    healMs,
    100,
  );
  await waitFor(
    'test1 to be reported as broken',
    async () =>
      (await fleet.client.containers.get('test1')).body.conditions.some(
        ({ reason }) => reason === 'InterfaceLost',
      ),
    healMs,
    500,
  );
  await fleet.client.networks.patch('mac_net10', { restartBroken: true }, { ifMatch: '*', ...longest });
  await waitFor('test1 answering', test3Pings, healMs, 500);
  expect((await ping('test3', 'test1')).reachable).toBe(true);
});

test('a host that reboots with the server switched off comes back as it was', async () => {
  await fleet.stopServer();
  try {
    const before = await vlanSettings('docker01');
    let atBoot: unknown;
    await fleet.reboot('docker01', {
      // Before Docker starts, and before the agent does.
      afterBoot: async () => {
        atBoot = await vlanSettings('docker01');
      },
    });
    expect(atBoot).toEqual(before);
    await waitFor('test1 answering', test3Pings, healMs, 500);
    expect(await vlanSettings('docker01')).toEqual(before);
  } finally {
    await fleet.startServer();
  }
});

test('removing the networks leaves no link and no Docker network behind', async () => {
  await waitFor(
    'both hosts online',
    async () => (await fleet.client.hosts.list()).body.items.every(({ online }) => online),
    healMs,
    500,
  );
  await removeAll(fleet);
  await waitFor(
    'the networks gone',
    async () => (await fleet.client.networks.list()).body.items.length === 0,
    healMs,
    500,
  );
  for (const name of hostNames) {
    expect(await networkNames(host(name))).toEqual([]);
    expect(await vlanLinks(name)).toEqual([]);
  }
});
