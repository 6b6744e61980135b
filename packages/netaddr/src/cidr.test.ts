import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  broadcastAddress,
  cidrAround,
  cidrContains,
  cidrsOverlap,
  cidrSize,
  familyBits,
  formatCidr,
  formatIp,
  highestValue,
  HostBitsSet,
  InvalidAddress,
  lastAddress,
  networkAddress,
  parseCidr,
  parseIp,
} from './index.ts';
import type { Cidr, Ip } from './index.ts';

const ip = fc
  .constantFrom<4 | 6>(4, 6)
  .chain((family) => fc.bigInt(0n, highestValue(family)).map((value): Ip => ({ family, value })));
const cidr = ip.chain((inside) =>
  fc.integer({ min: 0, max: familyBits(inside.family) }).map((prefix) => cidrAround(inside, prefix)),
);
/** Subnets and addresses of one /28, so that they meet. */
const near = fc.bigInt(0n, 15n).map((value): Ip => ({ family: 4, value }));
const nearCidr = fc
  .tuple(near, fc.integer({ min: 28, max: 32 }))
  .map(([inside, prefix]) => cidrAround(inside, prefix));

function members(of: Cidr): bigint[] {
  return Array.from({ length: 16 }, (_, value) => BigInt(value)).filter(
    (value) => value >= of.base && value < of.base + cidrSize(of),
  );
}

describe('a subnet', () => {
  it.each(['172.16.100.0/24', '0.0.0.0/0', '10.0.0.1/32', '2001:db8::/64', '::/0', '::1/128'])(
    '%s is read',
    (text) => {
      expect(formatCidr(parseCidr(text))).toBe(text);
    },
  );

  it.each([
    ['172.16.100.0', 'prefix is missing'],
    ['172.16.100.0/', 'from 0 to 32'],
    ['172.16.100.0/33', 'from 0 to 32'],
    ['10.0.0.0/08', 'from 0 to 32'],
    ['10.0.0.0/ 8', 'from 0 to 32'],
    ['10.0.0.0/+8', 'from 0 to 32'],
    ['10.0.0.0/8/8', 'from 0 to 32'],
    ['10.0.0.0/255.0.0.0', 'from 0 to 32'],
    ['2001:db8::/129', 'from 0 to 128'],
    ['2001:db8::/-1', 'from 0 to 128'],
    ['010.0.0.0/8', 'leading zeros'],
    ['::ffff:0:0/96', 'IPv4-mapped'],
    ['fe80::%1/64', 'zone'],
    ['/24', 'empty'],
  ])('%j is refused with the reason and the whole text', (text, reason) => {
    expect(() => parseCidr(text)).toThrow(InvalidAddress);
    expect(() => parseCidr(text)).toThrow(reason);
    expect(() => parseCidr(text)).toThrow(JSON.stringify(text));
  });

  it.each([
    ['172.16.102.0', '172.16.102.0/24'],
    ['172.16.102.7', '172.16.102.0/24'],
    ['10.0.0.0', '10.0.0.0/24'],
    ['2001:db8:7::', '2001:db8:7::/64'],
    ['2001:DB8::5', '2001:db8::/64'],
    ['10.9.8.0/255.255.255.0', '255.255.255.0 is /24'],
    ['10.9.0.0/255.255.0.0', '255.255.0.0 is /16'],
    ['172.16.102.5/24', '172.16.102.0/24'],
    ['::ffff:10.9.8.7', '10.9.8.7'],
  ])('%s is refused with a hint that is made of what was typed: %s', (text, hint) => {
    expect(() => parseCidr(text)).toThrow(hint);
  });

  it.each(['10.0.0.0/255.0.255.0', '10.0.0.0/0.0.0.255', '2001:db8::/255.255.255.0'])(
    '%s is refused without a guess',
    (text) => {
      expect(() => parseCidr(text)).toThrow(/from 0 to \d+$/);
    },
  );

  it('never hints at an address that was not typed', () => {
    const written = /[0-9a-f]*(?:[.:][0-9a-f]*){2,}(?:\/\d+)?/g;
    fc.assert(
      fc.property(ip, (given) => {
        const text = formatIp(given);
        let hints: readonly string[] = [];
        try {
          parseCidr(text);
        } catch (error) {
          hints = (error as InvalidAddress).reason.match(written) ?? [];
        }
        for (const hint of hints) expect(cidrContains(parseCidr(hint), given)).toBe(true);
      }),
    );
  });

  it('with host bits set is refused with the network that was meant', () => {
    expect(() => parseCidr('172.16.100.10/24')).toThrow(HostBitsSet);
    expect(() => parseCidr('172.16.100.10/24')).toThrow(
      expect.objectContaining({
        network: parseCidr('172.16.100.0/24'),
        message: expect.stringContaining('172.16.100.0/24'),
      }),
    );
    expect(() => parseCidr('2001:db8::1/64')).toThrow('2001:db8::/64');
  });

  it('keeps what it is through its text', () => {
    fc.assert(
      fc.property(cidr, (given) => {
        fc.pre(given.family === 4 || given.base >> 32n !== 0xffffn);
        expect(parseCidr(formatCidr(given))).toEqual(given);
      }),
    );
  });

  it('contains exactly the addresses from its network to its last address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.tuple(cidr, ip), fc.tuple(nearCidr, near)), ([subnet, address]) => {
        const inside =
          address.family === subnet.family &&
          networkAddress(subnet).value <= address.value &&
          address.value <= lastAddress(subnet).value;
        expect(cidrContains(subnet, address)).toBe(inside);
      }),
    );
  });

  it('overlaps another exactly when they share an address', () => {
    fc.assert(
      fc.property(nearCidr, nearCidr, (a, b) => {
        expect(cidrsOverlap(a, b)).toBe(members(a).some((value) => members(b).includes(value)));
        expect(cidrsOverlap(b, a)).toBe(cidrsOverlap(a, b));
      }),
    );
    expect(cidrsOverlap(parseCidr('0.0.0.0/0'), parseCidr('::/0'))).toBe(false);
  });

  it.each([
    ['172.16.100.0/24', '172.16.100.255', '172.16.100.255', 256n],
    ['10.0.0.0/30', '10.0.0.3', '10.0.0.3', 4n],
    ['10.0.0.0/31', '10.0.0.1', null, 2n],
    ['10.0.0.0/32', '10.0.0.0', null, 1n],
    ['2001:db8::/64', '2001:db8::ffff:ffff:ffff:ffff', null, 1n << 64n],
  ])('%s ends at %s, has the broadcast address %s and spans %s addresses', (text, last, broadcast, size) => {
    const subnet = parseCidr(text);
    expect(lastAddress(subnet)).toEqual(parseIp(last));
    const found = broadcastAddress(subnet);
    expect(found === null ? null : formatIp(found)).toBe(broadcast);
    expect(cidrSize(subnet)).toBe(size);
  });
});
