import { expect, it } from 'vitest';
import { parseLinks, UnreadableIpOutput } from './ip-json.ts';

/** As iproute2 6.1 prints it on a kernel with 8021q, shortened. */
const withVlan = JSON.stringify([
  {},
  {
    ifindex: 2,
    ifname: 'ens33',
    flags: ['BROADCAST', 'MULTICAST', 'PROMISC', 'UP', 'LOWER_UP'],
    mtu: 1500,
    operstate: 'UP',
    link_type: 'ether',
    address: '00:0C:29:AA:BB:CC',
    promiscuity: 2,
    ifalias: 'uplink',
    addr_info: [{ family: 'inet', local: '172.16.1.30', prefixlen: 24, scope: 'global', label: 'ens33' }],
  },
  {
    ifindex: 3,
    link: 'ens33',
    ifname: 'ens33.10',
    flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
    mtu: 1500,
    operstate: 'UP',
    link_type: 'ether',
    address: '00:0c:29:aa:bb:cc',
    promiscuity: 0,
    linkinfo: { info_kind: 'vlan', info_data: { protocol: '802.1Q', id: 10, flags: ['REORDER_HDR'] } },
    addr_info: [],
  },
]);

it('reads hardware and VLAN links', () => {
  expect(parseLinks(withVlan)).toEqual([
    expect.objectContaining({
      name: 'ens33',
      mac: '00:0c:29:aa:bb:cc',
      kind: null,
      promiscuous: true,
      promiscuity: 2,
      carrier: true,
      alias: 'uplink',
      addresses: [{ family: 4, address: '172.16.1.30', prefixLength: 24, scope: 'global' }],
    }),
    expect.objectContaining({
      name: 'ens33.10',
      kind: 'vlan',
      vlanId: 10,
      parent: 'ens33',
      promiscuous: false,
    }),
  ]);
});

it('says what is needed when ip is too old to speak JSON', () => {
  expect(() => parseLinks('1: lo: <LOOPBACK>')).toThrow(UnreadableIpOutput);
  expect(() => parseLinks('{}')).toThrow('iproute2');
});

it('tells which addresses do not last, or are not usable yet', () => {
  const flags = [{}, { temporary: true }, { deprecated: true }, { tentative: true }, { dadfailed: true }];
  const addr_info = flags.map((flag, n) => ({
    ...flag,
    family: 'inet6',
    local: `fd00::${n}`,
    prefixlen: 64,
    scope: 'global',
  }));
  const [link] = parseLinks(JSON.stringify([{ ifname: 'ens33', ifindex: 2, addr_info }]));
  expect(link?.addresses.map(({ passing }) => passing)).toEqual([undefined, true, true, true, true]);
});
