import { Address4, Address6 } from 'ip-address';
import { AddressOverflow, InvalidAddress } from './errors.ts';

/** The version of the Internet Protocol. */
export type Family = 4 | 6;

/** One address, as a number of 32 (IPv4) or 128 (IPv6) bits. Plain data: compare with {@link compareIp}. */
export interface Ip {
  readonly family: Family;
  readonly value: bigint;
}

/** How many bits an address of the family has. */
export function familyBits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The highest address of the family as a number. */
export function highestValue(family: Family): bigint {
  return (1n << BigInt(familyBits(family))) - 1n;
}

/**
 * Reads one address. IPv4 in four decimal parts without leading zeros; IPv6 as RFC 4291 section 2.2 writes it, without
 * a zone. IPv4-mapped IPv6 (::ffff:0:0/96) is refused: the same address would have two names.
 *
 * Fails with {@link InvalidAddress}.
 */
export function parseIp(text: string): Ip {
  // ip-address also takes a prefix ("/08") and a zone ("%eth0", even an empty one): what is not an address ends here.
  const odd = /[^0-9A-Fa-f:.]/.exec(text);
  if (text === '') throw new InvalidAddress(text, 'it is empty');
  if (text.length > 45) throw new InvalidAddress(text, 'it is longer than any IP address');
  if (odd !== null) throw new InvalidAddress(text, oddCharacter(odd[0]));
  if (!text.includes(':')) return { family: 4, value: parsed(text, () => new Address4(text).bigInt()) };
  const value = parsed(text, () => new Address6(text).bigInt());
  if (value >> 32n === 0xffffn) {
    const mapped = formatIp({ family: 4, value: value & 0xffff_ffffn });
    throw new InvalidAddress(
      text,
      `IPv4-mapped IPv6 addresses are not taken; write the IPv4 address ${mapped}`,
    );
  }
  return { family: 6, value };
}

/** As {@link parseIp}, with `undefined` instead of a failure. */
export function tryParseIp(text: string): Ip | undefined {
  try {
    return parseIp(text);
  } catch (error) {
    if (error instanceof InvalidAddress) return undefined;
    throw error;
  }
}

/** The canonical text: dotted decimal, or RFC 5952 section 4 (lower case, longest run of two or more zero groups cut). */
export function formatIp(ip: Ip): string {
  if (ip.family === 4) return [24n, 16n, 8n, 0n].map((shift) => (ip.value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number((ip.value >> BigInt(112 - index * 16)) & 0xffffn),
  );
  const run = maxZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (run.length < 2) return hex.join(':');
  return `${hex.slice(0, run.start).join(':')}::${hex.slice(run.start + run.length).join(':')}`;
}

/** Order for sorting: IPv4 before IPv6, then by number. Negative, zero or positive. */
export function compareIp(a: Ip, b: Ip): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** The address `offset` steps on (or back). Fails with {@link AddressOverflow} outside the family's space. */
export function addIp(ip: Ip, offset: bigint): Ip {
  const value = ip.value + offset;
  if (value < 0n || value > highestValue(ip.family)) {
    throw new AddressOverflow(`${formatIp(ip)} plus ${offset} is outside the IPv${ip.family} address space`);
  }
  return { family: ip.family, value };
}

function parsed(text: string, parse: () => bigint): bigint {
  try {
    return parse();
  } catch (error) {
    throw new InvalidAddress(text, reasonOf(error));
  }
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  return /leading zero/.test(message)
    ? 'the parts of an IPv4 address have no leading zeros'
    : 'it is no IP address';
}

function oddCharacter(character: string): string {
  if (character === '/') return 'an address without a prefix is wanted here';
  if (character === '%') return 'an address without a zone is wanted here';
  return `an IP address has no ${JSON.stringify(character)}`;
}

function maxZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
