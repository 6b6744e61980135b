import type { WirePair, WirePing, WireVerdict, WireVerdictCode } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import { isNear, type WirePlan } from './wire-plan.ts';
import { nameOf, verdict, type Member } from './wire-words.ts';

/** What may be wrong between two hosts. */
type PairVerdictCode = Extract<
  WireVerdictCode,
  'vlan-missing' | 'no-path' | 'one-way' | 'not-answered' | 'packets-lost' | 'packets-cut'
>;

/** One direction, with what is not shown: whether it was heard on the other network. */
export type Direction = WirePair & { referenceHeard: boolean | null };

/** What was tried between the members, each direction by itself. */
export function directionsOf(plan: WirePlan, members: readonly Member[]): Direction[] {
  return members.flatMap((from) =>
    members
      .filter((to) => to !== from && isNear(from.index, to.index, plan.stations.length))
      .map((to): Direction => {
        // An address that somebody else has was not used.
        const taken = new Set(to.result.taken.map(({ ip }) => ip));
        const own = new Set(to.addresses.map(({ ip }) => ip).filter((ip) => !taken.has(ip)));
        return {
          from: from.host,
          to: to.host,
          heard: to.result.heard === null ? null : to.result.heard.includes(from.mac),
          pings: from.result.pings.filter(({ address }) => own.has(address)).slice(0, 2),
          referenceHeard:
            from.referenceMac === null || to.result.referenceHeard === null
              ? null
              : to.result.referenceHeard.includes(from.referenceMac),
        };
      }),
  );
}

/** Whether frames of the one arrived at the other: heard, or answered. */
const arrived = ({ heard, pings }: WirePair): boolean =>
  heard === true || pings.some(({ received }) => received > 0);

interface Pair {
  a: string;
  b: string;
  there: Direction;
  back: Direction;
}

function pairsOf(directions: readonly Direction[]): Pair[] {
  const byKey = new Map(directions.map((one) => [`${one.from} ${one.to}`, one]));
  return directions.flatMap((there) => {
    const back = byKey.get(`${there.to} ${there.from}`);
    return there.from < there.to && back !== undefined ? [{ a: there.from, b: there.to, there, back }] : [];
  });
}

/** What is wrong between the hosts. Pure. */
export function pathVerdicts(
  plan: WirePlan,
  members: readonly Member[],
  directions: readonly Direction[],
): WireVerdict[] {
  const pairs = pairsOf(directions);
  const alone = members.flatMap(({ host }) => hostVerdict(plan, host, directions));
  const explained = new Set(alone.flatMap(({ hosts }) => hosts));
  const rest = pairs.filter(({ a, b }) => !explained.has(a) && !explained.has(b));
  const byCode = Map.groupBy(
    rest.flatMap((pair) => {
      const code = codeOf(plan, pair, mtuOf(plan, members));
      return code === null ? [] : [{ code, pair }];
    }),
    ({ code }) => code,
  );
  return [
    ...alone,
    ...[...byCode].map(([code, found]) =>
      pairsVerdict(
        plan,
        code,
        found.map(({ pair }) => pair),
      ),
    ),
  ];
}

/** A host that is heard by nobody and hears others, or the other way round: its own port, or what is below it. */
function hostVerdict(plan: WirePlan, host: string, directions: readonly Direction[]): WireVerdict[] {
  const out = directions.filter(({ from }) => from === host);
  const into = directions.filter(({ to }) => to === host);
  // Of two hosts nobody can say which is the one: a pair is "one-way".
  if (out.length < 2 || into.some(({ heard }) => heard === null)) return [];
  const isSent = out.some(arrived);
  const isReceived = into.some(arrived);
  if (isSent === isReceived) return [];
  const where = `on ${plan.network}`;
  return isReceived
    ? [
        verdict(
          'frames-not-sent',
          [host],
          `nobody hears the probe of ${host} ${where}, and it hears ${listed(into.filter(arrived).map(({ from }) => from))}: frames with a MAC other than that of the NIC are dropped on their way out`,
          `on a virtual machine allow forged transmits (or turn MAC spoofing protection off) for the NIC of ${host}; on a physical one look for port security on its switch port`,
        ),
      ]
    : [
        verdict(
          'frames-not-received',
          [host],
          `the probe of ${host} hears nobody ${where}, and ${listed(out.filter(arrived).map(({ to }) => to))} hear it: frames for a MAC other than that of the NIC do not arrive`,
          `on a virtual machine allow promiscuous mode (or MAC learning) for the NIC of ${host}; on a physical one set the NIC promiscuous (the field promiscuous of the network does it)`,
        ),
      ];
}

/** The MTU that pairs should reach: that of the network, else the smallest of theirs. */
const mtuOf =
  (plan: WirePlan, members: readonly Member[]) =>
  (a: string, b: string): number =>
    plan.mtu ??
    Math.min(...members.filter(({ host }) => host === a || host === b).map(({ result }) => result.mtu));

function codeOf(
  plan: WirePlan,
  { a, b, there, back }: Pair,
  mtu: (a: string, b: string) => number,
): PairVerdictCode | null {
  const [forth, again] = [arrived(there), arrived(back)];
  if (!forth && !again) {
    if (there.heard === null || back.heard === null) return 'no-path';
    const other = there.referenceHeard === true || back.referenceHeard === true;
    return other && plan.reference !== null ? 'vlan-missing' : 'no-path';
  }
  if (!forth || !again) return there.heard === null || back.heard === null ? null : 'one-way';
  const pings = [...there.pings, ...back.pings];
  if (pings.some(({ received }) => received === 0)) return 'not-answered';
  if (pings.some(({ lossPercent }) => lossPercent > 0)) return 'packets-lost';
  const wanted = mtu(a, b);
  return pings.some(({ packetBytes }) => packetBytes !== null && packetBytes < wanted) ? 'packets-cut' : null;
}

function pairsVerdict(plan: WirePlan, code: PairVerdictCode, pairs: readonly Pair[]): WireVerdict {
  const hosts = [...new Set(pairs.flatMap(({ a, b }) => [a, b]))].toSorted();
  // One host that all of them have in common, where there are others: it is the one.
  const one = hosts.find((host) => pairs.length > 1 && pairs.every(({ a, b }) => a === host || b === host));
  const among =
    one === undefined
      ? `between ${listed(pairs.slice(0, 8).map(({ a, b }) => `${a} and ${b}`))}`
      : `between ${one} and ${listed(hosts.filter((host) => host !== one))}`;
  const name = nameOf(plan.vlan);
  const ports =
    one === undefined ? `one of the switch ports of ${listed(hosts)}` : `the switch port of ${one}`;
  const on = `on ${plan.network}`;
  switch (code) {
    case 'vlan-missing':
      return verdict(
        code,
        hosts,
        `${name} does not pass ${among}, ${nameOf(plan.reference?.vlan ?? null)} does: ${ports} lacks ${name}`,
        `allow ${name} on ${ports}, and on the switches between them`,
      );
    case 'one-way':
      return verdict(
        code,
        hosts,
        `frames pass in one direction only ${among} ${on}: ${listed(pairs.slice(0, 8).map(oneWay))}`,
        'on virtual machines allow forged transmits for the one that is not heard and promiscuous mode for the one that does not hear; on physical ones look for port security or a filter on the path of the missing direction',
      );
    case 'not-answered':
      return verdict(
        code,
        hosts,
        `probes hear each other ${among} ${on}, and echo requests are not answered`,
        'look for a switch that filters unknown unicast, private VLANs or client isolation on the path',
      );
    case 'packets-lost':
      return verdict(
        code,
        hosts,
        `packets are lost ${among} ${on}: ${worst(pairs)}`,
        'check cables, duplex and load of the path',
      );
    case 'packets-cut':
      return verdict(
        code,
        hosts,
        `large packets do not pass ${among} ${on}: ${cut(pairs)}`,
        `raise the MTU of the switches on the path, or set the mtu of ${plan.network} to what passes`,
      );
    case 'no-path':
      return verdict(
        code,
        hosts,
        `nothing passes ${among} ${on}, in either direction`,
        plan.vlan === null
          ? 'check that these hosts are on one switch or bridged network, and that virtual machines are bridged to the LAN and not behind NAT'
          : `check that ${ports} is a trunk that carries ${name}, and that virtual machines are bridged to the LAN and not behind NAT`,
      );
  }
}

const oneWay = ({ a, b, there }: Pair): string => (arrived(there) ? `${b} hears ${a}` : `${a} hears ${b}`);

const pingsOf = (pairs: readonly Pair[]): WirePing[] =>
  pairs.flatMap(({ there, back }) => [...there.pings, ...back.pings]);

function worst(pairs: readonly Pair[]): string {
  const most = Math.max(...pingsOf(pairs).map(({ lossPercent }) => lossPercent));
  return `up to ${most} %`;
}

function cut(pairs: readonly Pair[]): string {
  const least = Math.min(...pingsOf(pairs).flatMap(({ packetBytes }) => packetBytes ?? []));
  return least === 0 ? 'not even 576 bytes' : `at most ${least} bytes do`;
}
