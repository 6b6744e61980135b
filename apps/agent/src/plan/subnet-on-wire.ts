import type { DesiredNetwork } from '@trunkline/contracts';
import { cidrsOverlap, parseCidr } from '@trunkline/netaddr';
import { networkLabel } from '../observation/marks.ts';
import type { Observed } from '../observation/observed.ts';
import { usersOf } from './link-users.ts';

/**
 * Why a network cannot be made on a link: another network of ours has one of its subnets on that wire, from another space. Each space
 * gives every address once, so both together would give it twice. Null where nothing is in the way.
 *
 * What Docker has stays; of two that Docker does not have, the one that was made first comes first (ids are time-ordered). Pure.
 */
export function subnetOnWire(
  network: DesiredNetwork,
  link: string,
  { docker, defaultRoute }: Observed,
  others: readonly DesiredNetwork[],
): string | null {
  if (!docker.reachable) return null;
  const there = new Set(docker.networks.map(({ labels }) => labels[networkLabel]));
  for (const other of usersOf(link, others, defaultRoute)) {
    if (other.id === network.id || !(there.has(other.id) || other.id < network.id)) continue;
    for (const { cidr } of network.subnets) {
      const theirs = other.subnets.find((one) => cidrsOverlap(parseCidr(one.cidr), parseCidr(cidr)));
      if (theirs !== undefined)
        return `network ${other.name} has ${theirs.cidr} on ${link} already, and ${cidr} of ${network.name} would be on the same wire with the same addresses: spaces are for wires that never meet; use another subnet, VLAN or parent, or the same space`;
    }
  }
  return null;
}
