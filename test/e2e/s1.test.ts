import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ApiError, type Answer } from '@trunkline/client';
import type { Address, Container, Network } from '@trunkline/contracts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import {
  containerNamed,
  containerNames,
  docker,
  engineMajor,
  macsOnTheWire,
  must,
  networkNames,
  networksNamed,
  pings,
} from './outside.ts';
import { box, box1, box2, conditionOf, macNet1, placementOn, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('s1');
const host = (name: string) => fleet().lab.host(name);

async function reaches(on: string, container: string, address: string): Promise<void> {
  const reached = async (): Promise<boolean> => await pings(host(on), container, address);
  await waitFor(`${container} reaching ${address}`, reached, 20_000, 200);
}

describe('S1: one network across hosts', () => {
  let network: Answer<Network>;
  const boxes: Record<string, Answer<Container>> = {};

  beforeAll(async () => {
    const { client } = fleet();
    network = await client.networks.create(macNet1, { wait: '30s' });
    boxes['box1'] = await client.containers.create(box1, { wait: '60s' });
    boxes['box2'] = await client.containers.create(box2, { wait: '60s' });
  });
  afterAll(async () => {
    await removeAll(fleet());
  });

  test('POST /v1/networks?wait=30s answers when the network is ready on both hosts', () => {
    expect(network.status).toBe(201);
    expect(network.body).toMatchObject({
      generation: 1,
      status: { ready: true, hosts: { total: 2, ready: 2, notReady: 0, unknown: 0 } },
    });
    expect(conditionOf(network.body.status.conditions, 'Ready')?.status).toBe('True');
    expect(network.etag).toMatch(/^"/);
    expect(network.location).toBe('/v1/networks/mac_net1');
  });

  test.each(['docker01', 'docker02'])(
    'Docker on %s has the network, with the marks of its owner',
    async (name) => {
      const seen = await networksNamed(host(name), 'mac_net1');
      expect(seen).toHaveLength(1);
      expect(seen[0]).toMatchObject({
        Driver: 'macvlan',
        IPAM: { Config: [{ Subnet: '172.16.100.0/24', Gateway: '172.16.100.1' }] },
        Options: { parent: 'ens33', macvlan_mode: 'bridge' },
        Labels: { 'io.trunkline.network': network.body.id },
      });
      expect(seen[0]!.Labels['io.trunkline.spec']).toMatch(/^\S+$/);
    },
  );

  test.each(['docker01', 'docker02'])('the NIC of %s is promiscuous and keeps its address', async (name) => {
    const [link] = JSON.parse(
      await must(host(name), 'ip', '-json', '-details', 'address', 'show', 'ens33'),
    ) as {
      flags: string[];
      promiscuity: number;
      addr_info: { local: string }[];
    }[];
    expect(link!.flags).toContain('PROMISC');
    expect(link!.promiscuity).toBeGreaterThan(0);
    expect(link!.addr_info.map(({ local }) => local)).toContain(host(name).address);
  });

  test('box1 and box2 run with the addresses asked for, and ping each other both ways', async () => {
    for (const [name, on, address] of [
      ['box1', 'docker01', '172.16.100.10'],
      ['box2', 'docker02', '172.16.100.20'],
    ] as const) {
      expect(boxes[name]!.status).toBe(201);
      expect(boxes[name]!.body).toMatchObject({ running: true, attachments: [{ address }] });
      const seen = await containerNamed(host(on), name);
      expect(seen).toMatchObject({
        State: { Running: true },
        NetworkSettings: { Networks: { mac_net1: { IPAddress: address } } },
      });
    }
    expect(await pings(host('docker01'), 'box1', '172.16.100.20')).toBe(true);
    expect(await pings(host('docker02'), 'box2', '172.16.100.10')).toBe(true);
  });

  test('on the wire each container has a MAC of its own, which is the one that the API tells', async () => {
    const { lab } = fleet();
    const station = await lab.addStation({ ip: '172.16.100.66', mac: '02:00:00:00:00:66' });
    try {
      const heard = [
        await macsOnTheWire(station, '172.16.100.10'),
        await macsOnTheWire(station, '172.16.100.20'),
      ];
      const booked = ['box1', 'box2'].map((name) => [boxes[name]!.body.attachments[0]!.observedMac]);
      expect(heard).toEqual(booked);
      expect(new Set([...heard.flat(), ...lab.hosts.map(({ mac }) => mac)]).size).toBe(4);
    } finally {
      await lab.removeStation(station.name);
    }
    const neighbours = await docker(host('docker01'), 'exec', 'box1', 'ip', 'neigh');
    expect(neighbours).toContain(
      `172.16.100.20 dev eth0 lladdr ${boxes['box2']!.body.attachments[0]!.observedMac}`,
    );
  });

  test('a container of the API has the MAC that belongs to its address, at every start, on every Engine', async () => {
    const macOf = async (): Promise<string | undefined> =>
      (await containerNamed(host('docker01'), 'box1'))?.NetworkSettings.Networks['mac_net1']?.MacAddress;
    expect(await macOf()).toBe('02:42:ac:10:64:0a');
    await docker(host('docker01'), 'restart', '-t', '0', 'box1');
    expect(await macOf()).toBe('02:42:ac:10:64:0a');
    expect(await pings(host('docker02'), 'box2', '172.16.100.10')).toBe(true);
  });

  test('a check of the API finds the same as the ping from outside', async () => {
    const answer = await fleet().client.checks.create(
      { kind: 'connectivity', from: { container: 'box1' }, to: { container: 'box2' }, count: 3 },
      { wait: '60s' },
    );
    expect(answer.body).toMatchObject({
      state: 'done',
      result: {
        reachable: true,
        byAddress: [{ address: '172.16.100.20', sent: 3, received: 3, lossPercent: 0 }],
      },
    });
  });

  test('containers that leave their address out get different ones on different hosts (moby 49921)', async () => {
    const { client } = fleet();
    const made = await Promise.all([
      client.containers.create(box('box3', 'docker01'), { wait: '60s' }),
      client.containers.create(box('box4', 'docker02'), { wait: '60s' }),
    ]);
    const addresses = made.map(({ body }) => body.attachments[0]!.address!);
    expect(new Set(addresses).size).toBe(2);
    expect(await pings(host('docker01'), 'box3', addresses[1]!)).toBe(true);
    expect(await pings(host('docker02'), 'box4', addresses[0]!)).toBe(true);
  });
});

describe('no address is given out twice', () => {
  afterAll(async () => {
    await removeAll(fleet());
  });

  test('an address that a container holds is refused to another, on any host, with a link to its holder', async () => {
    const { client } = fleet();
    await client.networks.create(macNet1, { wait: '30s' });
    await client.containers.create(box1, { wait: '60s' });
    const refused = await client.containers
      .create(box('box2', 'docker02', '172.16.100.10'))
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ApiError);
    const { status, code, problem } = refused as ApiError;
    expect({ status, code }).toEqual({ status: 409, code: 'address_taken' });
    const holder = String(problem!.data!['holder']);
    const { body } = await client.request<Address>({ method: 'GET', path: holder });
    expect(body).toMatchObject({ ip: '172.16.100.10', container: 'box1', host: 'docker01' });
    expect(await containerNames(host('docker02'))).toEqual([]);
    await removeAll(fleet());
  });

  test('a /29 over two hosts takes exactly as many containers as it has addresses, and then says that it is full', async () => {
    const { client } = fleet();
    const subnets = [{ cidr: '172.16.101.0/29', gateway: '172.16.101.1' }];
    await client.networks.create({ ...macNet1, subnets }, { wait: '30s' });
    const made = await Promise.all(
      [1, 2, 3, 4, 5].map(
        async (number) =>
          await client.containers.create(box(`c${String(number)}`, `docker0${String((number % 2) + 1)}`), {
            wait: '60s',
          }),
      ),
    );
    expect(made.map(({ body }) => body.running)).toEqual([true, true, true, true, true]);
    const inDocker: string[] = [];
    for (const { body } of made) {
      const seen = await containerNamed(host(body.host), body.name);
      inDocker.push(seen!.NetworkSettings.Networks['mac_net1']!.IPAddress);
    }
    expect(inDocker.sort()).toEqual(['2', '3', '4', '5', '6'].map((last) => `172.16.101.${last}`));
    await expect(client.containers.create(box('c6', 'docker01'))).rejects.toMatchObject({
      status: 409,
      code: 'subnet_full',
      message: expect.stringContaining('172.16.101.0/29') as string,
    });
  });
});

describe('a network of IPv6 alone', () => {
  const six = {
    ...macNet1,
    name: 'mac_six',
    subnets: [{ cidr: 'fd00:16::/64', gateway: 'fd00:16::1' }],
  };
  const attached = (name: string, on: string, address?: string) => ({
    ...box(name, on),
    attachments: [{ network: six.name, ...(address === undefined ? {} : { address }) }],
  });
  afterEach(async () => {
    await removeAll(fleet());
  });

  test('carries containers from Engine 28 on, and before it is refused with what to do', async () => {
    const { client } = fleet();
    const carries = (await engineMajor(host('docker01'))) >= 28;
    await client.networks.create(six, { wait: '2s' });
    const ready = await waitFor(
      'docker01 having answered for mac_six',
      async () => {
        const { conditions } = await placementOn(fleet(), six.name, 'docker01');
        const found = conditionOf(conditions, 'Ready');
        return found?.status === 'True' || found?.reason === 'EngineTooOld' ? found : undefined;
      },
      30_000,
      100,
    );
    expect(ready.message).toContain(carries ? '' : 'update Docker on this host to 28 or later');
    expect(await networkNames(host('docker01'))).toEqual(carries ? ['mac_six'] : []);
    if (!carries) return;
    await client.containers.create(attached('six1', 'docker01', 'fd00:16::10'), { wait: '60s' });
    const second = await client.containers.create(attached('six2', 'docker02'), { wait: '60s' });
    const given = second.body.attachments[0]!.address6!;
    await reaches('docker01', 'six1', given);
    await reaches('docker02', 'six2', 'fd00:16::10');
    const byHand = ['run', '-d', '--name', 'six3', '--network', six.name, 'busybox', 'sleep', '1000'];
    await docker(host('docker01'), ...byHand);
    try {
      await reaches('docker01', 'six3', given);
    } finally {
      await docker(host('docker01'), 'rm', '-f', 'six3');
    }
  });
});

test('removing containers and network leaves nothing of ours on the hosts', async () => {
  const { client } = fleet();
  await client.networks.create(macNet1, { wait: '30s' });
  await client.containers.create(box1, { wait: '60s' });
  await client.containers.create(box2, { wait: '60s' });
  const removed = await Promise.all(
    ['box1', 'box2'].map(async (name) => await client.containers.remove(name, { wait: '30s' })),
  );
  expect(removed.map(({ status }) => status)).toEqual([204, 204]);
  expect((await client.networks.remove('mac_net1', { ifMatch: '*', wait: '30s' })).status).toBe(204);
  for (const one of fleet().lab.hosts) {
    expect(await containerNames(one)).toEqual([]);
    expect(await networkNames(one)).toEqual([]);
    expect(await must(one, 'ip', '-o', 'link', 'show', 'type', 'macvlan')).toBe('');
  }
  await expect(client.networks.get('mac_net1')).rejects.toMatchObject({ code: 'network_not_found' });
});

test('a network in use is not removed', async () => {
  const { client } = fleet();
  await client.networks.create(macNet1, { wait: '30s' });
  await client.containers.create(box1, { wait: '60s' });
  await expect(client.networks.remove('mac_net1', { ifMatch: '*' })).rejects.toMatchObject({
    status: 409,
    code: 'network_in_use',
  });
  await removeAll(fleet());
  await waitFor('an empty host', async () => (await networkNames(host('docker01'))).length === 0, 10_000);
});
