import { describe, expect, it } from 'vitest';
import type { DockerContainerSpec } from './docker-engine.ts';
import { networkToWire, planContainer } from './docker-bodies.ts';
import { containerDetailFromWire, eventFromWire, networkFromWire, pullLineFromWire } from './docker-wire.ts';

const spec: DockerContainerSpec = {
  name: 'box1',
  image: 'busybox',
  attachments: [
    { network: 'a', ipv4: '172.16.100.10' },
    { network: 'b', ipv4: '172.16.10.10', mac: '02:11:22:33:44:55' },
  ],
};

describe('a container on two networks, one with a MAC', () => {
  it('is made in one call from API 1.44 on', () => {
    expect(planContainer(spec, { manyEndpoints: true })).toMatchObject({
      body: {
        HostConfig: { NetworkMode: 'a' },
        NetworkingConfig: {
          EndpointsConfig: {
            a: { IPAMConfig: { IPv4Address: '172.16.100.10' } },
            b: { IPAMConfig: { IPv4Address: '172.16.10.10' }, MacAddress: '02:11:22:33:44:55' },
          },
        },
      },
      connect: [],
    });
  });

  it('is made on the network with the MAC before, and connected to the other', () => {
    const plan = planContainer(spec, { manyEndpoints: false });
    expect(plan).toMatchObject({
      body: {
        MacAddress: '02:11:22:33:44:55',
        HostConfig: { NetworkMode: 'b' },
        NetworkingConfig: { EndpointsConfig: { b: { IPAMConfig: { IPv4Address: '172.16.10.10' } } } },
      },
      connect: [{ network: 'a', ipv4: '172.16.100.10' }],
    });
    expect(JSON.stringify(plan)).not.toContain('"b":{"IPAMConfig":{"IPv4Address":"172.16.10.10"},"Mac');
  });

  it('says which network carries the default route where the Engine takes it, and nothing of it where not', () => {
    const attachments = [
      { network: 'lan', gatewayPriority: 2 },
      { network: 'adm', gatewayPriority: 1 },
    ];
    const made = planContainer({ ...spec, attachments }, { manyEndpoints: true, gatewayPriority: true });
    expect(made).toMatchObject({
      body: {
        NetworkingConfig: { EndpointsConfig: { lan: { GwPriority: 2 }, adm: { GwPriority: 1 } } },
      },
    });
    for (const manyEndpoints of [true, false]) {
      const before = planContainer({ ...spec, attachments }, { manyEndpoints });
      expect(JSON.stringify(before)).not.toContain('GwPriority');
    }
  });

  it('has its usual MACs where the Engine takes them, and is made all the same where it does not', () => {
    const attachments = [
      { network: 'a', usualMac: '02:42:ac:10:64:0a' },
      { network: 'b', usualMac: '02:42:ac:10:0a:0a' },
    ];
    expect(planContainer({ ...spec, attachments }, { manyEndpoints: true })).toMatchObject({
      body: {
        NetworkingConfig: {
          EndpointsConfig: { a: { MacAddress: '02:42:ac:10:64:0a' }, b: { MacAddress: '02:42:ac:10:0a:0a' } },
        },
      },
    });
    expect(planContainer({ ...spec, attachments }, { manyEndpoints: false })).toMatchObject({
      body: { MacAddress: '02:42:ac:10:64:0a', HostConfig: { NetworkMode: 'a' } },
      connect: [{ network: 'b' }],
    });
  });

  it('cannot have a MAC on both before', () => {
    const attachments = [
      { network: 'a', mac: '02:11:22:33:44:55' },
      { network: 'b', mac: '02:11:22:33:44:56' },
    ];
    expect(planContainer({ ...spec, attachments }, { manyEndpoints: false })).toEqual({
      unsupported: expect.stringContaining('Engine 25'),
    });
  });
});

it('gives a container without networks none, and never Docker’s own bridge', () => {
  const plan = planContainer({ name: 'box1', image: 'busybox' }, { manyEndpoints: true });
  expect(plan).toMatchObject({ body: { HostConfig: { NetworkMode: 'none' } } });
});

it('reads an inspect of API 1.52, which has no address outside Networks', () => {
  const inspect = {
    Id: 'c1',
    Name: '/box1',
    Image: 'sha256:1',
    State: { Status: 'running', Pid: 42, ExitCode: 0, Error: '', StartedAt: '2026-01-01T00:00:00Z' },
    Config: { Image: 'busybox', Cmd: ['sh'], Entrypoint: null, Env: null, Labels: null, Tty: true },
    HostConfig: { NetworkMode: 'a', RestartPolicy: { Name: '', MaximumRetryCount: 0 } },
    NetworkSettings: {
      Networks: { a: { NetworkID: 'n1', IPAddress: '172.16.100.10', IPPrefixLen: 24, IPAMConfig: null } },
    },
  };
  expect(containerDetailFromWire(inspect)).toMatchObject({
    name: 'box1',
    pid: 42,
    error: null,
    entrypoint: [],
    labels: {},
    restartPolicy: { name: 'no' },
    endpoints: [{ ipv4: '172.16.100.10', ipv4PrefixLength: 24, ipv6: null, requestedIpv4: null }],
  });
  // Older Engines also say the address at the top; it must not be what we read.
  const misleading = { ...inspect, NetworkSettings: { IPAddress: '10.0.0.1', Networks: {} } };
  expect(containerDetailFromWire(misleading).endpoints).toEqual([]);
});

it('reads back the network that it wrote, whatever Docker leaves empty', () => {
  const wire = networkToWire({
    name: 'mac_net1',
    driver: 'macvlan',
    ipamDriver: 'trunkline',
    ipamOptions: { network: 'abc' },
    subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }, { cidr: 'fd00::/64' }],
  });
  expect(wire).toMatchObject({ EnableIPv6: true, CheckDuplicate: true });
  expect(networkFromWire({ Id: 'n1', ...wire, Labels: null, Created: '0001-01-01T00:00:00Z' })).toEqual({
    id: 'n1',
    name: 'mac_net1',
    driver: 'macvlan',
    options: {},
    labels: {},
    ipamDriver: 'trunkline',
    ipamOptions: { network: 'abc' },
    subnets: [
      { cidr: '172.16.100.0/24', gateway: '172.16.100.1', ipRange: null, aux: {} },
      { cidr: 'fd00::/64', gateway: null, ipRange: null, aux: {} },
    ],
    internal: false,
    attachable: false,
    enableIPv6: true,
    created: null,
  });
});

it('reads events by Type, Action and Actor only, and no others than of containers and networks', () => {
  const event = {
    Type: 'container',
    Action: 'start',
    Actor: { ID: 'c1', Attributes: { name: 'b' } },
    time: 5,
  };
  const read = { type: 'container', action: 'start', id: 'c1', attributes: { name: 'b' }, time: 5 };
  expect(eventFromWire(event)).toEqual(read);
  expect(eventFromWire({ ...event, Type: 'image' })).toBeUndefined();
  expect(eventFromWire({ status: 'start', id: 'c1', from: 'busybox' })).toBeUndefined();
});

it('tells a failed pull from progress', () => {
  expect(pullLineFromWire({ errorDetail: { message: 'denied' }, error: 'denied' })).toEqual({
    failed: 'denied',
  });
  expect(
    pullLineFromWire({ status: 'Downloading', id: 'l1', progressDetail: { current: 1, total: 2 } }),
  ).toEqual({ status: 'Downloading', layer: 'l1', current: 1, total: 2 });
});
