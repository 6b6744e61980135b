import type { HostFinding } from '@trunkline/contracts';
import { cidrAround, cidrsOverlap, familyBits, formatCidr, parseCidr, tryParseIp } from '@trunkline/netaddr';
import type { Link } from '../host/links.ts';
import { routesElsewhere } from '../plan/plan-host-network.ts';
import type { Examiner } from './examiner.ts';
import type { Scene, SceneNetwork } from './scene.ts';

/** Addresses and routes of the host against the subnets of the networks. */
export const subnetExaminer: Examiner = {
  area: 'subnet',
  begin: async ({ networks, observed }) => {
    const findings = networks.flatMap((one) => [...masks(one, observed), ...routes(one, observed)]);
    const subnets = networks.flatMap(({ network }) => network.subnets.map(({ cidr }) => cidr));
    const detail = `subnets ${subnets.join(', ') || 'none'} against the addresses and ${observed.kernel.routes.length} routes of the host`;
    return () => ({ findings, detail });
  },
};

type Seen = Scene['observed'];

/** The interface of a network, and the one below it where it is a VLAN. */
function namesOf({ network, linkName }: SceneNetwork, { defaultRoute }: Seen): readonly string[] {
  const parent = network.parent ?? defaultRoute;
  return [...new Set([linkName, parent])].filter((name) => name !== null);
}

function masks(one: SceneNetwork, seen: Seen): HostFinding[] {
  const names = namesOf(one, seen);
  return seen.links
    .filter(({ name }) => names.includes(name))
    .flatMap((link) => link.addresses.flatMap((address) => maskOf(address, link, one)));
}

function maskOf(
  { address, prefixLength, scope, passing }: Link['addresses'][number],
  { name }: Link,
  { network }: SceneNetwork,
): HostFinding[] {
  const ip = tryParseIp(address);
  if (ip === undefined || scope !== 'global' || passing === true) return [];
  // One address alone says nothing of the LAN: virtual addresses (keepalived) and leases of DHCPv6 are written so.
  if (prefixLength >= familyBits(ip.family)) return [];
  const around = cidrAround(ip, prefixLength);
  return network.subnets
    .map(({ cidr }) => parseCidr(cidr))
    .filter((subnet) => subnet.prefix !== around.prefix && cidrsOverlap(subnet, around))
    .map((subnet) => ({
      code: 'subnet-mask-differs' as const,
      subject: `interface ${name}`,
      message: `this host has ${address}/${prefixLength} on ${name}, so the LAN is ${formatCidr(around)} to it, and ${formatCidr(subnet)} to containers of ${network.name}`,
      evidence: [
        `ip address show ${name}: ${address}/${prefixLength}`,
        `subnet of ${network.name}: ${formatCidr(subnet)}`,
      ],
      remedy: `find out which prefix length the LAN has, and use it in ${network.name} and on this host`,
    }));
}

function routes(one: SceneNetwork, seen: Seen): HostFinding[] {
  const { network } = one;
  return routesElsewhere(network, seen, namesOf(one, seen)).map(({ cidr, link }) => ({
    code: 'subnet-routed-elsewhere' as const,
    subject: `route ${cidr}`,
    // The kernel shows `*` for a route that leads nowhere (unreachable, blackhole, prohibit).
    message:
      link === '*'
        ? `this host refuses packets to ${cidr} by a route: it does not reach containers of ${network.name} there`
        : `this host routes ${cidr} over ${link}: its packets to containers of ${network.name} go there`,
    evidence: [
      link === '*' ? `/proc/net/route: ${cidr} is rejected` : `ip route show: ${cidr} dev ${link}`,
      `subnets of ${network.name}: ${network.subnets.map((subnet) => subnet.cidr).join(', ')}`,
    ],
    remedy: `choose another subnet for ${network.name}, or remove the route`,
  }));
}
