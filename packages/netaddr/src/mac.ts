import { InvalidAddress } from './errors.ts';

/**
 * Reads a MAC address of six hex pairs, all joined by colons or all by dashes; answers it in lower case with colons,
 * as the kernel and Docker print it.
 *
 * Fails with {@link InvalidAddress}.
 */
export function parseMac(text: string): string {
  if (!/^[0-9a-f]{2}(?<joint>[:-])(?:[0-9a-f]{2}\k<joint>){4}[0-9a-f]{2}$/i.test(text)) {
    throw new InvalidAddress(text, 'a MAC address is written as 02:42:ac:10:64:0a');
  }
  return text.toLowerCase().replaceAll('-', ':');
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

function firstOctet(mac: string): number {
  return Number.parseInt(mac.slice(0, 2), 16);
}
