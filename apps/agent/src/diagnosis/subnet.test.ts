import { expect, test } from 'vitest';
import type { Link } from '../host/links.ts';
import { createFakeHost, network } from '../reconcile/subjects.fixture.ts';
import { examine, sceneOn, shown } from './scene.fixture.ts';
import { subnetExaminer } from './subnet.ts';

const at = (text: string, change: Partial<Link['addresses'][number]> = {}): Link['addresses'][number] => {
  const [address = '', prefix] = text.split('/');
  const family = address.includes(':') ? 6 : 4;
  return { family, address, prefixLength: Number(prefix), scope: 'global', ...change };
};
const own = at('172.16.1.30/24');
const mask = ['subnet-mask-differs: interface ens33'];
const dual = {
  subnets: [...network().subnets, { cidr: 'fd00:100::/64', gateway: 'fd00:100::1' }] as ReturnType<
    typeof network
  >['subnets'],
};

interface Row {
  readonly name: string;
  readonly addresses?: readonly Link['addresses'][number][];
  readonly routes?: readonly { cidr: string; link: string }[];
  readonly change?: Parameters<typeof network>[0];
  readonly finds: readonly string[];
}

const rows: readonly Row[] = [
  { name: 'nothing on a host in another subnet', addresses: [own], finds: [] },
  {
    name: 'nothing of an address with the mask of the network',
    addresses: [at('172.16.100.30/24')],
    finds: [],
  },
  {
    name: 'nothing of the routes of the parent itself and of other subnets',
    routes: [
      { cidr: '172.16.100.0/24', link: 'ens33' },
      { cidr: '172.17.0.0/16', link: 'docker0' },
    ],
    finds: [],
  },
  { name: 'a shorter prefix', addresses: [own, at('172.16.100.30/16')], finds: mask },
  { name: 'a longer prefix', addresses: [at('172.16.100.30/25')], finds: mask },
  { name: 'a subnet that holds that of the network', addresses: [at('172.16.1.30/16')], finds: mask },
  { name: 'nothing of a virtual address', addresses: [at('172.16.100.30/32')], finds: [] },
  {
    name: 'nothing of temporary and link-local addresses',
    addresses: [at('fe80::1/64', { scope: 'link' }), at('fd00:100::7/48', { passing: true })],
    change: dual,
    finds: [],
  },
  { name: 'another prefix of IPv6', addresses: [at('fd00:100::7/48')], change: dual, finds: mask },
  {
    name: 'nothing of an address on another interface than the parent',
    addresses: [own],
    change: { parent: 'ens34' },
    finds: [],
  },
  {
    name: 'a route over another interface',
    routes: [{ cidr: '172.16.0.0/12', link: 'tun0' }],
    finds: ['subnet-routed-elsewhere: route 172.16.0.0/12'],
  },
  {
    name: 'a pair: another mask, and a route over another interface',
    addresses: [at('172.16.100.30/16')],
    routes: [{ cidr: '172.16.100.128/25', link: 'tun0' }],
    finds: [...mask, 'subnet-routed-elsewhere: route 172.16.100.128/25'],
  },
];

test.each(rows)('subnet: finds $name', async ({ addresses = [own], routes = [], change = {}, finds }) => {
  const host = createFakeHost();
  host.links.put({ name: 'ens33', up: true, carrier: true, addresses });
  host.kernel.set({ routes });
  const { findings, detail } = await examine(subnetExaminer, await sceneOn(host, [network(change)], []));
  expect(shown(findings)).toEqual(finds);
  expect(detail).toContain('172.16.100.0/24');
});

test('subnet: an address on the parent of a VLAN counts, and one on the VLAN', async () => {
  const host = createFakeHost();
  host.links.put({ name: 'ens33', up: true, carrier: true, addresses: [at('172.16.100.30/16')] });
  host.links.put({
    name: 'ens33.10',
    kind: 'vlan',
    parent: 'ens33',
    vlanId: 10,
    up: true,
    addresses: [at('172.16.100.31/25')],
  });
  const { findings } = await examine(subnetExaminer, await sceneOn(host, [network({ vlan: 10 })], []));
  expect(shown(findings)).toEqual([...mask, 'subnet-mask-differs: interface ens33.10']);
});
