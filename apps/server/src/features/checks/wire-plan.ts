import type { WireTask } from '@trunkline/contracts';

/** A probe that one host puts on a network. */
export interface PlannedStation {
  host: string;
  hostId: string;
  mac: string;
  /** Whose its addresses are. */
  owner: string;
  addresses: { ip: string; prefix: number }[];
  /** On the network that is compared with; null: the host has it not, or there is none. */
  referenceMac: string | null;
}

/** A check of the wire as it was planned. */
export interface WirePlan {
  network: string;
  networkId: string;
  vlan: number | null;
  mtu: number | null;
  stations: PlannedStation[];
  /** Hosts of the network that are not tried, with why. */
  left: { host: string; why: string }[];
  gateways: { ip: string; cidr: string }[];
  reference: { networkId: string; network: string; vlan: number | null } | null;
  timeoutSeconds: number;
}

/** How many others each host tries: every pair up to one more, a sample above. */
export const triesOfEach = 16;
/** How long probes wait for each other, in seconds. They stay as long again. */
export const waitSeconds = 5;

/**
 * Whom the station at `index` tries: those that follow it in a ring, so that each is tried as often as it tries, and each pair that
 * is tried at all is heard in both directions.
 */
export function triedBy(index: number, count: number): number[] {
  const others = Math.min(triesOfEach, count - 1);
  return Array.from({ length: others }, (_, step) => (index + step + 1) % count);
}

/** What the station at `index` of the plan is asked to do. Pure. */
export function wireTask(
  plan: WirePlan,
  index: number,
  isInside: (ip: string, cidr: string) => boolean,
  seconds: number = waitSeconds,
): WireTask {
  const { stations, reference } = plan;
  const own = stations[index];
  if (own === undefined) throw new Error(`the plan has no station ${index}`);
  const others = triedBy(index, stations.length).flatMap((at) => stations[at] ?? []);
  const near = stations.filter((_, at) => at !== index && isNear(at, index, stations.length));
  const gateways = plan.gateways
    .filter(({ cidr }) => own.addresses.some(({ ip }) => isInside(ip, cidr)))
    .map(({ ip }) => ip);
  return {
    networkId: plan.networkId,
    mac: own.mac,
    addresses: own.addresses,
    targets: [...gateways, ...others.flatMap(({ addresses }) => addresses.map(({ ip }) => ip))].slice(0, 64),
    listenFor: near.map(({ mac }) => mac),
    reference:
      reference === null || own.referenceMac === null
        ? null
        : {
            networkId: reference.networkId,
            mac: own.referenceMac,
            listenFor: near.flatMap(({ referenceMac }) => referenceMac ?? []),
          },
    seconds,
  };
}

/** One of the two tries the other. */
export const isNear = (a: number, b: number, count: number): boolean =>
  triedBy(a, count).includes(b) || triedBy(b, count).includes(a);
