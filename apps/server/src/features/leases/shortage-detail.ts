import type { LeaseShortage } from '@trunkline/contracts';
import type { HoldersRow } from './leases.store.ts';

const maxHosts = 5;

const others: Record<string, string> = {
  reserved: 'reserved for owners',
  quarantined: 'quarantined',
  conflicted: 'in conflict',
};

function fullSubnet(cidr: string, rows: readonly HoldersRow[]): string {
  const [first] = rows;
  const total = first?.allocatable ?? '0';
  const held = (BigInt(total) - BigInt(first?.free ?? '0')).toString();
  const hosts = rows.filter(({ host }) => host !== null);
  const named = hosts.slice(0, maxHosts).map(({ host, count }) => `${count} by ${host ?? ''}`);
  const more = hosts.slice(maxHosts).reduce((sum, { count }) => sum + count, 0);
  if (more > 0) named.push(`${more} by ${hosts.length - maxHosts} other hosts`);
  for (const { host, state, count } of rows)
    if (host === null && state !== null) named.push(`${count} ${others[state] ?? state}`);
  const who = named.length === 0 ? '' : `, ${named.join(', ')}`;
  return `${cidr} ${held === total ? 'is full' : 'is short'}: ${held} of ${total} addresses are held${who}`;
}

/** Who holds what there is, in a sentence that names the subnets and the hosts, largest first. Pure. */
function fullDetail(rows: readonly HoldersRow[]): string {
  const cidrs = [...new Set(rows.map(({ cidr }) => cidr))];
  return cidrs
    .map((cidr) =>
      fullSubnet(
        cidr,
        rows.filter((row) => row.cidr === cidr),
      ),
    )
    .join('; ')
    .slice(0, 4096);
}

/** Why a host is given no more. Pure. */
export function unusedDetail(host: string, network: string): string {
  return `${host} has reached its limit of unused addresses of ${network} (TRUNKLINE_UNUSED_LEASES in addition to its warm pool): its agent has to report the containers that use them, or return them`;
}

/** Why nothing is given of a network that is not known, while a Docker network of a host asks for it. Pure. */
export function noNetworkDetail(network: string, host: string): string {
  return `there is no network ${network}: it was deleted, or lost with a restored backup, and a Docker network on ${host} is still of it: remove that Docker network when it has no containers; the agent creates those that ${host} should have`;
}

/** Why a want was not met. Pure: the same facts, the same words. */
export function shortageDetail(
  reason: LeaseShortage,
  facts: {
    network: string;
    host: string;
    family: 4 | 6;
    subnet: string | null;
    holders: readonly HoldersRow[];
  },
): string {
  const { network, host, family, subnet, holders } = facts;
  switch (reason) {
    case 'no_network':
      return noNetworkDetail(network, host);
    case 'deleting':
      return `network ${network} is being removed: it gives out no addresses`;
    case 'not_placed':
      return `network ${network} is not on ${host}: select the host in its hosts`;
    case 'no_family':
      return `network ${network} has no IPv${family} subnet`;
    case 'no_subnet':
      return `network ${network} has no IPv${family} subnet ${subnet ?? ''}`;
    case 'recalled':
      return `network ${network} has an address shortage: a container waits for one, so warm pools get none; ${fullDetail(holders)}`;
    case 'unused':
      return unusedDetail(host, network);
    case 'full':
    case 'exhausted':
      return fullDetail(holders);
  }
}
