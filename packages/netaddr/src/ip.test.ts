import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addIp,
  AddressOverflow,
  compareIp,
  formatIp,
  highestValue,
  InvalidAddress,
  parseIp,
  tryParseIp,
} from './index.ts';
import type { Ip } from './index.ts';

/** IPv6 with many zero groups, where the shortening is decided; without the refused IPv4-mapped block. */
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups): Ip => ({
    family: 6,
    value: groups.reduce((sum, group) => (sum << 16n) + BigInt(group), 0n),
  }))
  .filter((ip) => ip.value >> 32n !== 0xffffn);
const ipv4 = fc.bigInt(0n, highestValue(4)).map((value): Ip => ({ family: 4, value }));

describe('an address', () => {
  it.each([
    ['0.0.0.0', 4, 0n],
    ['172.16.100.10', 4, 0xac10640an],
    ['255.255.255.255', 4, 0xffffffffn],
    ['::', 6, 0n],
    ['2001:DB8::A', 6, 0x20010db800000000000000000000000an],
    ['64:ff9b::1.2.3.4', 6, 0x0064ff9b000000000000000001020304n],
    ['1:2:3:4:5:6:7::', 6, 0x00010002000300040005000600070000n],
  ] as const)('%s is read', (text, family, value) => {
    expect(parseIp(text)).toEqual({ family, value });
  });

  it.each([
    ['', 'empty'],
    ['10.0.0.5/24', 'without a prefix'],
    ['::1/08', 'without a prefix'],
    ['fe80::1%eth0', 'without a zone'],
    ['::%', 'without a zone'],
    ['010.0.0.1', 'leading zeros'],
    ['10.0.0.00', 'leading zeros'],
    ['64:ff9b::01.2.3.4', 'leading zeros'],
    ['10.1', 'no IP address'],
    ['10.0.0.256', 'no IP address'],
    ['10.0.0.1.2', 'no IP address'],
    ['167772161', 'no IP address'],
    ['0x0a.0.0.1', '"x"'],
    ['10.0.0.1\n', String.raw`"\n"`],
    [' 10.0.0.1', '" "'],
    ['+1.2.3.4', '"+"'],
    ['１.2.3.4', '"１"'],
    ['[::1]', '"["'],
    ['::ffff:10.0.0.5', 'IPv4-mapped'],
    ['::FFFF:0A00:5', 'IPv4-mapped'],
    ['0:0:0:0:0:ffff:a00:5', 'IPv4-mapped'],
    ['1::2::3', 'no IP address'],
    ['1:2:3:4:5:6:7', 'no IP address'],
    ['1::2:3:4:5:6:7:8', 'no IP address'],
    ['00001::', 'no IP address'],
    ['1:::2', 'no IP address'],
    [':1::', 'no IP address'],
    ['1'.repeat(5000), 'longer'],
  ])('%j is refused with the reason', (text, reason) => {
    expect(() => parseIp(text)).toThrow(InvalidAddress);
    expect(() => parseIp(text)).toThrow(reason);
    expect(tryParseIp(text)).toBeUndefined();
  });

  it('never quotes an endless text back', () => {
    expect(() => parseIp('1'.repeat(5000))).toThrow(/^.{0,200}$/);
  });

  it('keeps its number through its text, either family', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (ip) => {
        expect(parseIp(formatIp(ip))).toEqual(ip);
      }),
    );
  });

  it('is written as RFC 5952 does, judged by the URL standard', () => {
    fc.assert(
      fc.property(ipv6, (ip) => {
        expect(new URL(`http://[${formatIp(ip)}]/`).hostname).toBe(`[${formatIp(ip)}]`);
      }),
    );
  });

  it.each([
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['::10.0.0.1', '::a00:1'],
  ])('%s is written %s', (given, canonical) => {
    expect(formatIp(parseIp(given))).toBe(canonical);
  });

  it('sorts IPv4 first, then by number', () => {
    const texts = ['::1', '10.0.0.10', '255.0.0.0', '10.0.0.9', '::'];
    expect(texts.map(parseIp).sort(compareIp).map(formatIp)).toEqual([
      '10.0.0.9',
      '10.0.0.10',
      '255.0.0.0',
      '::',
      '::1',
    ]);
    expect(compareIp(parseIp('::1'), parseIp('::1'))).toBe(0);
  });

  it('is moved by addition, and not out of its space', () => {
    expect(formatIp(addIp(parseIp('10.0.0.255'), 1n))).toBe('10.0.1.0');
    expect(formatIp(addIp(parseIp('10.0.1.0'), -1n))).toBe('10.0.0.255');
    expect(() => addIp(parseIp('255.255.255.255'), 1n)).toThrow(AddressOverflow);
    expect(() => addIp(parseIp('::'), -1n)).toThrow(AddressOverflow);
    expect(addIp(parseIp('::'), highestValue(6)).value).toBe(highestValue(6));
  });
});
