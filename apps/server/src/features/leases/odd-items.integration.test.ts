import type { Lease, LeaseSync } from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { freshSubnet } from '../networks/network-calls.fixture.ts';
import { carryOut } from '../networks/reports.fixture.ts';
import { held, returning, syncLeases, takeLeases } from './lease-calls.fixture.ts';
import { noNetworkDetail } from './shortage-detail.ts';

const at = useTwoHosts();

/** On docker01; its subnets. */
async function network(name: string, more: Record<string, unknown> = {}): Promise<string> {
  return (await at.call.make(name, { hosts: { names: ['docker01'] }, quarantineSeconds: 0, ...more })).body
    .id as string;
}

const state = async (name: string, ip: string): Promise<unknown> => {
  const { status, body } = await at.server.request('GET', `/v1/networks/${name}/addresses/${ip}`);
  return status === 404 ? 'free' : body.state;
};

const nowhere = '0198c0de-0000-7000-8000-000000000000';
const item = { networkId: nowhere, ip: '10.99.0.9', generation: 1 };
const want = { networkId: nowhere, family: 'ipv4', count: 1, onDemand: false } as const;

/** What the answer says about the items, beside a return of `mine` and a want of one address that both make sense. */
async function besideGoodOnes(name: string, id: string, odd: Partial<LeaseSync>) {
  const [mine, kept] = (await takeLeases(at.one, id, 2)).granted as [Lease, Lease];
  const answer = await syncLeases(at.one, {
    held: odd.held === undefined ? null : [...(odd.held ?? []), ...held([kept])],
    returns: [...(odd.returns ?? []), ...returning([mine], 'released')],
    wants: [...(odd.wants ?? []), { ...want, networkId: id }],
  });
  expect(await state(name, mine.ip)).toBe('free');
  expect(answer.granted.map(({ networkId }) => networkId)).toEqual([id]);
  expect(answer.unlisted.map(({ ip }) => ip)).not.toContain(kept.ip);
  return answer;
}

describe('one item that means nothing to the server holds up no other', () => {
  test('a return of a network that is not there, of an address outside, of another IP version, of another host', async () => {
    const id = await network('returns');
    const other = (await at.call.make('others', { hosts: { names: ['docker02'] } })).body.id as string;
    const [theirs] = (await takeLeases(at.two, other, 1)).granted as [Lease];
    const odd = [item, { ...item, networkId: id }, { ...item, networkId: id, ip: 'fd00::9' }, theirs];
    await besideGoodOnes('returns', id, {
      returns: [...returning(odd, 'released'), ...returning(odd, 'unused')],
    });
    expect(await state('others', theirs.ip)).toBe('leased');
  });

  test('a want of a network that is not there, is not on the host, leaves, or has no such IP version says so', async () => {
    const id = await network('wants');
    const elsewhere = (await at.call.make('elsewhere', { hosts: { names: ['docker02'] } })).body.id as string;
    const leaving = await network('leaving');
    await carryOut(at.one);
    expect((await at.call.remove('leaving')).status).toBe(202);
    const { shortages } = await besideGoodOnes('wants', id, {
      wants: [
        want,
        { ...want, onDemand: true },
        { ...want, networkId: elsewhere },
        { ...want, networkId: leaving },
        { ...want, networkId: id, family: 'ipv6', onDemand: true },
      ],
    });
    expect(
      shortages
        .map(({ networkId, family, missing, detail }) => `${networkId} ${family} ${missing} ${detail}`)
        .toSorted(),
    ).toEqual(
      [
        `${nowhere} ipv4 1 ${noNetworkDetail(nowhere, 'docker01')}`,
        `${nowhere} ipv4 1 ${noNetworkDetail(nowhere, 'docker01')}`,
        `${elsewhere} ipv4 1 network elsewhere is not on docker01: select the host in its hosts`,
        `${leaving} ipv4 1 network leaving is being removed: it gives out no addresses`,
        `${id} ipv6 1 network wants has no IPv6 subnet`,
      ].toSorted(),
    );
  });

  test('what is held of a network that is not there, of an address outside, twice, in a generation that never was, is unknown', async () => {
    const id = await network('helds');
    const { unknown } = await besideGoodOnes('helds', id, {
      held: [
        item,
        item,
        { ...item, networkId: id },
        { ...item, networkId: id, ip: 'fd00::9', generation: 2 ** 53 - 1 },
      ],
    });
    expect(unknown).toEqual(
      expect.arrayContaining([
        { networkId: nowhere, ip: item.ip },
        { networkId: id, ip: item.ip },
        { networkId: id, ip: 'fd00::9' },
      ]),
    );
  });

  test('of a subnet that was removed a moment ago: returned for nothing, unknown, and not in the way', async () => {
    // Four addresses each, so that a host may hold all of both.
    const subnets = [freshSubnet(), freshSubnet()].map((subnet) => {
      const one = (last: number): string => subnet.cidr.replace('.0/24', `.${last}`);
      return { ...subnet, ranges: [`${one(10)}-${one(13)}`] };
    });
    const id = await network('shrunk', { subnets });
    const all = (await takeLeases(at.one, id, 8)).granted;
    const [gone, also] = all.filter(({ subnet }) => subnet === subnets[1]!.cidr) as [Lease, Lease];
    await syncLeases(at.one, {
      returns: returning(
        all.filter(({ subnet }) => subnet === subnets[0]!.cidr),
        'unused',
      ),
    });
    const patched = await at.call.patch('shrunk', { subnets: [subnets[0]] }, '*', '?force=true');
    expect([patched.status, patched.body.detail]).toEqual([200, undefined]);
    const { unknown } = await besideGoodOnes('shrunk', id, {
      returns: [...returning([gone], 'released'), ...returning([also], 'conflicted', '00:0c:29:00:00:01')],
      held: held([gone, also]),
    });
    expect(unknown).toEqual(expect.arrayContaining([gone, also].map(({ ip }) => ({ networkId: id, ip }))));
  });

  test.each(['03:bf:0a:32:00:09', '00:00:00:00:00:00'])(
    'a conflict with the MAC %s, as some clusters answer with, is kept with it',
    async (mac) => {
      const name = `group-${mac.slice(0, 2)}`;
      const id = await network(name);
      const [lease] = (await takeLeases(at.one, id, 1)).granted as [Lease];
      await besideGoodOnes(name, id, { returns: returning([lease], 'conflicted', mac) });
      expect(
        (await at.server.request('GET', `/v1/networks/${name}/addresses/${lease.ip}`)).body,
      ).toMatchObject({
        state: 'conflicted',
        mac,
      });
    },
  );
});

test.each([
  ['an address', { ...item, ip: '10.0.0.300' }],
  ['a generation', { ...item, generation: 1e300 }],
  ['a network', { ...item, networkId: `urn:uuid:${nowhere}` }],
])('a body with %s that is none is malformed, and the fault of the caller', async (_, odd) => {
  for (const sync of [{ held: [odd] }, { returns: returning([odd], 'unused') }]) {
    const body = { held: null, returns: [], wants: [], ...sync };
    const answer = await at.one.send('POST', '/agent/v1/leases', body);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
  }
});

test('a want of a subnet that is none is malformed too', async () => {
  const wants = [{ ...want, subnet: '10.0.0.5/24' }];
  const answer = await at.one.send('POST', '/agent/v1/leases', { held: null, returns: [], wants });
  expect(answer.body).toMatchObject({ code: 'invalid_request', errors: [{ pointer: '/wants/0/subnet' }] });
});
