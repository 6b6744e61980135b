import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, freshSubnet, type NetworkCalls } from './network-calls.fixture.ts';

let server: TestServer;
let call: NetworkCalls;

beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
});
afterAll(() => server?.close());

describe('bad input', () => {
  test.each([
    ['host bits set', { subnets: [{ cidr: '10.9.0.5/24' }] }, '/subnets/0/cidr', '10.9.0.0/24'],
    [
      'gateway outside the subnet',
      { subnets: [{ cidr: '10.9.0.0/24', gateway: '10.8.0.1' }] },
      '/subnets/0/gateway',
      'not inside',
    ],
    ['VLAN 0', { vlan: 0 }, '/vlan', '1'],
    ['VLAN 4095', { vlan: 4095 }, '/vlan', '4094'],
    ['a parent that is too long', { parent: 'a23456789012345x' }, '/parent', '1 to 15 letters'],
    ['a parent with a slash', { parent: 'ens/33' }, '/parent', '1 to 15 letters'],
    ['a parent with a space', { parent: 'ens 33' }, '/parent', '1 to 15 letters'],
    ['a parent with a leading dash', { parent: '-ens33' }, '/parent', '1 to 15 letters'],
    ['a parent with shell characters', { parent: '$(reboot)' }, '/parent', '1 to 15 letters'],
    ['an MTU below the least of IPv4', { mtu: 67 }, '/mtu', '68'],
    ['an MTU no packet has', { mtu: 65_536 }, '/mtu', '65535'],
    [
      'an MTU below the least of IPv6',
      { mtu: 1279, subnets: [{ cidr: 'fd00:9::/64' }] },
      '/mtu',
      'requires 1280 or more',
    ],
    [
      'host access where the mode keeps the host out',
      { mode: 'private', hostAccess: true },
      '/hostAccess',
      'use mode bridge',
    ],
    ['an unknown field', { paren: 'ens33' }, '/paren', 'not a field'],
    ['a number as text', { vlan: '12' }, '/vlan', 'integer'],
    ['null where it is not allowed', { mode: null }, '/mode', 'must be'],
    ['null for the subnets', { subnets: null }, '/subnets', 'array'],
    [
      'a parent for a host with an impossible name',
      { parents: { '../x': 'ens33' } },
      '/parents/..~1x',
      'must be 1 to 63 letters, digits',
    ],
    [
      'a label with an impossible key',
      { labels: { 'a b': '1' } },
      '/labels/a b',
      'must be 1 to 63 letters, digits',
    ],
    ['two selections of hosts', { hosts: { all: true, names: ['docker01'] } }, '/hosts', 'exactly one'],
  ])('%s is refused, and the answer says where', async (_name, wrong, pointer, message) => {
    const before = await call.revision();
    const answer = await server.request('POST', '/v1/networks', {
      name: 'bad',
      subnets: [{ cidr: '10.9.0.0/24' }],
      ...wrong,
    });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'invalid_request' });
    expect(answer.body.errors).toContainEqual({ pointer, message: expect.stringContaining(message) });
    expect(await call.revision()).toBe(before);
  });

  test('a zero character in a text is refused, not a failure of the server', async () => {
    const answer = await server.request('POST', '/v1/networks', {
      name: 'bad',
      subnets: [freshSubnet()],
      labels: { a: 'x\u0000y' },
    });
    expect(answer.body).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test('a subnet that overlaps another of the same space is refused, and the answer says whose it is; another space may have it', async () => {
    await call.make('overlap1', { subnets: [{ cidr: '10.60.0.0/16' }] });
    const answer = await server.request('POST', '/v1/networks', {
      name: 'overlap2',
      subnets: [{ cidr: '10.60.7.0/24' }],
    });
    expect(answer.body).toMatchObject({
      status: 409,
      code: 'subnet_overlaps',
      data: { network: '/v1/networks/overlap1', cidr: '10.60.0.0/16' },
    });
    await call.make('overlap2', { space: 'lab', subnets: [{ cidr: '10.60.7.0/24' }] });
  });

  test('of two requests for overlapping subnets at once, one is refused', async () => {
    const answers = await Promise.all([
      call.create({ name: 'race1', subnets: [{ cidr: '10.61.0.0/16' }] }),
      call.create({ name: 'race2', subnets: [{ cidr: '10.61.3.0/24' }] }),
    ]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 409]));
  });

  test('a name is given once', async () => {
    await call.make('once');
    const answer = await server.request('POST', '/v1/networks', { name: 'once', subnets: [freshSubnet()] });
    expect(answer.body).toMatchObject({
      status: 409,
      code: 'network_exists',
      data: { network: '/v1/networks/once' },
    });
  });
});
