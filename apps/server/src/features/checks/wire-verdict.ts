import {
  wireVerdictCodes,
  type WireHost,
  type WireResult,
  type WireTaskResult,
  type WireVerdict,
} from '@trunkline/contracts';
import { gatewayVerdicts } from './wire-gateways.ts';
import { directionsOf, pathVerdicts } from './wire-pairs.ts';
import { triesOfEach, type WirePlan } from './wire-plan.ts';
import { verdict, type Member } from './wire-words.ts';

/** What became of the part of one host: its result, or why there is none. */
export type WirePart = WireTaskResult | { failed: string };

/** What all parts together say, by host id. Pure. */
export function wireResult(plan: WirePlan, parts: ReadonlyMap<string, WirePart>): WireResult {
  const members = plan.stations.flatMap((station, index): Member[] => {
    const part = parts.get(station.hostId);
    return part === undefined || 'failed' in part ? [] : [{ ...station, index, result: part }];
  });
  const hosts = hostsOf(plan, parts);
  const directions = directionsOf(plan, members);
  const gateways = members.flatMap(({ host, result }) =>
    plan.gateways.flatMap(({ ip }) =>
      result.pings.filter(({ address }) => address === ip).map((ping) => ({ from: host, ping })),
    ),
  );
  const verdicts = [
    ...pathVerdicts(plan, members, directions),
    ...gatewayVerdicts(plan, gateways),
    ...takenVerdicts(members),
    ...hosts.flatMap(({ host, error }) =>
      error === null
        ? []
        : [
            verdict(
              'not-tried',
              [host],
              `${host} could not take part: ${error}`,
              `mend that on ${host}, then run the check again`,
            ),
          ],
    ),
  ].toSorted((a, b) => wireVerdictCodes.indexOf(a.code) - wireVerdictCodes.indexOf(b.code));
  return {
    ok: verdicts.length === 0 && members.length > 0,
    hosts,
    pairs: directions.slice(0, 4096).map(({ from, to, heard, pings }) => ({ from, to, heard, pings })),
    gateways: gateways.slice(0, 2000),
    sampled: plan.stations.length > triesOfEach + 1,
    verdicts: verdicts.slice(0, 1000),
    message: summary(plan, members, verdicts),
  };
}

function hostsOf(plan: WirePlan, parts: ReadonlyMap<string, WirePart>): WireHost[] {
  const tried = plan.stations.map(({ host, hostId, mac, addresses }): WireHost => {
    const part = parts.get(hostId) ?? { failed: 'it did not answer in time' };
    if ('failed' in part) return { host, mac: null, addresses: [], mtu: null, error: part.failed };
    const used = addresses.map(({ ip }) => ip).filter((ip) => !part.taken.some((one) => one.ip === ip));
    return { host, mac, addresses: used, mtu: part.mtu, error: null };
  });
  const left = plan.left.map(({ host, why }): WireHost => ({
    host,
    mac: null,
    addresses: [],
    mtu: null,
    error: why,
  }));
  return [...tried, ...left].toSorted((a, b) => (a.host < b.host ? -1 : 1));
}

function takenVerdicts(members: readonly Member[]): WireVerdict[] {
  return members.flatMap(({ host, result }) =>
    result.taken.map(({ ip, mac }) =>
      verdict(
        'address-taken',
        [host],
        `${mac} answers for ${ip}, which was free by the record and was to be the address of the probe of ${host}`,
        `find that machine and change its address, or exclude ${ip} from the ranges`,
      ),
    ),
  );
}

function summary(plan: WirePlan, members: readonly Member[], verdicts: readonly WireVerdict[]): string {
  const [first] = verdicts;
  if (first !== undefined) return first.message;
  if (members.length === 0) return `no host of ${plan.network} could be tried`;
  if (members.length === 1)
    return `${members[0]?.host ?? ''} is the only host of ${plan.network}, and nothing is wrong with what it tried`;
  const bytes = Math.min(
    ...members.flatMap(({ result }) => result.pings.flatMap(({ packetBytes }) => packetBytes ?? [])),
  );
  const size = Number.isFinite(bytes) ? `, with packets of ${bytes} bytes` : '';
  return `${members.length} hosts reach each other on ${plan.network}${size}`;
}
