import { InvalidAddress } from './errors.ts';
import type { Ip } from './ip.ts';

/**
 * Reads a MAC address of six hex pairs, all joined by colons or all by dashes; answers it in lower case with colons,
 * as the kernel and Docker print it.
 *
 * Fails with {@link InvalidAddress}.
 */
export function parseMac(text: string): string {
  if (!/^[0-9a-f]{2}(?<joint>[:-])(?:[0-9a-f]{2}\k<joint>){4}[0-9a-f]{2}$/i.test(text)) {
    throw new InvalidAddress(text, macHint(text));
  }
  return text.toLowerCase().replaceAll('-', ':');
}

/** What is meant where the text has the twelve digits in another form (`0242.ac10.640a`), otherwise what a MAC address is. */
function macHint(text: string): string {
  const digits = text.replaceAll(/[\s.:-]/g, '').toLowerCase();
  return /^[0-9a-f]{12}$/.test(digits)
    ? `write it as ${digits.match(/../g)?.join(':') ?? ''}`
    : 'a MAC address has six hexadecimal pairs with ":" or "-" between them';
}

/**
 * Whether an interface may have this MAC: neither multicast (the lowest bit of the first octet, IEEE 802) nor all
 * zero; the kernel's `is_valid_ether_addr`. Fails as {@link parseMac}.
 */
export function isUnicastMac(text: string): boolean {
  const mac = parseMac(text);
  return (firstOctet(mac) & 1) === 0 && mac !== '00:00:00:00:00:00';
}

/** Whether the MAC is locally administered (second lowest bit of the first octet). Fails as {@link parseMac}. */
export function isLocalMac(text: string): boolean {
  return (firstOctet(parseMac(text)) & 2) !== 0;
}

/**
 * The MAC address that belongs to an IP address: `02:42:` and the four octets of an IPv4 address, as Docker before 28
 * makes it; `02:43:` and the last four octets of an IPv6 address.
 */
export function macFor(ip: Ip): string {
  const last = (ip.value & 0xffff_ffffn).toString(16).padStart(8, '0');
  return [`02:4${ip.family === 4 ? 2 : 3}`, ...(last.match(/../g) ?? [])].join(':');
}

function firstOctet(mac: string): number {
  return Number.parseInt(mac.slice(0, 2), 16);
}
