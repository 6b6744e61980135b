import type { AddressFinding, Lease } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import {
  reportInventory,
  returning,
  seenContainer,
  syncLeases,
  takeLeases,
} from '../leases/lease-calls.fixture.ts';
import { placementDone } from '../networks/reports.fixture.ts';

const at = useTwoHosts();

const check = (body: Record<string, unknown>) =>
  at.server.request('POST', '/v1/checks', { kind: 'addresses', ...body });

test('the books of a network that fits are consistent, and the check can be read again', async () => {
  const { body } = await at.call.make('fits', { hosts: { all: true } });
  const [lease] = (await takeLeases(at.one, body.id, 4)).granted as [Lease];
  await reportInventory(at.one, [seenContainer(body.id, 'web', lease.ip)]);
  const answer = await check({ network: 'fits' });
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({
    kind: 'addresses',
    network: 'fits',
    from: null,
    host: null,
    state: 'done',
    result: { consistent: true, findings: [], silentHosts: [], truncated: false },
  });
  expect((await at.server.request('GET', answer.headers['location'] ?? '')).body).toEqual(answer.body);
  expect((await at.server.request('GET', '/v1/checks')).body.items[0]).toEqual(answer.body);
});

test('what does not fit is found both ways', async () => {
  const { body } = await at.call.make('odd', { hosts: { all: true } });
  const id = body.id as string;
  const [gone, double, foreign] = (await takeLeases(at.one, id, 3)).granted as [Lease, Lease, Lease];
  await reportInventory(at.one, [seenContainer(id, 'gone', gone.ip)]);
  await syncLeases(at.one, { returns: returning([foreign], 'conflicted', '00:0c:29:00:00:01') });
  const reserved = double.ip.replace(/\d+$/, '200');
  await at.server.request('POST', '/v1/networks/odd/addresses', { address: reserved, owner: 'db' });
  const seen = (name: string, ip: string, last: number) => ({
    ...seenContainer(id, name, ip),
    mac: `02:42:ac:10:64:0${last}`,
  });
  await reportInventory(at.one, [seen('a', double.ip, 1), seen('stray', reserved, 2)]);
  await reportInventory(at.two, [seen('b', double.ip, 3), seen('far', '192.0.2.9', 4)]);
  const { result } = (await check({ network: 'odd' })).body as { result: { findings: AddressFinding[] } };
  expect(result.findings.map(({ kind, ip }) => [kind, ip])).toEqual([
    ['two-holders', double.ip],
    ['conflicted', foreign.ip],
    ['seen-not-bound', reserved],
    ['outside', '192.0.2.9'],
    ['bound-not-seen', gone.ip],
  ]);
  expect(result.findings[0]?.holders.map(({ host, container }) => `${container} ${host}`)).toEqual([
    'a docker01',
    'b docker02',
  ]);
  expect((await check({})).body.result.consistent).toBe(false);
});

test('a station that comes to the address of a running container is shown, recorded, and gone again when it went', async () => {
  await at.call.make('crowded', { hosts: { all: true } });
  const wanted = (await at.one.document()).networks.find(({ name }) => name === 'crowded')!;
  const conflict = { ip: '172.16.100.17', container: 'web', mac: '02:00:00:aa:00:01' };
  const say = async (conflicts: (typeof conflict)[]) => {
    const placements = [placementDone(wanted, { conflicts })];
    expect((await at.one.report({ observedRevision: '1', placements })).status).toBe(200);
  };
  const placement = async () =>
    (await at.server.request('GET', '/v1/networks/crowded/placements/docker01')).body.conflicts;
  const events = async (type: string) =>
    ((await at.server.request('GET', `/v1/events?type=${type}&network=crowded`)).body as { items: object[] })
      .items;
  await say([conflict]);
  await say([conflict]);
  expect(await placement()).toEqual([conflict]);
  const { result } = (await check({ network: 'crowded' })).body as { result: { findings: AddressFinding[] } };
  expect(result.findings).toEqual([
    expect.objectContaining({
      kind: 'conflicted',
      ip: conflict.ip,
      state: 'bound',
      mac: conflict.mac,
      holders: [expect.objectContaining({ host: 'docker01', container: 'web' })],
    }),
  ]);
  expect(await events('address.conflicted')).toEqual([
    expect.objectContaining({
      subject: '/v1/networks/crowded/addresses/172.16.100.17',
      data: { container: 'web', mac: conflict.mac },
    }),
  ]);
  await say([]);
  expect(await placement()).toEqual([]);
  expect((await check({ network: 'crowded' })).body.result.findings).toEqual([]);
  expect(await events('address.conflict-ended')).toHaveLength(1);
});

test('a host that is silent is named, with the age of what it said', async () => {
  at.server.clock.advance(3_600_000);
  const { body } = await check({});
  expect(body.result.silentHosts).toMatchObject([{ host: 'docker01' }, { host: 'docker02' }]);
});

test('fields that belong to the other kind are refused, and so is a network that is not there', async () => {
  expect((await check({ from: { container: 'box1' } })).body.errors).toMatchObject([{ pointer: '/from' }]);
  expect((await check({ network: 'nowhere' })).body.code).toBe('network_not_found');
  const connectivity = await at.server.request('POST', '/v1/checks', {
    kind: 'connectivity',
    network: 'odd',
  });
  expect(connectivity.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    '/from',
    '/to',
    '/network',
  ]);
});
