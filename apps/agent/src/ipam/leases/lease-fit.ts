import type { DesiredDocument, Revocation } from '@trunkline/contracts';
import { parseIp, parseRange, rangeContains } from '@trunkline/netaddr';
import type { LeaseKey, LeaseRecord } from './lease-record.ts';
import { keyOf, unheld } from './lease-record.ts';
import type { LeaseChange } from './lease-journal.ts';

/** Why an address is given to nobody, or not by itself, as the network is now. */
export type Misfit = 'no-subnet' | 'gateway' | 'excluded' | 'outside-ranges';

type Place = Pick<LeaseRecord, 'networkId' | 'ip' | 'subnet'>;

/**
 * Whether an address still fits its network: null where it does, and where the document does not speak of that network
 * (silence changes nothing). What lies outside the ranges may be asked for by name all the same. Pure.
 */
export function misfitOf(
  { networkId, ip, subnet: cidr }: Place,
  desired: DesiredDocument | null,
): Misfit | null {
  const network = desired?.networks.find(({ id }) => id === networkId);
  if (network === undefined || network.state === 'absent') return null;
  const subnet = network.subnets.find((one) => one.cidr === cidr);
  if (subnet === undefined) return 'no-subnet';
  if (ip === subnet.gateway) return 'gateway';
  if (isIn(subnet.exclude, ip)) return 'excluded';
  const { ranges } = subnet;
  return ranges === undefined || ranges.length === 0 || isIn(ranges, ip) ? null : 'outside-ranges';
}

function isIn(ranges: readonly string[] | undefined, text: string): boolean {
  const ip = parseIp(text);
  return (ranges ?? [])
    .map((range) => parseRange(range))
    .some((range) => range.family === ip.family && rangeContains(range, ip));
}

/** Why an address that is asked for by name is refused, in a sentence; null: it is not. Pure. */
export function refusalOf(place: Place, desired: DesiredDocument | null): string | null {
  const { ip, subnet } = place;
  switch (misfitOf(place, desired)) {
    case 'no-subnet':
      return subnetGone(place, desired);
    case 'gateway':
      return `${ip} is the gateway of ${subnet}: choose another address`;
    case 'excluded':
      return `${ip} is excluded from ${subnet}: choose another address, or take it out of the subnet's exclude`;
    case 'outside-ranges':
    case null:
      return null;
  }
}

/**
 * Why no address is given of a subnet that a Docker network of this host has and its Trunkline network has not, and what to
 * do. Null where the network has it, or the document does not name the network. The subnet left by a change, or was lost with
 * a restored backup: only who asks can know. Pure.
 */
export function subnetGone(
  { networkId, subnet }: Pick<Place, 'networkId' | 'subnet'>,
  desired: DesiredDocument | null,
): string | null {
  const network = desired?.networks.find(({ id }) => id === networkId);
  if (network === undefined || network.state === 'absent') return null;
  if (network.subnets.some(({ cidr }) => cidr === subnet)) return null;
  const path = `/v1/networks/${network.name}`;
  const has = network.subnets.map(({ cidr }) => cidr).join(', ');
  return `${subnet} is not a subnet of network ${network.name}, which has ${has}, but the Docker network on this host still has it: add it again with PATCH ${path}, or take an address of the subnets that the network has. The agent replaces the Docker network once no container is attached to it; GET ${path}/placements shows what it waits for`;
}

/**
 * What the server has taken away: records of a hold that is over are given to nobody from here on. What a container
 * still uses stays known, as something that this host does not hold. Pure.
 */
export function revokedChanges(
  held: ReadonlyMap<LeaseKey, LeaseRecord>,
  revocations: readonly Revocation[],
): LeaseChange[] {
  return revocations.flatMap((revocation): LeaseChange[] => {
    const key = keyOf(revocation);
    const record = held.get(key);
    if (record === undefined || record.generation === 0 || record.generation > revocation.generation)
      return [];
    return [record.use === 'used' ? unheld(record) : { drop: key }];
  });
}
