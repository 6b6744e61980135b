import { createHash } from 'node:crypto';
import type { DesiredContainer, DesiredNetwork } from '@trunkline/contracts';
import { formatCidr, formatIp, parseCidr, tryParseIp } from '@trunkline/netaddr';

/** Docker label: id of the network that this Docker network is. What does not carry it is not ours. */
export const networkLabel = 'io.trunkline.network';
/** Docker label: hash of what Docker cannot change about a network. */
export const specLabel = 'io.trunkline.spec';
/** Docker's name for the agent's own IPAM driver: the name of its socket. */
export const ipamDriver = 'trunkline';
/** The `--ipam-opt` that names the network to the driver: its id, or its name. */
export const ipamNetworkOption = 'network';
/** Docker label: id of the container that this Docker container is. */
export const containerLabel = 'io.trunkline.container';
/** Docker label: generation of the container that it was made from. */
export const generationLabel = 'io.trunkline.generation';

/** The generations from which a container is as the desired one; the newest first. */
export const sameGenerations = ({
  generation,
  sameAs = [],
}: Pick<DesiredContainer, 'generation' | 'sameAs'>): readonly number[] => [generation, ...sameAs];

/** Whether a container was made from one of those generations. */
export const isMadeFrom = (
  wanted: Pick<DesiredContainer, 'generation' | 'sameAs'>,
  { labels }: { readonly labels: Readonly<Record<string, string>> },
): boolean =>
  sameGenerations(wanted)
    .map(String)
    .includes(labels[generationLabel] ?? '');

/** Alias of a link that we made for a network. */
export function linkAlias(networkId: string): string {
  return `trunkline:${networkId}`;
}

/** Whether a link carries the mark of any network of ours: we made it. */
export function isMarked(alias: string | null): boolean {
  return alias?.startsWith('trunkline:') === true;
}

/**
 * Name of the VLAN sub-interface of a parent: `ens33.10`, as people and Docker write it; where that has more than the
 * 15 bytes that the kernel takes, a short name that is always the same for this parent and VLAN.
 */
export function vlanLinkName(parent: string, vlan: number): string {
  const plain = `${parent}.${vlan}`;
  if (Buffer.byteLength(plain) <= 15) return plain;
  return `tl${createHash('sha256').update(plain).digest('hex').slice(0, 8)}.${vlan}`;
}

/** What every MAC of a shim begins with: unicast and locally administered (IEEE 802). */
const shimMacPrefix = 'd6:54';

/** Name of the shim on a link: `tlh-ens33`; where that has more than 15 bytes, a short name that is always the same for this link. */
export function shimName(link: string): string {
  const plain = `tlh-${link}`;
  if (Buffer.byteLength(plain) <= 15) return plain;
  return `tlh-${createHash('sha256').update(link).digest('hex').slice(0, 8)}`;
}

/** MAC of the shim on a link: from the MAC of the NIC below it, which no other host has. */
export function shimMac(link: string, nicMac: string | null): string {
  const hash = createHash('sha256').update(`trunkline shim ${link} ${nicMac ?? ''}`);
  const octets = hash.digest('hex').slice(0, 8).match(/../g) ?? [];
  return [shimMacPrefix, ...octets].join(':');
}

/** What Docker cannot change about a network: another value means another Docker network. */
export interface FixedSpec {
  readonly link: string;
  readonly mode: DesiredNetwork['mode'];
  readonly internal: boolean;
  readonly subnets: readonly { readonly cidr: string; readonly gateway: string | null }[];
}

/** The fixed part of a network on this host, written the one way. */
export function fixedSpec(network: DesiredNetwork, link: string): FixedSpec {
  return {
    link,
    mode: network.mode,
    internal: network.internal,
    subnets: network.subnets
      .map(({ cidr, gateway }) => ({
        cidr: plainCidr(cidr),
        gateway: gateway === null ? null : plainIp(gateway),
      }))
      .toSorted((a, b) => (a.cidr < b.cidr ? -1 : 1)),
  };
}

/** Hash of the fixed part, for {@link specLabel}. */
export function specHash({ link, mode, internal, subnets }: FixedSpec): string {
  const fixed = [link, mode, internal, subnets.map(({ cidr, gateway }) => [cidr, gateway]), ipamDriver];
  const text = JSON.stringify(fixed);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** A subnet as netaddr writes it; what is none stays as it is, so that it equals nothing but itself. */
export function plainCidr(text: string): string {
  try {
    return formatCidr(parseCidr(text));
  } catch {
    return text;
  }
}

/** An address as netaddr writes it; what is none stays as it is. */
export function plainIp(text: string): string {
  const ip = tryParseIp(text);
  return ip === undefined ? text : formatIp(ip);
}
