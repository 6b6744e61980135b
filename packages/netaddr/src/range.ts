import { lastAddress, parseCidr, type Cidr } from './cidr.ts';
import { InvalidAddress } from './errors.ts';
import { formatIp, parseIp, type Family, type Ip } from './ip.ts';

/** The addresses from `first` to `last`, both included; `first <= last`. */
export interface IpRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Reads `172.16.100.10-172.16.100.20` (no spaces), one address, or a subnet (then all of it).
 *
 * Fails with {@link InvalidAddress}, which is a `HostBitsSet` for a subnet with bits beyond its prefix.
 */
export function parseRange(text: string): IpRange {
  if (text.includes('/')) return rangeOfCidr(parseCidr(text));
  const dash = text.indexOf('-');
  if (dash === -1) return rangeOfIp(parseIp(text));
  const first = endOf(text, text.slice(0, dash));
  const last = endOf(text, text.slice(dash + 1));
  if (first.family !== last.family) throw new InvalidAddress(text, 'it mixes IPv4 and IPv6');
  if (first.value > last.value) {
    const meant = formatRange({ family: first.family, first: last.value, last: first.value });
    throw new InvalidAddress(
      text,
      `its first address comes after its last; the other way round it is ${meant}`,
    );
  }
  return { family: first.family, first: first.value, last: last.value };
}

/** The canonical text: `first-last`, or the one address. */
export function formatRange({ family, first, last }: IpRange): string {
  const text = formatIp({ family, value: first });
  return first === last ? text : `${text}-${formatIp({ family, value: last })}`;
}

/** The range of one address. */
export function rangeOfIp(ip: Ip): IpRange {
  return { family: ip.family, first: ip.value, last: ip.value };
}

/** All addresses of a subnet, network and broadcast address included. */
export function rangeOfCidr(cidr: Cidr): IpRange {
  return { family: cidr.family, first: cidr.base, last: lastAddress(cidr).value };
}

/** How many addresses the range holds. */
export function rangeSize(range: IpRange): bigint {
  return range.last - range.first + 1n;
}

/** Whether the address lies in the range. Never across families. */
export function rangeContains(range: IpRange, ip: Ip): boolean {
  return ip.family === range.family && range.first <= ip.value && ip.value <= range.last;
}

/** Whether `inner` lies wholly in the subnet. Never across families. */
export function cidrContainsRange(cidr: Cidr, inner: IpRange): boolean {
  const outer = rangeOfCidr(cidr);
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

/** The same addresses as the fewest ranges, sorted (IPv4 first); ranges that touch or overlap become one. */
export function normalizeRanges(ranges: readonly IpRange[]): IpRange[] {
  const merged: IpRange[] = [];
  for (const range of [...ranges].sort(compareRanges)) {
    const before = merged.at(-1);
    if (before === undefined || before.family !== range.family || before.last + 1n < range.first) {
      merged.push(range);
    } else if (range.last > before.last) {
      merged[merged.length - 1] = { ...before, last: range.last };
    }
  }
  return merged;
}

/** The addresses of `from` that are not in `taken`, normalized. Sorts, then one pass over both. */
export function subtractRanges(from: readonly IpRange[], taken: readonly IpRange[]): IpRange[] {
  const left: IpRange[] = [];
  const holes = normalizeRanges(taken);
  let next = 0;
  for (const { family, first, last } of normalizeRanges(from)) {
    let start = first;
    for (let hole = holes[next]; hole !== undefined && startsBy(hole, family, last); hole = holes[next]) {
      if (hole.family === family && hole.last >= start) {
        if (hole.first > start) left.push({ family, first: start, last: hole.first - 1n });
        start = hole.last + 1n;
        // A hole that reaches past this range is met again in the next one.
        if (hole.last > last) break;
      }
      next += 1;
    }
    if (start <= last) left.push({ family, first: start, last });
  }
  return left;
}

/** The addresses that are in both, normalized. */
export function intersectRanges(a: readonly IpRange[], b: readonly IpRange[]): IpRange[] {
  return subtractRanges(a, subtractRanges(a, b));
}

function compareRanges(a: IpRange, b: IpRange): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.first < b.first ? -1 : a.first > b.first ? 1 : 0;
}

function startsBy(hole: IpRange, family: Family, last: bigint): boolean {
  return hole.family < family || (hole.family === family && hole.first <= last);
}

/** One end of a range; a failure quotes the whole text. */
function endOf(text: string, end: string): Ip {
  try {
    return parseIp(end);
  } catch (error) {
    throw error instanceof InvalidAddress ? new InvalidAddress(text, error.reason) : error;
  }
}
