import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cidrContainsRange,
  formatRange,
  HostBitsSet,
  intersectRanges,
  InvalidAddress,
  normalizeRanges,
  parseCidr,
  parseIp,
  parseRange,
  rangeContains,
  rangeSize,
  subtractRanges,
} from './index.ts';
import type { IpRange } from './index.ts';

/** Ranges over 24 addresses of each family: few enough that a plain set is the judge. */
const range = fc
  .tuple(fc.constantFrom<4 | 6>(4, 6), fc.bigInt(0n, 23n), fc.bigInt(0n, 23n))
  .map(([family, a, b]): IpRange => ({ family, first: a < b ? a : b, last: a < b ? b : a }));
const ranges = fc.array(range, { maxLength: 8 });

function members(of: readonly IpRange[]): Set<string> {
  const found = new Set<string>();
  for (const { family, first, last } of of) {
    for (let value = first; value <= last; value += 1n) found.add(`${family}/${value}`);
  }
  return found;
}

function only(of: Set<string>, keep: (member: string) => boolean): Set<string> {
  return new Set([...of].filter(keep));
}

function isNormalized(of: readonly IpRange[]): boolean {
  return of.every(({ family, first, last }, index) => {
    const before = of[index - 1];
    if (first > last) return false;
    if (before === undefined || before.family < family) return true;
    return before.family === family && before.last + 1n < first;
  });
}

describe('a range', () => {
  it.each([
    ['172.16.100.10-172.16.100.20', '172.16.100.10-172.16.100.20', 11n],
    ['172.16.100.10', '172.16.100.10', 1n],
    ['172.16.100.10-172.16.100.10', '172.16.100.10', 1n],
    ['172.16.100.0/30', '172.16.100.0-172.16.100.3', 4n],
    ['2001:DB8::1-2001:db8:0::ff', '2001:db8::1-2001:db8::ff', 255n],
  ])('%s is %s, %s addresses', (text, canonical, size) => {
    expect(formatRange(parseRange(text))).toBe(canonical);
    expect(rangeSize(parseRange(text))).toBe(size);
  });

  it.each([
    ['10.0.0.2-10.0.0.1', 'the other way round it is 10.0.0.1-10.0.0.2'],
    ['10.0.0.1-::1', 'mixes'],
    ['10.0.0.1 - 10.0.0.2', '" "'],
    ['10.0.0.1-20', 'no IP address'],
    ['10.0.0.1-', 'empty'],
    ['10.0.0.1-10.0.0.2-10.0.0.3', '"-"'],
    ['', 'empty'],
  ])('%j is refused', (text, reason) => {
    expect(() => parseRange(text)).toThrow(InvalidAddress);
    expect(() => parseRange(text)).toThrow(reason);
  });

  it('given as a subnet has no host bits', () => {
    expect(() => parseRange('10.0.0.1/24')).toThrow(HostBitsSet);
  });

  it('knows what it contains, and what contains it', () => {
    const inner = parseRange('10.0.0.10-10.0.0.20');
    expect(rangeContains(inner, parseIp('10.0.0.20'))).toBe(true);
    expect(rangeContains(inner, parseIp('10.0.0.21'))).toBe(false);
    expect(rangeContains(inner, parseIp('::a00:a'))).toBe(false);
    expect(cidrContainsRange(parseCidr('10.0.0.0/27'), inner)).toBe(true);
    expect(cidrContainsRange(parseCidr('10.0.0.0/28'), inner)).toBe(false);
  });
});

describe('sets of ranges', () => {
  it('normalized: the same addresses, sorted, never touching', () => {
    fc.assert(
      fc.property(ranges, (given) => {
        expect(isNormalized(normalizeRanges(given))).toBe(true);
        expect(members(normalizeRanges(given))).toEqual(members(given));
      }),
    );
  });

  it('subtracted: what is in the first and not in the second, normalized', () => {
    fc.assert(
      fc.property(ranges, ranges, (from, taken) => {
        expect(isNormalized(subtractRanges(from, taken))).toBe(true);
        expect(members(subtractRanges(from, taken))).toEqual(
          only(members(from), (of) => !members(taken).has(of)),
        );
      }),
    );
  });

  it('intersected: what is in both, normalized', () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        expect(isNormalized(intersectRanges(a, b))).toBe(true);
        expect(members(intersectRanges(a, b))).toEqual(only(members(a), (of) => members(b).has(of)));
      }),
    );
  });
});
