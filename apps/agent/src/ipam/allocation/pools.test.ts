import { describe, expect, test } from 'vitest';
import type { DesiredNetwork } from '@trunkline/contracts';
import { ipamNetworkOption } from '../../observation/marks.ts';
import { document, id, network } from '../../reconcile/subjects.fixture.ts';
import { parsePoolId, poolId, requestPool, type PoolRequest } from './pools.ts';

const six = { cidr: 'fd00:1::/64', gateway: 'fd00:1::1' };

/** What is answered to a request that names mac_net1. */
const ask = (request: Partial<PoolRequest>, change: Partial<DesiredNetwork> = {}) =>
  requestPool(
    { subnet: '', range: '', ipv6: false, options: { [ipamNetworkOption]: 'mac_net1' }, ...request },
    document([network(change)]),
    () => false,
  );

describe('a pool', () => {
  test('that no subnet was named for is the only one of its family', () => {
    const subnets = [...network().subnets, six];
    expect(ask({}, { subnets })).toEqual({
      networkId: id(1),
      subnet: '172.16.100.0/24',
      family: 'ipv4',
    });
    expect(ask({ ipv6: true }, { subnets })).toMatchObject({ subnet: six.cidr, family: 'ipv6' });
  });

  test.each<[string, Partial<PoolRequest>, Partial<DesiredNetwork>, string]>([
    [
      'IPv4 of a network of IPv6 alone, as Engines before 28 ask',
      {},
      { subnets: [six] },
      '--ipv4=false --ipv6; earlier Engines do not',
    ],
    [
      'one of several',
      {},
      { subnets: [...network().subnets, { cidr: '172.16.101.0/24', gateway: null }] },
      'name each of them',
    ],
    ['a subnet that the network does not have', { subnet: '10.0.0.0/24' }, {}, 'which has 172.16.100.0/24'],
    ['a range of Docker’s', { range: '172.16.100.0/25' }, {}, 'at the server (subnets[].ranges)'],
    ['a network that is not there', { options: { [ipamNetworkOption]: 'other' } }, {}, 'GET /v1/networks'],
  ])('is refused for %s, with what to do', (_, request, change, words) => {
    expect(() => ask(request, change)).toThrow(words);
  });

  test('has one id, however it is written: or one address would have two names (promise 1)', () => {
    const pool = ask({});
    expect(parsePoolId(poolId(pool).toUpperCase())).toEqual(parsePoolId(poolId(pool)));
    expect(ask({ options: { [ipamNetworkOption]: id(1).toUpperCase() } })).toEqual(pool);
  });
});
