import type { HostFacts } from '@trunkline/contracts';
import { parseCidr, tryParseIp, cidrContains } from '@trunkline/netaddr';
import type { Attached } from './containers-named.store.ts';

/** What is tried from: a container with where it is attached, or a host itself. */
export interface LimitedSource {
  host: string;
  container: string | null;
  attached: readonly Attached[];
}

/** Who has an address: a container on a network, or a host itself. */
export interface AddressHolder {
  host: string;
  /** Null: the host itself. */
  attached: Attached | null;
}

const access = (network: string): string => `"hostAccess": true on ${network} lets them`;

/**
 * Why an address may stay silent without anything being at fault; null: it may not. Macvlan passes no frame between a parent and the
 * stations on it, nor in mode `private` between these (linux/if_link.h, MACVLAN_MODE_PRIVATE). Pure.
 */
export function knownLimit(source: LimitedSource, holders: readonly AddressHolder[]): string | null {
  for (const { host, attached } of holders) {
    if (host !== source.host) continue;
    if (source.container === null && attached !== null && !attached.hostAccess)
      return `a host and its own macvlan containers do not reach each other; ${access(attached.network)}`;
    if (source.container === null) continue;
    const closed = source.attached.find(({ hostAccess }) => !hostAccess);
    if (attached === null && closed !== undefined && !source.attached.some(({ hostAccess }) => hostAccess))
      return `a container does not reach the host that it runs on over macvlan; ${access(closed.network)}`;
    if (attached?.mode === 'private' && source.attached.some(({ network }) => network === attached.network))
      return `containers of ${attached.network} do not reach each other on one host, since its mode is private`;
  }
  return null;
}

const loopback = [parseCidr('127.0.0.0/8'), parseCidr('::1/128')];
const linkLocal = [parseCidr('169.254.0.0/16'), parseCidr('fe80::/10')];
const useless = [...loopback, ...linkLocal];

/** Bridges of Docker's own. */
const isOfDocker = ({ name }: { name: string }): boolean =>
  /^(docker\d+|docker_gwbridge|br-[0-9a-f]{12})$/.test(name);

/** Addresses at which others may reach a host, as its agent last saw its interfaces. */
export function addressesOfHost(interfaces: HostFacts['interfaces']): string[] {
  const addresses = interfaces
    .filter((one) => one.up && !isOfDocker(one))
    .flatMap((one) => one.addresses)
    .map((text) => text.split('/')[0] ?? '')
    .filter((text) => {
      const ip = tryParseIp(text);
      return ip !== undefined && !useless.some((range) => cidrContains(range, ip));
    });
  return [...new Set(addresses)];
}

const refused = [
  { range: parseCidr('224.0.0.0/4'), why: 'is a multicast address' },
  { range: parseCidr('ff00::/8'), why: 'is a multicast address' },
  { range: parseCidr('255.255.255.255/32'), why: 'is the broadcast address' },
  { range: parseCidr('0.0.0.0/8'), why: 'is no address of a station' },
  { range: parseCidr('::/128'), why: 'is no address of a station' },
];

/** Why an address is not tried: one that many or none may answer for; null: it is. */
export function whyNotTried(ip: NonNullable<ReturnType<typeof tryParseIp>>): string | null {
  return refused.find(({ range }) => cidrContains(range, ip))?.why ?? null;
}
