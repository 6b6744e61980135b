import type { Condition, ContainerReport } from '@trunkline/contracts';
import { formatIp, tryParseIp } from '@trunkline/netaddr';
import { conditionsDiffer, wasSeen } from '../../platform/conditions.ts';

/** What an agent last saw of a container, as it is kept. */
export interface ObservedContainer {
  state: ContainerReport['state'];
  dockerId: string | null;
  startedAt: string | null;
  exitCode: number | null;
  observedAt: string;
  endpoints: ContainerReport['endpoints'];
  /** Containers that were made with its network stack. Left out in what an earlier version kept: not known. */
  sharedBy?: readonly string[];
}

/** A place on a network with the addresses reserved for it, canonical. */
export interface ReservedPlace {
  networkId: string;
  network: string;
  ipv4: string | null;
  ipv6: string | null;
  observedMac: string | null;
}

/** A container as it is known before a report. */
export interface KnownContainer {
  generation: number;
  deleting: boolean;
  observedGeneration: number;
  observed: ObservedContainer | null;
  conditions: readonly Condition[];
  places: readonly ReservedPlace[];
}

/** What follows from a report. */
export interface ReportVerdict {
  /** It was to be removed and is gone, on evidence: it is dropped and its addresses are freed. */
  gone: boolean;
  /** What an operator hears of; null: nothing new. */
  event: 'started' | 'restarted' | 'stopped' | 'changed' | null;
  /** Its interfaces are other ones than before: `bound` and the MACs are to be written. */
  moved: boolean;
  /** Addresses seen on it that are reserved for it. */
  bound: { ip: string; mac: string | null }[];
  /** An address reserved for it was not seen on it. */
  unbound: boolean;
  /** The Ethernet address seen on each network. */
  macs: { networkId: string; mac: string | null }[];
  /** Others share its network stack than before. */
  sharersChanged: boolean;
}

const alive = new Set<ContainerReport['state']>(['running', 'paused']);

const canonical = (ip: string | null): string | null => {
  const read = ip === null ? undefined : tryParseIp(ip);
  return read === undefined ? null : formatIp(read);
};

/**
 * Compares what an agent reports of a container with what is known. Pure. A container is gone only when its agent looked
 * after it was notified of the removal: a report of an older generation may be from before it was even made (promise 4).
 */
export function judgeReport(known: KnownContainer, report: ContainerReport): ReportVerdict {
  const live = alive.has(report.state);
  const before = known.observed;
  const bound: ReportVerdict['bound'] = [];
  let unbound = false;
  const macs = known.places.map(({ networkId, network, ipv4, ipv6 }) => {
    const endpoint = live ? report.endpoints.find((one) => one.network === network) : undefined;
    const mac = endpoint?.mac?.toLowerCase().replaceAll('-', ':') ?? null;
    for (const [reserved, seen] of [
      [ipv4, endpoint?.ipv4 ?? null],
      [ipv6, endpoint?.ipv6 ?? null],
    ] as const) {
      if (reserved === null) continue;
      if (canonical(seen) === reserved) bound.push({ ip: reserved, mac });
      else unbound = true;
    }
    return { networkId, mac };
  });
  return {
    gone:
      known.deleting &&
      report.state === 'absent' &&
      report.generation >= known.generation &&
      wasSeen(report.conditions),
    event: eventOf(known, report),
    moved:
      before === null ||
      before.state !== report.state ||
      before.dockerId !== report.dockerId ||
      JSON.stringify(before.endpoints) !== JSON.stringify(report.endpoints),
    bound,
    unbound,
    macs,
    sharersChanged: JSON.stringify(before?.sharedBy ?? []) !== JSON.stringify(report.sharedBy ?? []),
  };
}

function eventOf(known: KnownContainer, report: ContainerReport): ReportVerdict['event'] {
  const before = known.observed;
  const ran = before?.state === 'running';
  const runs = report.state === 'running';
  if (runs && !ran) return 'started';
  if (ran && !runs) return 'stopped';
  if (runs && (before?.dockerId !== report.dockerId || before.startedAt !== report.startedAt))
    return 'restarted';
  const isNews = before?.state !== report.state || conditionsDiffer(known, report);
  return isNews ? 'changed' : null;
}
