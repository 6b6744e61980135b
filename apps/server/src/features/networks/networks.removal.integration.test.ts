import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, freshSubnet, type NetworkCalls } from './network-calls.fixture.ts';
import { carryOut } from './reports.fixture.ts';

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

describe('a network in use', () => {
  test('what Docker cannot change is refused while containers are attached, with their names', async () => {
    const subnet = freshSubnet();
    await call.make('used', { hosts: { names: ['docker01'] }, subnets: [subnet] });
    expect((await call.runOn('docker01', 'used-1', 'used')).status).toBe(201);
    const inUse = { status: 409, code: 'network_in_use', data: { containers: ['/v1/containers/used-1'] } };
    expect((await call.patch('used', { vlan: 5 })).body).toMatchObject(inUse);
    expect((await call.patch('used', { parent: 'ens34' })).body).toMatchObject(inUse);
    expect((await call.patch('used', { subnets: [{ ...subnet, gateway: null }] })).body).toMatchObject(inUse);
    expect((await call.patch('used', { hosts: { names: ['docker02'] } })).body).toMatchObject(inUse);
    expect((await call.remove('used')).body).toMatchObject(inUse);
    expect(
      (await call.patch('used', { parents: { docker02: 'eno9' }, promiscuous: false, quarantineSeconds: 1 }))
        .status,
    ).toBe(200);
  });

  test('a network with addresses that are held is not removed, and the holders are named', async () => {
    await call.make('held');
    const { body: address } = await server.request('POST', '/v1/networks/held/addresses', { owner: 'web-1' });
    const refused = await call.remove('held');
    expect(refused.body).toMatchObject({
      status: 409,
      code: 'network_in_use',
      data: { addresses: [{ ip: address.ip, owner: 'web-1' }] },
    });
    expect((await server.request('DELETE', `/v1/networks/held/addresses/${address.ip}`)).status).toBeLessThan(
      300,
    );
    expect((await call.remove('held')).status).toBe(202);
  });

  test('subnets come and go, but one that holds addresses stays; ranges change in place', async () => {
    const [first, second] = [freshSubnet(), freshSubnet()];
    await call.make('growing', { subnets: [first] });
    expect((await call.patch('growing', { subnets: [first, second] })).body.subnets).toMatchObject([
      first,
      second,
    ]);
    const { body: address } = await server.request('POST', '/v1/networks/growing/addresses', {
      address: second.cidr.replace('.0/24', '.77'),
      owner: 'web-1',
    });
    expect((await call.patch('growing', { subnets: [first] })).body).toMatchObject({
      status: 409,
      code: 'subnet_holds_addresses',
      data: { addresses: [{ ip: address.ip, owner: 'web-1' }] },
    });
    expect(
      (await call.patch('growing', { subnets: [first, { ...second, gateway: address.ip }] })).body,
    ).toMatchObject({
      status: 409,
      code: 'subnet_holds_addresses',
      errors: [{ pointer: '/subnets/1/gateway' }],
    });
    const narrow = {
      ...second,
      ranges: [`${second.cidr.replace('.0/24', '.10')}-${second.cidr.replace('.0/24', '.19')}`],
      exclude: [second.cidr.replace('.0/24', '.10/31'), second.cidr.replace('.0/24', '.11')],
    };
    const changed = await call.patch('growing', {
      subnets: [second, first].map((subnet) => (subnet === second ? narrow : subnet)),
    });
    expect(changed.body.subnets).toMatchObject([
      { cidr: second.cidr, allocatable: '8', free: '8' },
      { cidr: first.cidr },
    ]);
    expect(
      (await server.request('DELETE', `/v1/networks/growing/addresses/${address.ip}`)).status,
    ).toBeLessThan(300);
    expect((await call.patch('growing', { subnets: [first] })).body.subnets).toMatchObject([first]);
  });

  test('an address cannot be taken from a network that begins to leave at the same moment', async () => {
    for (let round = 0; round < 10; round += 1) {
      await call.make(`leaving${round}`, { hosts: { names: [] } });
      const [removed, ...taken] = await Promise.all([
        call.remove(`leaving${round}`),
        ...Array.from({ length: 4 }, () =>
          server.request('POST', `/v1/networks/leaving${round}/addresses`, {}),
        ),
      ]);
      const had = taken.filter(({ status }) => status === 201).length;
      expect([removed.status, had > 0]).toEqual(had > 0 ? [409, true] : [204, false]);
    }
  });
});

describe('removal', () => {
  test('a network that is on no host is gone at once', async () => {
    await call.make('nowhere', { hosts: { names: [] } });
    expect((await call.remove('nowhere')).status).toBe(204);
    expect((await server.request('GET', '/v1/networks/nowhere')).status).toBe(404);
  });

  test('a network is gone when every host has said so, with the addresses that rested', async () => {
    await call.make('leaving', { hosts: { names: ['docker01', 'docker02'] } });
    await carryOut(docker01);
    await carryOut(docker02);
    const { body: address } = await server.request('POST', '/v1/networks/leaving/addresses', {});
    await server.request('DELETE', `/v1/networks/leaving/addresses/${address.ip}`);
    const answer = await call.remove('leaving');
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({
      deletingSince: expect.any(String),
      generation: 2,
      status: { ready: false },
    });
    expect((await call.patch('leaving', { vlan: 3 })).body).toMatchObject({
      status: 409,
      code: 'network_deleting',
    });
    expect((await server.request('POST', '/v1/networks/leaving/addresses', {})).body).toMatchObject({
      code: 'network_deleting',
    });
    expect((await call.runOn('docker01', 'late', 'leaving')).body).toMatchObject({
      status: 409,
      code: 'network_deleting',
    });
    await carryOut(docker01);
    expect((await server.request('GET', '/v1/networks/leaving')).status).toBe(200);
    const waiting = call.remove('leaving', '*', '?wait=20s');
    // Answered behind the one that waits: that has found the network by then.
    expect((await call.remove('leaving')).status).toBe(202);
    await carryOut(docker02);
    expect((await waiting).status).toBe(204);
    expect((await server.request('GET', '/v1/networks/leaving')).status).toBe(404);
  });
});
