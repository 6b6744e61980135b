/** What becomes of a container when something foreign has the address that it is to have. */
import type { DesiredContainer, Lease } from '@trunkline/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { claimLease, returning, syncLeases } from '../leases/lease-calls.fixture.ts';
import { callNetworks } from '../networks/network-calls.fixture.ts';
import { carryOut } from '../networks/reports.fixture.ts';

const station = '02:00:00:aa:00:01';
let server: TestServer;
let docker01: TestAgent;

beforeAll(async () => {
  server = await createTestServer();
  docker01 = await server.joinHost('docker01');
  const call = callNetworks(server);
  await call.make('lan', {
    subnets: [
      { cidr: '172.16.100.0/24', gateway: '172.16.100.1' },
      { cidr: 'fd00:100::/64', gateway: 'fd00:100::1' },
    ],
  });
  await call.make('tiny', { subnets: [{ cidr: '10.70.0.0/30', gateway: '10.70.0.1' }] });
  await carryOut(docker01);
});
afterAll(() => server?.close());

async function make(name: string, attachment: object = {}, network = 'lan'): Promise<DesiredContainer> {
  const attachments = [{ network, ...attachment }];
  const body = { name, host: 'docker01', image: 'busybox', attachments };
  const { status } = await server.request('POST', '/v1/containers', body);
  expect(status).toBe(201);
  return wanted(name);
}

async function wanted(name: string): Promise<DesiredContainer> {
  const found = (await docker01.document()).containers.find((container) => container.name === name);
  if (found === undefined) throw new Error(`nothing is said of ${name}`);
  return found;
}

/** As its agent finds out: it claims the address for the container that starts, asks the wire, and is answered. */
async function conflictOn({ attachments: [place] }: DesiredContainer, ip = place!.address!): Promise<void> {
  const { body } = await claimLease(docker01, place!.networkId, {
    ip,
    family: ip.includes(':') ? 'ipv6' : 'ipv4',
  });
  const lease = (body as { lease: Lease }).lease;
  await syncLeases(docker01, { returns: returning([lease], 'conflicted', station) });
}

const addressOf = async (ip: string, network = 'lan') =>
  (await server.request('GET', `/v1/networks/${network}/addresses/${ip}`)).body as Record<string, unknown>;

test.each([
  ['IPv4', 'address', 'address6'],
  ['IPv6', 'address6', 'address'],
] as const)('an %s address that the server chose is given up for another', async (version, own, other) => {
  const before = await make(`any-${version.toLowerCase()}`);
  const ip = before.attachments[0]![own]!;
  await conflictOn(before, ip);
  const after = await wanted(before.name);
  expect(after.generation).toBe(before.generation + 1);
  expect(after.attachments[0]![own]).not.toBe(ip);
  expect(after.attachments[0]![other]).toBe(before.attachments[0]![other]);
  expect(await addressOf(after.attachments[0]![own]!)).toMatchObject({
    state: 'reserved',
    owner: `container:${before.name}`,
  });
  expect(await addressOf(ip)).toMatchObject({ state: 'conflicted', owner: null, mac: station });
  const { body } = await server.request('GET', '/v1/events?type=container.moved&limit=100');
  expect((body as { items: { subject: string; data: object }[] }).items).toContainEqual(
    expect.objectContaining({
      subject: `/v1/containers/${before.name}`,
      data: { from: ip, to: after.attachments[0]![own], mac: station },
    }),
  );
});

/** The same container, whose host may not give it the address in conflict because of the document alone. */
const withoutPromise = (before: DesiredContainer): DesiredContainer => ({
  ...before,
  attachments: before.attachments.map((one, n) => (n === 0 ? { ...one, withdrawn: [one.address!] } : one)),
});

test('one that was named stays its own, for the caller to change', async () => {
  const before = await make('named', { address: '172.16.100.77', address6: 'fd00:100::77' });
  await conflictOn(before);
  expect(await wanted('named')).toEqual(withoutPromise(before));
  expect(await addressOf('172.16.100.77')).toMatchObject({
    state: 'conflicted',
    owner: 'container:named',
    mac: station,
  });
});

test('a container that ran keeps its address: it would have to be made again', async () => {
  await make('ran');
  await carryOut(docker01);
  const ran = await wanted('ran');
  await conflictOn(ran);
  expect(await wanted('ran')).toEqual(withoutPromise(ran));
});

test('it stays where it is when nothing else is free', async () => {
  const before = await make('last', {}, 'tiny');
  await conflictOn(before);
  expect(await wanted('last')).toEqual(withoutPromise(before));
  expect(await addressOf(before.attachments[0]!.address!, 'tiny')).toMatchObject({
    state: 'conflicted',
    owner: 'container:last',
  });
});

test('a container that is removed leaves its address in conflict: somebody else has it yet', async () => {
  const before = await make('removed', { address: '172.16.100.78' });
  await conflictOn(before);
  const { status } = await server.request('DELETE', '/v1/containers/removed', undefined, { 'if-match': '*' });
  expect(status).toBe(202);
  await carryOut(docker01);
  expect((await server.request('GET', '/v1/containers/removed')).status).toBe(404);
  expect(await addressOf('172.16.100.78')).toMatchObject({ state: 'conflicted', owner: null, mac: station });
  const again = { name: 'again', host: 'docker01', image: 'busybox' };
  const attachments = [{ network: 'lan', address: '172.16.100.78' }];
  const { status: refused } = await server.request('POST', '/v1/containers', { ...again, attachments });
  expect(refused).toBe(409);
});
