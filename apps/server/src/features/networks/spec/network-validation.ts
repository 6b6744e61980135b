import {
  allocatableRanges,
  cidrContains,
  cidrContainsRange,
  cidrsOverlap,
  compareIp,
  formatCidr,
  HostBitsSet,
  InvalidAddress,
  parseCidr,
  parseIp,
  parseRange,
  unusableAddresses,
  type Cidr,
  type Ip,
  type IpRange,
} from '@trunkline/netaddr';
import type { FieldError } from '../../../platform/errors.ts';
import type { NetworkSpec, SubnetSpec } from './network-fields.ts';

/** Where no station of a LAN can be given an address (IANA special-purpose registries, RFC 6890). */
const unusable: readonly { block: Cidr; what: string }[] = [
  { block: parseCidr('0.0.0.0/8'), what: 'means "this network" (RFC 791)' },
  { block: parseCidr('127.0.0.0/8'), what: 'is loopback' },
  { block: parseCidr('169.254.0.0/16'), what: 'is link-local, which hosts assign themselves (RFC 3927)' },
  { block: parseCidr('224.0.0.0/4'), what: 'is multicast' },
  { block: parseCidr('240.0.0.0/4'), what: 'is reserved' },
  {
    block: parseCidr('::/8'),
    what: 'contains the unspecified, loopback and IPv4-mapped addresses (RFC 4291)',
  },
  { block: parseCidr('fe80::/10'), what: 'is link-local, which hosts assign themselves (RFC 4291)' },
  { block: parseCidr('ff00::/8'), what: 'is multicast' },
];

/** Names of Docker's own networks, and the one that it means by no name: it makes no other of that name. */
const dockersOwn = new Set(['bridge', 'host', 'none', 'default']);

/** What is wrong with the name of a network that is to be made, beyond what its schema says. */
export function nameFaults(name: string): FieldError[] {
  return dockersOwn.has(name)
    ? [{ pointer: '/name', message: `cannot be ${name}: Docker has a network with that name on every host` }]
    : [];
}

const prefixLimits = { 4: { shortest: 8, longest: 32 }, 6: { shortest: 48, longest: 126 } } as const;

type AddFault = (pointer: string, message: string) => void;

/**
 * All that is wrong with a network, field by field; empty when it is valid. What a schema can say (types, names, VLAN
 * ids) has been checked before; this is what takes arithmetic.
 */
export function networkFaults(
  spec: Pick<NetworkSpec, 'hosts' | 'subnets' | 'mtu' | 'mode' | 'hostAccess' | 'verify'>,
): FieldError[] {
  const faults: FieldError[] = [];
  const addFault: AddFault = (pointer, message) => void faults.push({ pointer, message });
  checkSelector(spec.hosts, addFault);
  const read = spec.subnets.map((subnet, i) => checkSubnet(subnet, `/subnets/${i}`, addFault));
  for (const [i, cidr] of read.entries()) {
    const other = read
      .slice(0, i)
      .find((before) => before !== undefined && cidr !== undefined && cidrsOverlap(before, cidr));
    if (other !== undefined)
      addFault(
        `/subnets/${i}/cidr`,
        `overlaps ${formatCidr(other)} of the same network: each address has one subnet`,
      );
  }
  checkMtu(spec.mtu, read, addFault);
  checkHostAccess(spec, addFault);
  if (spec.verify && spec.mode === 'passthru')
    addFault(
      '/verify',
      'cannot be true with mode passthru, which gives the interface to one container: no probe can stand on it',
    );
  return faults;
}

/** Linux takes IPv6 off an interface whose MTU is below what every IPv6 link must carry (RFC 8200 section 5). */
const minIpv6Mtu = 1280;

function checkMtu(mtu: number | null, cidrs: readonly (Cidr | undefined)[], addFault: AddFault): void {
  if (mtu === null || mtu >= minIpv6Mtu) return;
  const ipv6 = cidrs.find((cidr) => cidr?.family === 6);
  if (ipv6 !== undefined)
    addFault(
      '/mtu',
      `is ${mtu}, but ${formatCidr(ipv6)} is IPv6, which requires ${minIpv6Mtu} or more: raise the MTU, or leave the IPv6 subnet out`,
    );
}

/** What keeps a link of the host itself from the containers in a mode other than `bridge` (drivers/net/macvlan.c). */
const keepsHostOut: Record<Exclude<NetworkSpec['mode'], 'bridge'>, string> = {
  private: 'lets no two macvlan links of one host reach each other',
  vepa: 'sends everything to the switch, which would have to see the host under a second MAC',
  passthru: 'gives the interface to one container, and no other link may stand on it',
};

function checkHostAccess(
  { mode, hostAccess }: Pick<NetworkSpec, 'mode' | 'hostAccess'>,
  addFault: AddFault,
): void {
  if (!hostAccess || mode === 'bridge') return;
  addFault(
    '/hostAccess',
    `cannot be true with mode ${mode}, which ${keepsHostOut[mode]}: use mode bridge, or leave host access off`,
  );
}

function checkSelector(selector: NetworkSpec['hosts'], addFault: AddFault): void {
  const given = (['all', 'names', 'labels'] as const).filter((key) => selector[key] !== undefined);
  if (given.length !== 1) {
    addFault(
      '/hosts',
      `must have exactly one of all, names and labels, not ${given.join(' and ') || 'none of them'}`,
    );
  } else if (selector.all === false) {
    addFault('/hosts/all', 'can only be true; for no host at all send names: []');
  } else if (selector.labels !== undefined && Object.keys(selector.labels).length === 0) {
    addFault('/hosts/labels', 'must have at least one label; for every host send all: true');
  }
}

function checkSubnet(subnet: SubnetSpec, at: string, addFault: AddFault): Cidr | undefined {
  const cidr = reading(`${at}/cidr`, addFault, () => parseCidr(subnet.cidr));
  if (cidr === undefined) return undefined;
  const before = unusable.find(({ block }) => cidrsOverlap(block, cidr));
  if (before !== undefined) {
    addFault(
      `${at}/cidr`,
      `cannot be used: ${formatCidr(before.block)} ${before.what}; use a subnet of your LAN`,
    );
    return cidr;
  }
  const { shortest, longest } = prefixLimits[cidr.family];
  if (cidr.prefix < shortest || cidr.prefix > longest) {
    addFault(
      `${at}/cidr`,
      `has the prefix /${cidr.prefix}; an IPv${cidr.family} subnet may have /${shortest} to /${longest}`,
    );
    return cidr;
  }
  const gateway =
    subnet.gateway === null ? null : checkGateway(subnet.gateway, cidr, `${at}/gateway`, addFault);
  const ranges = checkRanges(subnet.ranges, cidr, `${at}/ranges`, addFault);
  const exclude = checkRanges(subnet.exclude, cidr, `${at}/exclude`, addFault);
  if (gateway === undefined || ranges === undefined || exclude === undefined) return cidr;
  if (allocatableRanges({ cidr, gateway, ranges, exclude }).length === 0) {
    const where =
      subnet.ranges.length > 0 ? `${at}/ranges` : subnet.exclude.length > 0 ? `${at}/exclude` : `${at}/cidr`;
    addFault(
      where,
      `leaves no address of ${formatCidr(cidr)} that may be given out: widen the subnet, its ranges or its exclusions`,
    );
  }
  return cidr;
}

function checkGateway(text: string, cidr: Cidr, at: string, addFault: AddFault): Ip | undefined {
  const gateway = reading(at, addFault, () => parseIp(text));
  if (gateway === undefined) return undefined;
  if (gateway.family !== cidr.family) {
    addFault(at, `is an IPv${gateway.family} address, but ${formatCidr(cidr)} is IPv${cidr.family}`);
    return undefined;
  }
  if (!cidrContains(cidr, gateway)) {
    addFault(at, `is not inside ${formatCidr(cidr)}`);
    return undefined;
  }
  if (unusableAddresses(cidr).some((ip) => compareIp(ip, gateway) === 0)) {
    const what =
      gateway.value !== cidr.base ? 'broadcast' : cidr.family === 6 ? 'subnet-router anycast' : 'network';
    addFault(at, `is the ${what} address of ${formatCidr(cidr)}: no router can have it`);
    return undefined;
  }
  return gateway;
}

function checkRanges(
  texts: readonly string[],
  cidr: Cidr,
  at: string,
  addFault: AddFault,
): IpRange[] | undefined {
  const ranges: IpRange[] = [];
  for (const [i, text] of texts.entries()) {
    const range = reading(`${at}/${i}`, addFault, () => parseRange(text));
    if (range === undefined) continue;
    if (range.family !== cidr.family)
      addFault(`${at}/${i}`, `is IPv${range.family}, but ${formatCidr(cidr)} is IPv${cidr.family}`);
    else if (!cidrContainsRange(cidr, range))
      addFault(`${at}/${i}`, `is not completely inside ${formatCidr(cidr)}`);
    else ranges.push(range);
  }
  return ranges.length === texts.length ? ranges : undefined;
}

/** What `parse` reads; undefined, with a fault, when the text cannot be read. */
function reading<T>(at: string, addFault: AddFault, parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof HostBitsSet) {
      addFault(at, `has host bits set: the network is ${formatCidr(error.network)}`);
      return undefined;
    }
    if (!(error instanceof InvalidAddress)) throw error;
    addFault(at, error.message);
    return undefined;
  }
}
