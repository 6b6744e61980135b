import { cidrAround, cidrContains, formatIp, tryParseIp, type Family, type Ip } from '@trunkline/netaddr';
import type { Link } from '../host/links.ts';
import { leadsOut } from './own-links.ts';

/** An address that other machines know this host by. */
export interface HostAddress {
  readonly ip: Ip;
  /** In canonical form. */
  readonly text: string;
  readonly prefixLength: number;
  readonly link: string;
}

/** Bound of the addresses of one IP version that containers are given a way to. */
const maxAddresses = 16;

/**
 * The addresses of this host, those first that lie nearest to `near`: the link of a network, the NIC below it, the link of the default
 * route. Left out is what only this host knows (loopback, bridges of Docker, tunnels) and what does not last. Those in `near` lead to
 * the LAN whatever they are: the NIC of a virtual machine may be a bridge with a veth. Pure.
 */
export function hostAddresses(
  links: readonly Link[],
  near: readonly (string | null)[],
  family: Family,
): readonly HostAddress[] {
  const distance = ({ link }: HostAddress): number => {
    const at = near.indexOf(link);
    return at === -1 ? near.length : at;
  };
  return links
    .filter((link) => link.name !== 'lo' && link.up && (near.includes(link.name) || leadsOut(link, links)))
    .flatMap((link) =>
      link.addresses.flatMap(({ address, prefixLength, scope, passing }): HostAddress[] => {
        const ip = tryParseIp(address);
        if (ip?.family !== family || scope !== 'global' || passing === true) return [];
        return [{ ip, text: formatIp(ip), prefixLength, link: link.name }];
      }),
    )
    .toSorted((a, b) => distance(a) - distance(b))
    .slice(0, maxAddresses);
}

/** The address that the host has in the subnet of `ip`, else its nearest; null without any. */
export function addressFacing(addresses: readonly HostAddress[], ip: Ip): HostAddress | null {
  const inSubnet = addresses.find((one) => cidrContains(cidrAround(one.ip, one.prefixLength), ip));
  return inSubnet ?? addresses[0] ?? null;
}
