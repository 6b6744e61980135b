/** What does not fit its network any more, and what the server has taken away. */
import { expect, test } from 'vitest';
import type { DesiredDocument } from '@trunkline/contracts';
import { id, network } from '../../reconcile/subjects.fixture.ts';
import { misfitOf, revokedChanges } from './lease-fit.ts';
import { idle, keyOf, type LeaseRecord } from './lease-record.ts';
import { subnetsBeside } from '../bindings/seen-addresses.ts';

const record = (ip: string, change: Partial<LeaseRecord> = {}): LeaseRecord => ({
  networkId: id(1),
  ip,
  subnet: ip.includes(':') ? 'fd00::/64' : '172.16.100.0/24',
  generation: 5,
  owner: null,
  mac: null,
  use: 'free',
  since: 1,
  touched: false,
  ...idle,
  lastMac: null,
  lastName: null,
  returnAs: null,
  ...change,
});

const desired = (change: Partial<DesiredDocument> = {}): DesiredDocument => ({
  hostId: id(999),
  revision: '1',
  heartbeatSeconds: 10,
  networks: [
    network({
      subnets: [
        {
          cidr: '172.16.100.0/24',
          gateway: '172.16.100.1',
          ranges: ['172.16.100.16/28', '172.16.100.200'],
          exclude: ['172.16.100.20-172.16.100.21'],
        },
        { cidr: 'fd00::/64', gateway: 'fd00::1', exclude: ['fd00::10'] },
      ],
    }),
  ],
  containers: [],
  recalls: [],
  checks: [],
  ...change,
});

test.each([
  ['172.16.100.17', null],
  ['172.16.100.200', null],
  ['172.16.100.20', 'excluded'],
  ['172.16.100.32', 'outside-ranges'],
  ['172.16.100.1', 'gateway'],
  ['fd00::11', null],
  ['fd00::10', 'excluded'],
  ['fd00::1', 'gateway'],
])('%s: %s', (ip, misfit) => {
  expect(misfitOf(record(ip), desired())).toBe(misfit);
});

test('a subnet that the network has no more, and silence', () => {
  expect(misfitOf({ ...record('10.9.0.2'), subnet: '10.9.0.0/24' }, desired())).toBe('no-subnet');
  expect(misfitOf(record('172.16.100.32'), desired({ networks: [] }))).toBeNull();
  expect(misfitOf(record('172.16.100.32'), null)).toBeNull();
  expect(misfitOf(record('172.16.100.32'), desired({ networks: [network({ state: 'absent' })] }))).toBeNull();
});

test('a hold that was taken away is forgotten, or known as nobody’s while a container uses it; a later one is not touched', () => {
  const ips = ['172.16.100.2', '172.16.100.3', '172.16.100.4'];
  const records = [record(ips[0]!), record(ips[1]!, { use: 'used' }), record(ips[2]!, { generation: 6 })];
  const held = new Map(records.map((one) => [keyOf(one), one]));
  const revocations = ips.map((ip) => ({ networkId: id(1), ip, generation: 5 }));
  expect(revokedChanges(held, revocations)).toEqual([
    { drop: keyOf(records[0]!) },
    { ...records[1], generation: 0 },
  ]);
  expect(revokedChanges(held, [])).toEqual([]);
});

test('subnets that Docker takes addresses of: those of every Docker network with the pool', () => {
  const pool = { networkId: id(1), subnet: 'a' };
  expect(subnetsBeside(pool, new Map())).toBeNull();
  expect(subnetsBeside(pool, new Map([[id(1), [['b']]]]))).toBeNull();
  expect(subnetsBeside(pool, new Map([[id(1), [['a', 'b'], ['c']]]]))).toEqual(new Set(['a', 'b']));
  expect(subnetsBeside(pool, new Map([[id(1), [['a', 'b'], ['a']]]]))).toEqual(new Set(['a']));
});
