/** Issue 13, host access: a host and its own containers reach each other, and nobody else on the LAN notices. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '@trunkline/lab/hosts/commands.ts';
import type { LabHost, Station } from '@trunkline/lab/hosts/lab.ts';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { docker, macsOnTheWire, must } from './outside.ts';
import { box1, conditionOf, emptyFleet, macNet1, placementOn, useFleet } from './setup.ts';

const fleet = useFleet('hostaccess');
const host = (name = 'docker01'): LabHost => fleet().lab.host(name);
const hostIpv4 = '172.16.1.30';
const hostIpv6 = 'fd00:1::30';
const shim = 'tlh-ens33';
const dual = {
  ...macNet1,
  hostAccess: true,
  subnets: [...macNet1.subnets, { cidr: 'fd00:100::/64', gateway: 'fd00:100::1' }],
};
/** On a host that has nothing else to do it is a second; the machine of the tests has. */
const soon = { timeout: patient(3000), interval: 20 };
const stations: string[] = [];

beforeEach(async () => {
  await must(host(), 'ip', 'address', 'replace', `${hostIpv6}/64`, 'dev', 'ens33', 'nodad');
});

afterEach(async () => {
  await fleet()
    .startAgent('docker01')
    .catch(() => {});
  for (const name of stations.splice(0)) await fleet().lab.removeStation(name);
  await emptyFleet(fleet());
  await host().exec(['ip', 'link', 'delete', 'ens34']);
});

/** Whether one ping is answered, from the host itself. */
async function reaches(address: string, from = host()): Promise<boolean> {
  return (await from.exec(['ping', '-c', '1', '-W', '1', address])).code === 0;
}
/** The same, from one of its containers. */
async function isReachedBy(container: string, address: string, on = host()): Promise<boolean> {
  const ping = ['docker', 'exec', container, 'ping', '-c', '1', '-W', '1', address];
  return (await on.exec(ping)).code === 0;
}

async function runBox(name: string, ...options: string[]): Promise<void> {
  const asked = ['--name', name, '--network', macNet1.name, ...options];
  await docker(host(), 'run', '-d', ...asked, 'busybox', 'sleep', '10000');
}

/** Addresses with a route over the shim, in order. */
async function routed(): Promise<readonly string[]> {
  const { code, stdout } = await host().exec(['ip', '-json', 'route', 'show', 'table', 'all', 'dev', shim]);
  if (code !== 0) return [];
  const routes = JSON.parse(stdout === '' ? '[]' : stdout) as { dst: string; type?: string }[];
  return routes
    .filter(({ type }) => type === undefined)
    .map(({ dst }) => dst)
    .toSorted();
}

async function addStation(ip: string, mac: string): Promise<Station> {
  const station = await fleet().lab.addStation({ ip, mac });
  stations.push(station.name);
  return station;
}

/** What a station takes for the MAC of an address, without asking. */
async function believes(station: Station, address: string): Promise<string | undefined> {
  const { stdout } = await run(['ip', '-json', '-n', station.netns, 'neigh', 'show', address]);
  const [entry] = JSON.parse(stdout === '' ? '[]' : stdout) as { lladdr?: string }[];
  return entry?.lladdr;
}

/** MACs that the switch has heard, as sources of frames. */
async function heardBySwitch(): Promise<string> {
  const { switchNetns } = fleet().lab;
  return (await run(['ip', 'netns', 'exec', switchNetns, 'bridge', 'fdb', 'show'])).stdout;
}

/** All that host access may touch, on the host and in a container, without what changes by itself. */
async function picture(container: string): Promise<unknown> {
  const on = host();
  const inside = async (...argv: string[]) => await docker(on, 'exec', container, ...argv);
  return {
    links: await must(on, 'ip', '-json', '-details', 'link', 'show'),
    addresses: await must(on, 'ip', '-brief', 'address', 'show'),
    routes: await must(on, 'ip', '-json', 'route', 'show', 'table', 'all'),
    neighbours: await must(on, 'ip', '-json', 'neigh', 'show', 'nud', 'permanent'),
    sysctls: await must(on, 'sysctl', '-a', '-r', String.raw`net\.ipv[46]\.(conf|ip_forward|neigh)`),
    inside: [
      await inside('ip', 'route'),
      await inside('ip', '-6', 'route'),
      await inside('cat', '/proc/net/arp'),
    ],
  };
}

const setHostAccess = async (hostAccess: boolean) =>
  await fleet().client.networks.patch(macNet1.name, { hostAccess }, { ifMatch: '*', wait: '30s' });

test('S6: a host and its containers reach each other, IPv4 and IPv6, and the LAN sees the host as before', async () => {
  const { client } = fleet();
  const station = await addStation('172.16.1.200', '02:00:00:00:06:20');
  await must(host(), 'ping', '-c', '1', station.ip);
  expect(await believes(station, hostIpv4)).toBe(host().mac);

  const { body } = await client.networks.create(dual, { wait: '30s' });
  expect(body).toMatchObject({ hostAccess: true, status: { ready: true } });
  await client.containers.create(box1, { wait: '60s' });
  const ipv6 = await docker(
    host(),
    'inspect',
    '-f',
    `{{.NetworkSettings.Networks.${macNet1.name}.GlobalIPv6Address}}`,
    'box1',
  );
  for (const address of ['172.16.100.10', ipv6]) await expect.poll(() => reaches(address), soon).toBe(true);
  for (const address of [hostIpv4, hostIpv6]) {
    await expect.poll(() => isReachedBy('box1', address), soon).toBe(true);
  }
  await expect
    .poll(async () =>
      conditionOf((await placementOn(fleet(), macNet1.name, 'docker01')).conditions, 'HostAccess'),
    )
    .toMatchObject({ status: 'True', reason: 'HostAccessOn', message: expect.stringContaining(hostIpv4) });

  // No address was spent on it, and it is not there for the other host.
  const owners = (await client.addresses.list(macNet1.name)).body.items.filter(
    ({ state }) => state === 'bound',
  );
  expect(owners.map(({ container }) => container)).toEqual(['box1', 'box1']);
  expect(await must(host(), 'ip', '-brief', 'address', 'show', 'dev', shim)).not.toMatch(/\d+\.\d+\.\d+|::/);

  // Neither asked nor overheard, and not by the switch, the host has a second MAC.
  const shimMac = await must(host(), 'cat', `/sys/class/net/${shim}/address`);
  expect(await heardBySwitch()).toContain(host().mac);
  expect(await heardBySwitch()).not.toContain(shimMac);
  expect(await believes(station, hostIpv4)).toBe(host().mac);
  expect(await macsOnTheWire(station, hostIpv4)).toEqual([host().mac]);
  // Also for one that is where the containers are.
  const beside = await addStation('172.16.100.200', '02:00:00:00:06:21');
  expect(await macsOnTheWire(beside, hostIpv4)).toEqual([host().mac]);
  expect(await heardBySwitch()).not.toContain(shimMac);
});

test('routes come and go with plain docker run, and with an agent that was killed meanwhile', async () => {
  const { client, killAgent, startAgent } = fleet();
  await client.networks.create({ ...macNet1, hostAccess: true }, { wait: '30s' });
  await runBox('one', '--ip', '172.16.100.50');
  await expect.poll(routed, soon).toEqual(['172.16.100.50']);
  await expect.poll(() => isReachedBy('one', hostIpv4), soon).toBe(true);
  await runBox('two', '--ip', '172.16.100.51');
  await expect.poll(routed, soon).toEqual(['172.16.100.50', '172.16.100.51']);
  // Another MAC at each start, where the Engine does so: the host must not keep the old one.
  await docker(host(), 'restart', '-t', '0', 'two');
  await expect.poll(() => reaches('172.16.100.51'), soon).toBe(true);
  await expect.poll(() => isReachedBy('two', hostIpv4), soon).toBe(true);
  await docker(host(), 'kill', 'one');
  await expect.poll(routed, soon).toEqual(['172.16.100.51']);

  await killAgent('docker01');
  await docker(host(), 'kill', 'two');
  await startAgent('docker01');
  await expect.poll(routed, { timeout: patient(30_000), interval: 50 }).toEqual([]);
  await runBox('three', '--ip', '172.16.100.52');
  await expect.poll(routed, soon).toEqual(['172.16.100.52']);
  await expect.poll(() => reaches('172.16.100.52'), soon).toBe(true);
  await expect.poll(() => isReachedBy('three', hostIpv4), soon).toBe(true);

  // Somebody else takes the shim away: it comes back with all routes.
  await must(host(), 'ip', 'link', 'delete', shim);
  await expect.poll(routed, soon).toEqual(['172.16.100.52']);
  await expect.poll(() => reaches('172.16.100.52'), soon).toBe(true);
});

test('switched off, everything is as before; killed in the middle of it too', async () => {
  const { client, killAgent, startAgent } = fleet();
  await client.networks.create({ ...dual, hostAccess: false }, { wait: '30s' });
  await client.containers.create(box1, { wait: '60s' });
  expect(await reaches('172.16.100.10')).toBe(false);
  const before = await picture('box1');
  for (const kill of [false, true]) {
    await setHostAccess(true);
    await expect.poll(() => isReachedBy('box1', hostIpv6), soon).toBe(true);
    await expect.poll(() => reaches('172.16.100.10'), soon).toBe(true);
    if (kill) {
      const off = setHostAccess(false);
      await killAgent('docker01');
      await startAgent('docker01');
      await off;
    } else await setHostAccess(false);
    await expect.poll(() => picture('box1'), { timeout: patient(30_000) }).toEqual(before);
  }
  expect(await reaches('172.16.100.10')).toBe(false);
});

test('two networks at once: each has its shim, and a container on both reaches its host and is reached at both addresses', async () => {
  const { client } = fleet();
  await must(host(), 'ip', 'link', 'add', 'ens34', 'type', 'veth', 'peer', 'name', 'wall');
  await must(host(), 'ip', 'link', 'set', 'wall', 'up');
  await must(host(), 'ip', 'address', 'add', '172.16.200.2/24', 'dev', 'ens34');
  const hosts = { names: ['docker01'] };
  const second = { cidr: '172.16.200.0/24', gateway: '172.16.200.1', exclude: ['172.16.200.2'] };
  await client.networks.create({ ...dual, hosts }, { wait: '30s' });
  await client.networks.create(
    { ...macNet1, name: 'mac_net2', parent: 'ens34', hosts, hostAccess: true, subnets: [second] },
    { wait: '30s' },
  );
  await runBox('both', '--ip', '172.16.100.60');
  await docker(host(), 'network', 'connect', '--ip', '172.16.200.60', 'mac_net2', 'both');
  for (const address of ['172.16.100.60', '172.16.200.60']) {
    await expect.poll(() => reaches(address), soon).toBe(true);
  }
  for (const address of [hostIpv4, '172.16.200.2', hostIpv6]) {
    await expect.poll(() => isReachedBy('both', address), soon).toBe(true);
  }
  // Strict on both sides: what goes out by one interface comes back by it.
  await must(host(), 'sysctl', '-w', 'net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.ens33.rp_filter=1');
  try {
    for (const address of ['172.16.100.60', '172.16.200.60']) expect(await reaches(address)).toBe(true);
    expect(await isReachedBy('both', hostIpv4)).toBe(true);
  } finally {
    await must(host(), 'sysctl', '-w', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.ens33.rp_filter=0');
  }
  await docker(host(), 'rm', '-f', 'both');
  // Its address is held until the agent has seen it go.
  await expect
    .poll(() => client.networks.remove('mac_net2', { ifMatch: '*', wait: '30s' }), {
      timeout: patient(60_000),
    })
    .toMatchObject({ status: 204 });
  await expect.poll(async () => (await host().exec(['ip', 'link', 'show', 'tlh-ens34'])).code, soon).toBe(1);
  // A host that leaves the network loses its shim too.
  await client.networks.patch(macNet1.name, { hosts: { names: [] } }, { ifMatch: '*', wait: '30s' });
  await expect.poll(async () => (await host().exec(['ip', 'link', 'show', shim])).code, soon).toBe(1);
});

test('promise 5: after a reboot without the server the shim is there before Docker, and the routes come with the containers', async () => {
  const { client, stopServer, startServer, reboot, lab } = fleet();
  await client.networks.create({ ...macNet1, hostAccess: true }, { wait: '30s' });
  await client.containers.create({ ...box1, restart: 'always' }, { wait: '60s' });
  await expect.poll(() => reaches('172.16.100.10'), soon).toBe(true);
  await stopServer();
  try {
    let seen: unknown;
    await reboot('docker01', {
      afterBoot: async () => {
        const isUp = (await must(host(), 'ip', '-brief', 'link', 'show', 'dev', shim)).includes('UP');
        const status = (await lab.status()).find(({ name }) => name === 'docker01');
        seen = { isUp, docker: status?.docker, routes: await routed() };
      },
    });
    expect(seen).toEqual({ isUp: true, docker: false, routes: [] });
    await expect.poll(() => reaches('172.16.100.10'), { timeout: patient(60_000) }).toBe(true);
    await expect.poll(() => isReachedBy('box1', hostIpv4), soon).toBe(true);
  } finally {
    await startServer();
  }
});
