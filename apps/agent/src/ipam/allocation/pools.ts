import type { DesiredDocument, DesiredNetwork } from '@trunkline/contracts';
import { cidrContains, formatCidr, formatIp, InvalidAddress, parseCidr, parseIp } from '@trunkline/netaddr';
import { ipamNetworkOption } from '../../observation/marks.ts';
import { namedNetwork, plainNetworkId } from '../../observation/stands-for.ts';
import { DriverRefusal } from './refusal.ts';

/** What Docker calls a pool: one subnet of one network. Its id contains all of it, so nothing has to be remembered. */
export interface Pool {
  readonly networkId: string;
  /** In canonical form. */
  readonly subnet: string;
  readonly family: 'ipv4' | 'ipv6';
}

/** What Docker asks a pool for. */
export interface PoolRequest {
  /** `--subnet`; '' without. */
  readonly subnet: string;
  /** `--ip-range`; '' without. */
  readonly range: string;
  /** The `--ipam-opt` pairs. */
  readonly options: Readonly<Record<string, string>>;
  readonly ipv6: boolean;
}

const howToName = `docker network create --ipam-driver trunkline --ipam-opt ${ipamNetworkOption}=<id or name of the Trunkline network>`;

export function poolId({ networkId, subnet }: Pool): string {
  return `${networkId}/${subnet}`;
}

/** Reads the id of a pool. Fails with {@link DriverRefusal} for one that is none of ours. */
export function parsePoolId(id: string): Pool {
  const slash = id.indexOf('/');
  // One network has one name here, or one address would have two.
  const networkId = slash === -1 ? null : plainNetworkId(id.slice(0, slash));
  if (networkId === null) {
    throw new DriverRefusal(`${JSON.stringify(id.slice(0, 100))} is not a pool of Trunkline`);
  }
  return poolOf(networkId, id.slice(slash + 1));
}

/**
 * The pool that is asked for. `isHeld`: whether this host holds addresses of a network, which proves that there is one
 * also when the desired document no longer names it. Fails with {@link DriverRefusal}.
 */
export function requestPool(
  { subnet, range, options, ipv6 }: PoolRequest,
  desired: DesiredDocument | null,
  isHeld: (networkId: string) => boolean,
): Pool {
  const named = options[ipamNetworkOption] ?? '';
  // Docker may ask again without the options that it was given: a subnet that only one network has identifies it.
  const network = namedNetwork(named, subnet, desired?.networks ?? []);
  const networkId = plainNetworkId(network?.id ?? named);
  if (networkId === null) {
    throw new DriverRefusal(
      named === ''
        ? `the Trunkline network is not named: ${howToName}`
        : `there is no Trunkline network ${JSON.stringify(named.slice(0, 64))} on this host: see GET /v1/networks`,
    );
  }
  if (network === undefined && desired !== null && !isHeld(networkId)) {
    throw new DriverRefusal(
      `there is no Trunkline network with the id ${networkId} on this host: see GET /v1/networks`,
    );
  }
  if (range !== '' && range !== subnet) {
    throw new DriverRefusal(
      `--ip-range ${range} cannot be used: set the ranges of a Trunkline network at the server (subnets[].ranges)`,
    );
  }
  return poolOf(networkId, subnet === '' ? onlySubnet(network, ipv6) : checkedSubnet(network, subnet));
}

function onlySubnet(network: DesiredNetwork | undefined, ipv6: boolean): string {
  const subnets = (network?.subnets ?? []).filter(({ cidr }) => cidr.includes(':') === ipv6);
  const [only] = subnets;
  if (only !== undefined && subnets.length === 1) return only.cidr;
  if (network !== undefined && only === undefined && !ipv6) {
    throw new DriverRefusal(
      `Docker requests an IPv4 subnet, and Trunkline network ${network.name} has none: with Docker Engine 28 or later create the network with --ipv4=false --ipv6; earlier Engines do not support that, so add an IPv4 subnet or update Docker on this host`,
    );
  }
  throw new DriverRefusal(
    network === undefined || only === undefined
      ? `no subnet is named: set --subnet and --gateway to those of the Trunkline network`
      : // What this host holds may be of any of them, and Docker starts nothing on a subnet that its network does not have.
        `${network.name} has several subnets (${subnets.map(({ cidr }) => cidr).join(', ')}): name each of them with --subnet, and its gateway with --gateway`,
  );
}

function checkedSubnet(network: DesiredNetwork | undefined, subnet: string): string {
  const wanted = poolOf('', subnet).subnet;
  if (network === undefined || network.subnets.some(({ cidr }) => cidr === wanted)) return wanted;
  throw new DriverRefusal(
    `${wanted} is not a subnet of Trunkline network ${network.name}, which has ${network.subnets.map(({ cidr }) => cidr).join(', ')}`,
  );
}

function poolOf(networkId: string, subnet: string): Pool {
  const cidr = readable(() => parseCidr(subnet));
  return { networkId, subnet: formatCidr(cidr), family: cidr.family === 4 ? 'ipv4' : 'ipv6' };
}

/** An address in canonical form. Fails with {@link DriverRefusal}. */
export function addressOf(text: string): string {
  return formatIp(readable(() => parseIp(text)));
}

/** An address as it is written everywhere. Fails with {@link DriverRefusal} for one that is not in the pool. */
export function addressIn(pool: Pool, text: string): string {
  const ip = parseIp(addressOf(text));
  if (!cidrContains(parseCidr(pool.subnet), ip)) {
    throw new DriverRefusal(`${formatIp(ip)} is not in ${pool.subnet}`);
  }
  return formatIp(ip);
}

/** An address with the mask of its pool, as Docker wants it. */
export function withMask(pool: Pool, ip: string): string {
  return `${ip}/${parseCidr(pool.subnet).prefix}`;
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidAddress) throw new DriverRefusal(error.message);
    throw error;
  }
}
