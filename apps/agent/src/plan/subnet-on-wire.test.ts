import { expect, test } from 'vitest';
import type { DesiredNetwork } from '@trunkline/contracts';
import { networkLabel } from '../observation/marks.ts';
import type { Observed } from '../observation/observed.ts';
import { id, network } from '../reconcile/subjects.fixture.ts';
import { linkOf } from './link-users.ts';
import { subnetOnWire } from './subnet-on-wire.ts';

const subnets = [{ cidr: '172.16.101.0/24', gateway: '172.16.101.1' }];
const first = network({ id: id(1), name: 'lan4', parent: 'ens33', subnets });
const second = network({
  id: id(2),
  name: 'lan5',
  parent: 'ens33',
  subnets: [{ cidr: '172.16.101.128/25', gateway: null }],
});

/** A host whose Docker has these networks of ours. */
const having = (...networks: DesiredNetwork[]) =>
  ({
    defaultRoute: 'ens33',
    docker: { reachable: true, networks: networks.map((one) => ({ labels: { [networkLabel]: one.id } })) },
  }) as unknown as Observed;
const all = [first, second];

test.each<[string, DesiredNetwork, Observed, readonly DesiredNetwork[], boolean]>([
  ['the later of two that are not there', second, having(), all, true],
  ['the earlier of two that are not there', first, having(), all, false],
  ['the earlier one where the later is there', first, having(second), all, true],
  ['one beside itself', first, having(first), [first], false],
  ['one on another VLAN', { ...second, vlan: 10 }, having(first), [first], false],
  [
    'one on the default route, which is the same parent',
    { ...second, parent: null },
    having(first),
    all,
    true,
  ],
  [
    'one with another subnet',
    { ...second, subnets: [{ cidr: '172.16.102.0/24', gateway: null }] },
    having(first),
    all,
    false,
  ],
  ['one beside another that is to go', second, having(first), [{ ...first, state: 'absent' }], false],
])('promise 1: one wire has the addresses of one space: %s', (_, one, observed, others, isBlocked) => {
  const why = subnetOnWire(one, linkOf(one, 'ens33') ?? '', observed, others);
  expect(why === null).toBe(!isBlocked);
  if (isBlocked) expect(why).toContain('spaces are for wires that never meet');
});
