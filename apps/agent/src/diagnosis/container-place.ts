import type { HostFinding } from '@trunkline/contracts';
import { cidrContains, parseCidr, type Ip } from '@trunkline/netaddr';
import type { DockerContainer, DockerEndpoint, DockerNetwork } from '../host/docker-engine.ts';
import type { Link } from '../host/links.ts';
import { networkLabel, plainIp } from '../observation/marks.ts';
import { isCoordinated } from '../observation/network-fit.ts';
import { networkOf, subjectOf, type Inside, type Place } from './container-inside.ts';
import { settingFindings } from './container-settings.ts';
import { standsForScene, type SceneNetwork } from './scene.ts';

/**
 * The places of a container on the networks of the diagnosis; on any of ours where it names none. One that runs is only where it
 * has an endpoint. Pure.
 */
export function placesOf(
  { endpoints, status }: Pick<DockerContainer, 'endpoints' | 'status'>,
  networks: readonly SceneNetwork[],
  docker: readonly DockerNetwork[],
): readonly Place[] {
  return endpoints.flatMap((endpoint): Place[] => {
    if (status === 'running' && !hasInterface(endpoint)) return [];
    const found =
      docker.find(({ id, name }) =>
        // One that never ran knows its networks by name only.
        endpoint.networkId === '' ? name === endpoint.networkName : id === endpoint.networkId,
      ) ?? null;
    if (networks.length === 0) {
      const isOurs = found !== null && (isCoordinated(found) || found.labels[networkLabel] !== undefined);
      return isOurs ? [{ endpoint, docker: found, network: null, mtu: null }] : [];
    }
    const one = networks.find((candidate) =>
      found === null ? endpoint.networkName === candidate.network.name : standsForScene(found, candidate),
    );
    return one === undefined
      ? []
      : [{ endpoint, docker: found, network: one.network, mtu: one.link?.mtu ?? null }];
  });
}

/** The interface inside that a place has: by its MAC, else by one of its addresses. Pure. */
export function linkAt({ endpoint }: Place, links: readonly Link[]): Link | undefined {
  return (
    links.find(({ mac }) => endpoint.mac !== null && mac === endpoint.mac) ??
    links.find((link) =>
      [endpoint.ipv4, endpoint.ipv6].some((ip) => ip !== null && addressOn(link, ip) !== undefined),
    )
  );
}

/** Whether the subnets of a place have an address. Pure. */
export function isInSubnetOf({ docker, network }: Place, ip: Ip): boolean {
  const subnets = docker?.subnets ?? network?.subnets ?? [];
  return subnets.some(({ cidr }) => {
    try {
      return cidrContains(parseCidr(cidr), ip);
    } catch {
      return false;
    }
  });
}

/**
 * What is wrong with the interface of a place: gone, down, with other addresses than Docker's, or set otherwise than Docker sets it.
 * `isLost`: something that was to arrive did not; without, another MAC harms nobody. Pure.
 */
export function interfaceFindings(
  place: Place,
  { name, links }: Inside,
  isLost: boolean,
): readonly HostFinding[] {
  const link = linkAt(place, links);
  if (link === undefined) return [gone(place, name, links)];
  const addresses = addressFindings(place, link, name, links);
  const { mac } = place.endpoint;
  return [
    ...(link.up ? [] : [down(place, link, name)]),
    ...addresses,
    ...settingFindings(place, link, name),
    ...(isLost && addresses.length === 0 && mac !== null && link.mac !== mac
      ? [otherMac(place, link, name)]
      : []),
  ];
}

/** Whether Docker has given an endpoint something that an interface should have. After a refused connection it shows one without. */
export function hasInterface({ mac, ipv4, ipv6 }: DockerEndpoint): boolean {
  return mac !== null || ipv4 !== null || ipv6 !== null;
}

function gone(place: Place, name: string, links: readonly Link[]): HostFinding {
  return {
    code: 'interface-gone',
    subject: `container ${name}, network ${networkOf(place)}`,
    message: `container ${name} has no interface for ${networkOf(place)}, where Docker shows it`,
    evidence: [
      `docker inspect ${name}: ${dockers(place)}`,
      `ip address show inside ${name}: ${links.map((link) => `${link.name} (${shownOn(link)})`).join('; ') || 'nothing'}`,
    ],
    remedy: `docker restart ${name}; then look for what removed its interface, or the one below it`,
  };
}

function down(place: Place, link: Link, name: string): HostFinding {
  return {
    code: 'interface-down',
    subject: subjectOf(name, link),
    message: `interface ${link.name} of container ${name}, for ${networkOf(place)}, is down`,
    evidence: [`ip link show ${link.name} inside ${name}: not UP, state ${link.operState}`],
    remedy: `docker restart ${name}; its routes went with the interface, so to set it up alone is not enough`,
  };
}

/** On whatever interface inside: a container may put its address on a bridge of its own. */
function addressFindings(place: Place, link: Link, name: string, links: readonly Link[]): HostFinding[] {
  const { ipv4, ipv4PrefixLength, ipv6, ipv6PrefixLength } = place.endpoint;
  const wanted = [
    { ip: ipv4, prefix: ipv4PrefixLength },
    // The kernel takes IPv6 addresses off an interface that is set down.
    { ip: link.up ? ipv6 : null, prefix: ipv6PrefixLength },
  ];
  const wrong = wanted.some(({ ip, prefix }) => {
    if (ip === null) return false;
    const has = links.flatMap((one) => addressOn(one, ip) ?? []);
    return prefix === null ? has.length === 0 : !has.some(({ prefixLength }) => prefixLength === prefix);
  });
  if (!wrong) return [];
  return [
    {
      code: 'address-differs',
      subject: subjectOf(name, link),
      message: `interface ${link.name} of container ${name} has ${addressesOn(link)}, and Docker has ${dockersAddresses(place)} for it`,
      evidence: [
        `docker inspect ${name}: ${dockers(place)}`,
        `ip address show ${link.name} inside ${name}: ${shownOn(link)}`,
      ],
      remedy: `docker restart ${name}; then look for what changes addresses inside it`,
    },
  ];
}

function otherMac(place: Place, link: Link, name: string): HostFinding {
  return {
    code: 'address-differs',
    subject: subjectOf(name, link),
    message: `interface ${link.name} of container ${name} has the MAC ${link.mac ?? 'of nobody'}, and Docker has ${place.endpoint.mac ?? 'none'} for it`,
    evidence: [
      `docker inspect ${name}: ${dockers(place)}`,
      `ip address show ${link.name} inside ${name}: ${shownOn(link)}`,
    ],
    remedy: `docker restart ${name}; then look for what changes the MAC inside it`,
  };
}

function addressOn(link: Link, ip: string): Link['addresses'][number] | undefined {
  return link.addresses.find(({ address }) => plainIp(address) === plainIp(ip));
}

function addressesOn({ addresses }: Link): string {
  const found = addresses.filter(({ scope }) => scope === 'global');
  return found.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(', ') || 'no address';
}

function shownOn(link: Link): string {
  return `${link.mac ?? 'no MAC'}, ${addressesOn(link)}`;
}

function dockersAddresses({ endpoint }: Place): string {
  const { ipv4, ipv4PrefixLength, ipv6, ipv6PrefixLength } = endpoint;
  const found = [
    ...(ipv4 === null ? [] : [`${ipv4}/${ipv4PrefixLength ?? '?'}`]),
    ...(ipv6 === null ? [] : [`${ipv6}/${ipv6PrefixLength ?? '?'}`]),
  ];
  return found.join(', ') || 'no address';
}

function dockers(place: Place): string {
  return `${networkOf(place)}, MAC ${place.endpoint.mac ?? 'none'}, ${dockersAddresses(place)}`;
}
