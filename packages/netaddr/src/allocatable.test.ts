import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allocatableRanges,
  cidrAround,
  cidrContains,
  formatRange,
  parseCidr,
  parseIp,
  parseRange,
  rangeContains,
  unusableAddresses,
} from './index.ts';
import type { AllocatableInput, IpRange } from './index.ts';

function texts(input: AllocatableInput): string[] {
  return allocatableRanges(input).map(formatRange);
}

describe('the addresses that may be given out', () => {
  it.each([
    ['172.16.100.0/24', ['172.16.100.1-172.16.100.254']],
    ['10.0.0.0/30', ['10.0.0.1-10.0.0.2']],
    ['10.0.0.0/31', ['10.0.0.0-10.0.0.1']],
    ['10.0.0.7/32', ['10.0.0.7']],
    ['2001:db8::/64', ['2001:db8::1-2001:db8::ffff:ffff:ffff:ffff']],
    ['2001:db8::/126', ['2001:db8::1-2001:db8::3']],
    ['2001:db8::/127', ['2001:db8::-2001:db8::1']],
    ['2001:db8::1/128', ['2001:db8::1']],
    ['::/64', ['::1-::fffe:ffff:ffff', '::1:0:0:0-::ffff:ffff:ffff:ffff']],
  ])('of %s are %j', (cidr, wanted) => {
    expect(texts({ cidr: parseCidr(cidr) })).toEqual(wanted);
  });

  it('leave out the gateway and the exclusions', () => {
    expect(
      texts({
        cidr: parseCidr('172.16.100.0/24'),
        gateway: parseIp('172.16.100.1'),
        exclude: [parseRange('172.16.100.128/25'), parseRange('172.16.100.5')],
      }),
    ).toEqual(['172.16.100.2-172.16.100.4', '172.16.100.6-172.16.100.127']);
  });

  it('are the given ranges only, as far as they lie in the subnet', () => {
    const cidr = parseCidr('172.16.100.0/24');
    const ranges = [parseRange('172.16.100.250-172.16.101.9'), parseRange('172.16.100.0-172.16.100.2')];
    expect(texts({ cidr, ranges, gateway: null })).toEqual([
      '172.16.100.1-172.16.100.2',
      '172.16.100.250-172.16.100.254',
    ]);
    expect(texts({ cidr, ranges: [] })).toEqual(['172.16.100.1-172.16.100.254']);
  });

  it('can be none', () => {
    expect(texts({ cidr: parseCidr('10.0.0.7/32'), gateway: parseIp('10.0.0.7') })).toEqual([]);
  });

  it('are exactly those that no rule takes away', () => {
    const value = fc.bigInt(0n, 40n);
    const range = fc
      .tuple(value, value)
      .map(([a, b]): IpRange => ({ family: 4, first: a < b ? a : b, last: a < b ? b : a }));
    const cidr = fc
      .tuple(value, fc.integer({ min: 27, max: 32 }))
      .map(([inside, prefix]) => cidrAround({ family: 4, value: inside }, prefix));
    const input = fc.record({
      cidr,
      gateway: fc.option(value.map((of) => ({ family: 4 as const, value: of }))),
      ranges: fc.array(range, { maxLength: 3 }),
      exclude: fc.array(range, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(input, (given) => {
        const found = allocatableRanges(given);
        for (let number = 0n; number < 64n; number += 1n) {
          const ip = { family: 4 as const, value: number };
          const allowed =
            cidrContains(given.cidr, ip) &&
            (given.ranges.length === 0 || given.ranges.some((of) => rangeContains(of, ip))) &&
            !given.exclude.some((of) => rangeContains(of, ip)) &&
            !unusableAddresses(given.cidr).some((of) => of.value === number) &&
            given.gateway?.value !== number;
          expect(found.some((of) => rangeContains(of, ip))).toBe(allowed);
        }
      }),
    );
  });
});
