import fc from 'fast-check';
import { cidrAround, formatCidr, formatIp, type Cidr } from '@trunkline/netaddr';
import { expect, test } from 'vitest';
import { canonicalSpec, wholeSpec } from './network-spec.ts';
import { nameFaults, networkFaults } from './network-validation.ts';

const faultsOf = (
  subnets: { cidr: string; gateway?: string | null; ranges?: string[]; exclude?: string[] }[],
) => networkFaults(wholeSpec({ name: 'mac_net1', subnets }));

test('the network of S1 is valid', () => {
  expect(faultsOf([{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }])).toEqual([]);
});

test.each([
  ['172.16.100.5/24', '/subnets/0/cidr', 'has host bits set: the network is 172.16.100.0/24'],
  ['fd00:16:100::1/64', '/subnets/0/cidr', 'has host bits set: the network is fd00:16:100::/64'],
  ['172.16.100.0', '/subnets/0/cidr', 'the prefix is missing'],
  ['172.16.100.0/33', '/subnets/0/cidr', 'the prefix must be a number from 0 to 32'],
  ['172.16.100.0/024', '/subnets/0/cidr', 'the prefix must be'],
  ['172.016.100.0/24', '/subnets/0/cidr', 'no leading zeros'],
  ['::ffff:172.16.100.0/120', '/subnets/0/cidr', 'IPv4-mapped'],
  ['224.0.0.0/24', '/subnets/0/cidr', 'is multicast'],
  ['192.0.0.0/2', '/subnets/0/cidr', 'is multicast'],
  ['240.0.0.0/8', '/subnets/0/cidr', 'is reserved'],
  ['255.255.255.0/24', '/subnets/0/cidr', 'is reserved'],
  ['127.0.0.0/16', '/subnets/0/cidr', 'is loopback'],
  ['169.254.0.0/16', '/subnets/0/cidr', 'is link-local'],
  ['0.0.0.0/0', '/subnets/0/cidr', 'cannot be used'],
  ['0.0.0.0/8', '/subnets/0/cidr', 'this network'],
  ['10.0.0.0/7', '/subnets/0/cidr', 'may have /8 to /32'],
  ['ff02::/64', '/subnets/0/cidr', 'is multicast'],
  ['::/64', '/subnets/0/cidr', 'loopback'],
  ['fe80::/64', '/subnets/0/cidr', 'is link-local'],
  ['fd00::/32', '/subnets/0/cidr', 'may have /48 to /126'],
  ['fd00::/127', '/subnets/0/cidr', 'may have /48 to /126'],
])('the subnet %s is refused with the reason', (cidr, pointer, message) => {
  expect(faultsOf([{ cidr }])).toEqual([{ pointer, message: expect.stringContaining(message) }]);
});

test.each([
  ['172.16.101.1', 'is not inside 172.16.100.0/24'],
  ['172.16.100.0', 'is the network address'],
  ['172.16.100.255', 'is the broadcast address'],
  ['fd00::1', 'is an IPv6 address, but 172.16.100.0/24 is IPv4'],
  ['router', 'is not valid'],
])('the gateway %s of 172.16.100.0/24 is refused with the reason', (gateway, message) => {
  expect(faultsOf([{ cidr: '172.16.100.0/24', gateway }])).toEqual([
    { pointer: '/subnets/0/gateway', message: expect.stringContaining(message) },
  ]);
});

test.each([
  ['fd00:16:100::/64', 1279, ['/mtu']],
  ['fd00:16:100::/64', 1280, []],
  ['172.16.100.0/24', 68, []],
  ['172.16.100.0/24', null, []],
])('on %s an MTU of %s: IPv6 requires 1280, and the answer says where', (cidr, mtu, pointers) => {
  const faults = networkFaults(wholeSpec({ name: 'mac_net1', mtu, subnets: [{ cidr }] }));
  expect(faults.map(({ pointer }) => pointer)).toEqual(pointers);
});

test.each([
  ['bridge', true, []],
  ['private', true, ['/hostAccess']],
  ['vepa', true, ['/hostAccess']],
  ['passthru', true, ['/hostAccess']],
  ['private', false, []],
] as const)('mode %s with hostAccess %s: only bridge lets the host in', (mode, hostAccess, pointers) => {
  const subnets = [{ cidr: '172.16.100.0/24' }];
  const faults = networkFaults(wholeSpec({ name: 'mac_net1', mode, hostAccess, subnets }));
  expect(faults.map(({ pointer }) => pointer)).toEqual(pointers);
  for (const { message } of faults) expect(message).toContain(`mode ${mode}`);
});

test('ranges and exclusions outside the subnet or of another family are refused, each where it stands', () => {
  expect(
    faultsOf([
      {
        cidr: '172.16.100.0/24',
        ranges: ['172.16.100.50-172.16.100.99', '172.16.100.250-172.16.101.3', 'fd00::1'],
        exclude: ['172.16.100.20-172.16.100.10', '172.16.100.7/30'],
      },
    ]),
  ).toEqual([
    { pointer: '/subnets/0/ranges/1', message: 'is not completely inside 172.16.100.0/24' },
    { pointer: '/subnets/0/ranges/2', message: 'is IPv6, but 172.16.100.0/24 is IPv4' },
    {
      pointer: '/subnets/0/exclude/0',
      message: expect.stringContaining('its first address comes after its last'),
    },
    { pointer: '/subnets/0/exclude/1', message: expect.stringContaining('the network is 172.16.100.4/30') },
  ]);
});

test('a subnet with nothing to give out is refused; a /31 and a /32 that have something are not', () => {
  expect(faultsOf([{ cidr: '10.0.0.4/32', gateway: '10.0.0.4' }])).toMatchObject([
    { pointer: '/subnets/0/cidr' },
  ]);
  expect(faultsOf([{ cidr: '10.0.0.0/24', ranges: ['10.0.0.1'], gateway: '10.0.0.1' }])).toMatchObject([
    { pointer: '/subnets/0/ranges' },
  ]);
  expect(faultsOf([{ cidr: '10.0.0.0/30', exclude: ['10.0.0.0/30'] }])).toMatchObject([
    { pointer: '/subnets/0/exclude' },
  ]);
  expect(faultsOf([{ cidr: '10.0.0.4/31', gateway: '10.0.0.4' }, { cidr: '10.0.0.8/32' }])).toEqual([]);
});

test('subnets of one network may not overlap', () => {
  expect(faultsOf([{ cidr: '10.0.0.0/16' }, { cidr: 'fd00::/64' }, { cidr: '10.0.8.0/24' }])).toEqual([
    { pointer: '/subnets/2/cidr', message: expect.stringContaining('overlaps 10.0.0.0/16') },
  ]);
});

test.each([
  [{ all: true, names: ['docker01'] }, '/hosts'],
  [{ all: false }, '/hosts/all'],
  [{ labels: {} }, '/hosts/labels'],
])('the selection %j is refused', (hosts, pointer) => {
  const spec = wholeSpec({ name: 'mac_net1', subnets: [{ cidr: '10.0.0.0/24' }], hosts });
  expect(networkFaults(spec)).toMatchObject([{ pointer }]);
});

const usable: fc.Arbitrary<Cidr> = fc.oneof(
  fc
    .tuple(fc.bigInt(0x0a000000n, 0x0affffffn), fc.integer({ min: 8, max: 30 }))
    .map(([value, prefix]) => cidrAround({ family: 4, value }, prefix)),
  fc
    .tuple(fc.bigInt(0xfdn << 120n, (0xfen << 120n) - 1n), fc.integer({ min: 48, max: 125 }))
    .map(([value, prefix]) => cidrAround({ family: 6, value }, prefix)),
);

test('property: every private subnet is valid, with any router inside it, and reads the same in canonical form', () => {
  fc.assert(
    fc.property(usable, fc.bigInt(1n, 1n << 128n), (cidr, seed) => {
      const inside = (1n << BigInt((cidr.family === 4 ? 32 : 128) - cidr.prefix)) - 2n;
      const gateway = formatIp({ family: cidr.family, value: cidr.base + 1n + (seed % inside) });
      const spec = wholeSpec({ name: 'mac_net1', subnets: [{ cidr: formatCidr(cidr), gateway }] });
      expect(networkFaults(spec)).toEqual([]);
      expect(canonicalSpec(spec)).toEqual(spec);
    }),
  );
});

test('property: whatever the texts are, faults are reported and nothing is thrown', () => {
  const text = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[0-9a-f:.]{1,12}(\/[0-9]{1,3})?(-[0-9a-f:.]{1,12})?$/),
  );
  fc.assert(
    fc.property(text, fc.option(text), fc.array(text, { maxLength: 3 }), (cidr, gateway, ranges) => {
      for (const { pointer, message } of faultsOf([{ cidr, gateway, ranges, exclude: ranges }])) {
        expect(pointer).toMatch(/^\/subnets\/0\//);
        expect(message).not.toBe('');
      }
    }),
  );
});

test.each(['bridge', 'host', 'none', 'default'])('the name %s is Docker’s own', (name) => {
  expect(nameFaults(name)).toMatchObject([{ pointer: '/name' }]);
  expect(nameFaults(`${name}1`)).toEqual([]);
});
