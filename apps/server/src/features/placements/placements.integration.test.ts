import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { seenContainer } from '../leases/lease-calls.fixture.ts';
import { callNetworks, freshSubnet, type NetworkCalls } from '../networks/network-calls.fixture.ts';
import { carryOut, placementDone, placementFailed } from '../networks/reports.fixture.ts';

let server: TestServer;
let call: NetworkCalls;
let docker01: TestAgent;
let docker02: TestAgent;

beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
  docker01 = await server.joinHost('docker01');
  docker02 = await server.joinHost('docker02');
});
afterAll(() => server?.close());

const desiredOn = async (agent: TestAgent, network: string) =>
  (await agent.document()).networks.find(({ name }) => name === network);
const parentOn = async (agent: TestAgent, network: string) => (await desiredOn(agent, network))?.parent;

describe('S1 through the API', () => {
  test('a network is made on every host, and the answer comes when it is real on all of them', async () => {
    const asked = server.request('POST', '/v1/networks?wait=20s', {
      name: 'mac_net1',
      parent: 'ens33',
      hosts: { all: true },
      subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
    });
    await expect.poll(async () => (await docker02.document()).networks.length).toBe(1);
    const { networks } = await docker01.document();
    expect(networks).toMatchObject([
      {
        name: 'mac_net1',
        state: 'present',
        generation: 1,
        parent: 'ens33',
        vlan: null,
        mode: 'bridge',
        promiscuous: true,
        subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
      },
    ]);
    await carryOut(docker01);
    await carryOut(docker02);
    const { status, headers, body } = await asked;
    expect(status).toBe(201);
    expect(headers['location']).toBe('/v1/networks/mac_net1');
    expect(body).toMatchObject({
      generation: 1,
      status: {
        ready: true,
        hosts: { total: 2, ready: 2, notReady: 0, unknown: 0 },
        addresses: { allocatable: '253', free: '253' },
      },
    });
    expect(headers['etag']).toMatch(/^"1\./);
    const { body: placement } = await server.request('GET', '/v1/networks/mac_net1/placements/docker01');
    expect(placement).toMatchObject({
      observedGeneration: 1,
      dockerNetworkId: 'docker-mac_net1',
      link: 'ens33',
      removing: false,
    });
  });
});

describe('where networks are', () => {
  test('a host that has not joined is named; the network is made there when it joins', async () => {
    const { body } = await call.make('ahead', { hosts: { names: ['docker01', 'docker09'] } });
    expect(body.status).toMatchObject({ ready: false, hosts: { total: 1 } });
    expect(body.status.conditions).toContainEqual(
      expect.objectContaining({
        type: 'HostsKnown',
        status: 'False',
        message: expect.stringContaining('docker09'),
      }),
    );
    const docker09 = await server.joinHost('docker09');
    expect((await docker09.document()).networks.map(({ name }) => name)).toContain('ahead');
    await carryOut(docker01);
    await carryOut(docker09);
    expect((await server.request('GET', '/v1/networks/ahead')).body.status).toMatchObject({
      ready: true,
      hosts: { total: 2, ready: 2 },
    });
  });

  test('hosts that leave the selection take the network down, and are gone when they say so', async () => {
    await call.make('moving', { hosts: { names: ['docker01', 'docker02'] } });
    await carryOut(docker01);
    await carryOut(docker02);
    const { body } = await call.patch('moving', { hosts: { names: ['docker01'] } });
    expect(body.status.hosts.total).toBe(2);
    expect((await docker02.document()).networks.find(({ name }) => name === 'moving')).toMatchObject({
      state: 'absent',
      generation: 2,
    });
    await carryOut(docker01);
    // A report from before it was notified proves nothing.
    const desired = (await docker02.document()).networks.find(({ name }) => name === 'moving')!;
    await docker02.report({ placements: [placementDone(desired, { generation: 1 })] });
    expect((await server.request('GET', '/v1/networks/moving/placements/docker02')).body.removing).toBe(true);
    await carryOut(docker02);
    expect((await server.request('GET', '/v1/networks/moving/placements/docker02')).status).toBe(404);
    expect((await server.request('GET', '/v1/networks/moving')).body.status).toMatchObject({
      ready: true,
      hosts: { total: 1, ready: 1 },
    });
  });

  test('a host whose labels change gets and loses networks', async () => {
    await call.make('racked', { hosts: { labels: { rack: 'a3' } } });
    expect((await call.label('docker01', { rack: 'a3' })).status).toBe(200);
    expect((await docker01.document()).networks.map(({ name }) => name)).toContain('racked');
    await carryOut(docker01);
    expect((await call.label('docker01', { rack: null })).status).toBe(200);
    await carryOut(docker01);
    expect((await docker01.document()).networks.map(({ name }) => name)).not.toContain('racked');
  });

  test('a host whose labels change loses no network that containers are attached to: refused, with their names', async () => {
    await call.make('sticky', { hosts: { labels: { zone: 'dmz' } } });
    await call.label('docker02', { zone: 'dmz' });
    expect((await call.runOn('docker02', 'sticky-1', 'sticky')).status).toBe(201);
    const refused = await call.label('docker02', { zone: 'lan' });
    expect(refused.body).toMatchObject({
      status: 409,
      code: 'network_in_use',
      detail: expect.stringContaining('the labels of docker02 would remove sticky from it'),
      data: { containers: ['/v1/containers/sticky-1'] },
    });
    expect((await server.request('GET', '/v1/hosts/docker02')).body.labels).toEqual({ zone: 'dmz' });
    expect(await desiredOn(docker02, 'sticky')).toMatchObject({ state: 'present' });
  });

  test('a container that only the host knows keeps the network there, and the placement says so until it is gone', async () => {
    await call.make('outside', { hosts: { names: ['docker01', 'docker02'] } });
    await carryOut(docker01);
    await carryOut(docker02);
    expect((await call.patch('outside', { hosts: { names: ['docker02'] } })).status).toBe(200);
    const desired = (await desiredOn(docker01, 'outside'))!;
    const blocked = placementFailed(desired, 'RemovalBlocked');
    await docker01.report({
      placements: [{ ...blocked, removed: false, dockerNetworkId: 'docker-outside' }],
    });
    const placement = await server.request('GET', '/v1/networks/outside/placements/docker01');
    expect(placement.body).toMatchObject({
      removing: true,
      dockerNetworkId: 'docker-outside',
      conditions: [{ type: 'Ready', status: 'False', reason: 'RemovalBlocked' }],
    });
    await carryOut(docker02);
    const { body } = await server.request('GET', '/v1/networks/outside');
    expect(body.status).toMatchObject({ ready: false, hosts: { total: 2, ready: 1, notReady: 1 } });
    expect(body.status.conditions[0].message).toContain(
      'docker01: it is being removed there: RemovalBlocked',
    );
    await carryOut(docker01);
    expect((await server.request('GET', '/v1/networks/outside/placements/docker01')).status).toBe(404);
    expect((await server.request('GET', '/v1/networks/outside')).body.status.ready).toBe(true);
  });

  test.each([
    ['left', (name: string) => call.patch(name, { hosts: { names: ['docker02'] } })],
    ['ended', (name: string) => call.remove(name, '*')],
  ])(
    'a network that is %s is not gone by the word of a host that shows a container on it (promise 4)',
    async (how, change) => {
      const name = `seen-${how}`;
      const { body } = await call.make(name, { hosts: { names: ['docker01', 'docker02'] } });
      const ip = (body.subnets[0].cidr as string).replace('.0/24', '.50');
      const shown = { observedRevision: '1', inventory: [seenContainer(body.id, 'old2', ip)] };
      const path = `/v1/networks/${name}/addresses/${ip}`;
      await carryOut(docker02);
      await docker01.report({ placements: [placementDone((await desiredOn(docker01, name))!)], ...shown });
      expect((await server.request('GET', path)).body).toMatchObject({ state: 'bound', host: 'docker01' });
      expect((await change(name)).status).toBeLessThan(300);
      const gone = placementDone((await desiredOn(docker01, name))!);
      expect(gone).toMatchObject({ removed: true });
      await docker01.report({ placements: [gone], ...shown });
      await carryOut(docker02);
      expect((await server.request('GET', path)).body).toMatchObject({ state: 'bound', host: 'docker01' });
      expect(await desiredOn(docker01, name)).toMatchObject({ state: 'absent' });
      await docker01.report({ placements: [gone] });
      expect(await desiredOn(docker01, name)).toBeUndefined();
    },
  );

  test('a host that joins gets what is for all hosts and for its name, and by labels only once it has them', async () => {
    await call.make('for-all');
    await call.make('for-name', { hosts: { names: ['docker07'] } });
    await call.make('for-label', { hosts: { labels: { rack: 'b7', zone: 'lan' } } });
    const docker07 = await server.joinHost('docker07');
    const has = async (): Promise<string[]> =>
      (await docker07.document()).networks
        .filter(({ name, state }) => name.startsWith('for-') && state === 'present')
        .map(({ name }) => name)
        .sort();
    expect(await has()).toEqual(['for-all', 'for-name']);
    await call.label('docker07', { rack: 'b7' });
    expect(await has()).toEqual(['for-all', 'for-name']);
    await call.label('docker07', { zone: 'lan' });
    expect(await has()).toEqual(['for-all', 'for-label', 'for-name']);
    // Taken off and put on again before the host looked: it stays after all.
    await call.label('docker07', { zone: null });
    expect(await has()).toEqual(['for-all', 'for-name']);
    await call.label('docker07', { zone: 'lan' });
    expect(await has()).toEqual(['for-all', 'for-label', 'for-name']);
  });

  test('a parent that differs on one host is in the document of that host only', async () => {
    await call.make('parents', { parents: { docker02: 'eno1' } });
    expect([await parentOn(docker01, 'parents'), await parentOn(docker02, 'parents')]).toEqual([
      'ens33',
      'eno1',
    ]);
  });

  test('what a network asks of its hosts is in their documents, and changes in place under containers', async () => {
    const subnets = [freshSubnet()];
    const asked = { vlan: 30, mtu: 1400, forwarding: true, restartBroken: true, hostAccess: true };
    const made = await call.make('asking', { hosts: { names: ['docker01'] }, subnets, ...asked });
    expect(made.body).toMatchObject(asked);
    expect((await call.runOn('docker01', 'asking-1', 'asking')).status).toBe(201);
    expect(await desiredOn(docker01, 'asking')).toMatchObject({ ...asked, generation: 1, force: false });
    const patched = await call.patch('asking', { mtu: null, restartBroken: false });
    expect(patched.body).toMatchObject({ mtu: null, forwarding: true, restartBroken: false });
    expect(await desiredOn(docker01, 'asking')).toMatchObject({
      mtu: null,
      forwarding: true,
      restartBroken: false,
      hostAccess: true,
      generation: 2,
    });
    const whole = { name: 'asking', parent: 'ens33', vlan: 30, hosts: { names: ['docker01'] }, subnets };
    expect((await call.put('asking', whole)).body).toMatchObject({ forwarding: false, generation: 3 });
    const { body } = await server.request('GET', '/v1/networks/asking');
    expect(body).toMatchObject({ mtu: null, forwarding: false, restartBroken: false, hostAccess: false });
  });

  test('what stands in the way on a host is in its placement and in the network', async () => {
    await call.make('blocked', { hosts: { names: ['docker01'] } });
    const desired = (await docker01.document()).networks.find(({ name }) => name === 'blocked')!;
    await docker01.report({ placements: [placementFailed(desired, 'ParentMissing')] });
    const { body } = await server.request('GET', '/v1/networks/blocked');
    expect(body.status).toMatchObject({ ready: false, hosts: { notReady: 1 } });
    expect(body.status.conditions[0]).toMatchObject({
      status: 'False',
      message: expect.stringContaining('docker01: ParentMissing'),
    });
    const { body: events } = await server.request('GET', '/v1/events?limit=1000');
    expect(events.items).toContainEqual(
      expect.objectContaining({ type: 'placement.changed', network: 'blocked', host: 'docker01' }),
    );
  });

  test('a report that says nothing new makes no event', async () => {
    await carryOut(docker01);
    const before = await call.revision();
    await carryOut(docker01);
    expect(await call.revision()).toBe(before);
  });

  test('hosts that join while networks are made get all of them', async () => {
    const names = Array.from({ length: 6 }, (_, i) => `meanwhile${i}`);
    const [agents] = await Promise.all([
      Promise.all(['docker21', 'docker22', 'docker23'].map((name) => server.joinHost(name))),
      Promise.all(names.map((name) => call.make(name))),
    ]);
    for (const agent of agents) {
      const has = (await agent.document()).networks.map(({ name }) => name);
      expect(has).toEqual(expect.arrayContaining(names));
    }
  });

  test('promise 8: an agent cannot speak of networks that its host does not have', async () => {
    await call.make('foreign', { hosts: { names: ['docker02'] } });
    const desired = (await docker02.document()).networks.find(({ name }) => name === 'foreign')!;
    expect((await docker01.report({ placements: [placementDone(desired)] })).status).toBe(200);
    expect((await server.request('GET', '/v1/networks/foreign')).body.status).toMatchObject({
      ready: false,
      hosts: { total: 1, ready: 0 },
    });
  });
});

describe('a host that is offline', () => {
  test('when a network is made: its placement says so, the caller is not held, and it is made when the host is back', async () => {
    const offline = await server.joinHost('docker03');
    server.clock.advance(3_600_000);
    await carryOut(docker01);
    await carryOut(docker02);
    const asked = Date.now();
    const { body } = await server.request('POST', '/v1/networks?wait=20s', {
      name: 'patient',
      subnets: [freshSubnet()],
      hosts: { names: ['docker03'] },
    });
    expect(Date.now() - asked).toBeLessThan(5_000);
    expect(body.status).toMatchObject({ ready: false, hosts: { total: 1, unknown: 1 } });
    const placement = await server.request('GET', '/v1/networks/patient/placements/docker03');
    expect(placement.body).toMatchObject({
      observedAt: null,
      conditions: [
        {
          type: 'Ready',
          status: 'Unknown',
          reason: 'HostOffline',
          message: expect.stringContaining('docker03 has been silent since'),
        },
      ],
    });
    await carryOut(offline);
    expect((await server.request('GET', '/v1/networks/patient')).body.status).toMatchObject({
      ready: true,
      hosts: { ready: 1 },
    });
  });
});
