import type { HostFinding } from '@trunkline/contracts';
import { createSlots } from '../lib/slots.ts';
import type { Examined, Examiner, Traffic } from './examiner.ts';
import { bridgeFindings, callingSetting, type CallingBridge } from './firewall/bridge-calls.ts';
import { judgeDrops } from './firewall/judge-drops.ts';
import { lookAtRoom, type RoomLook } from './firewall/look-at-room.ts';
import type { Passage } from './firewall/nft-rules.ts';
import { rangeFrom, type Packets } from './firewall/packets.ts';
import type { Room } from './firewall/room.ts';
import { containerPlaces, hostPlace, ownGateways, type Place } from './places.ts';
import { linksBelow, type Scene } from './scene.ts';

/** Namespaces that are looked at at once. */
const atOnce = 4;

/** What drops packets between the wire and the containers: on the host, and inside the containers. */
export const firewallExaminer: Examiner = {
  area: 'firewall',
  begin: async (scene) => {
    const bridge = await callingBridge(scene);
    const rooms = [hostRoom(scene, bridge), ...containerPlaces(scene).map(containerRoom)];
    const before = await lookAtAll(rooms, scene);
    return async (traffic) =>
      conclude({ rooms, before, after: await lookAtAll(rooms, scene), bridge }, scene, traffic);
  },
};

async function lookAtAll(rooms: readonly Room[], scene: Scene): Promise<readonly RoomLook[]> {
  const slot = createSlots(atOnce);
  return await Promise.all(rooms.map((room) => slot(() => lookAtRoom(room, scene))));
}

interface Looks {
  readonly rooms: readonly Room[];
  readonly before: readonly RoomLook[];
  readonly after: readonly RoomLook[];
  readonly bridge: CallingBridge | null;
}

function conclude({ rooms, before, after, bridge }: Looks, scene: Scene, traffic: Traffic): Examined {
  const packets = packetsOf(scene, traffic);
  const findings = rooms.flatMap(({ words: place }, at): readonly HostFinding[] => {
    const first = before[at]?.points(packets) ?? [];
    const then = after[at]?.points(packets) ?? [];
    if (bridge === null || place !== '') return judgeDrops(first, then, { isLost: traffic.isLost, place });
    const others = then.filter(({ isForwardPolicy }) => isForwardPolicy !== true);
    return [
      ...judgeDrops(first, others, { isLost: traffic.isLost, place }),
      ...(traffic.isLost ? bridgeFindings(bridge, first, then) : []),
    ];
  });
  const failures = [...new Set([...before, ...after].flatMap(({ failures: why }) => why))];
  if (findings.length === 0 && failures.length > 0) throw new Error(failures.join('; '));
  const count = after.reduce((sum, one) => sum + one.count, 0);
  const inside = rooms.length - 1;
  const looked = `${count} rules and filters of this host${inside === 0 ? '' : ` and inside ${inside} of its containers`}`;
  return {
    findings,
    detail: [
      `${looked}, with their counters before and after the traffic`,
      ...failures.map((why) => `not looked at: ${why}`),
    ].join('; '),
  };
}

function packetsOf({ networks, containers }: Scene, { pings }: Traffic): Packets {
  const subnets = networks.flatMap(({ network }) => network.subnets.map(({ cidr }) => cidr));
  const addresses = containers.flatMap(({ detail }) =>
    (detail?.endpoints ?? []).flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].filter((one) => one !== null)),
  );
  const ranges = [...subnets, ...addresses, ...pings.map(({ ping }) => ping.address)];
  return {
    cidrs: ranges.map(rangeFrom).filter((range) => range !== undefined),
    interfaces: null,
    vlans: new Set(networks.flatMap(({ network }) => network.vlan ?? [])),
  };
}

/**
 * The host itself. What a macvlan sends and gets passes the links below it, and no hook of IP or ARP, except where a bridge hands
 * frames to them, where the host routes for the containers, and where it reaches its own over a shim.
 */
function hostRoom(scene: Scene, bridge: CallingBridge | null): Room {
  const below = scene.networks.flatMap((one) => linksBelow(one, scene));
  const names = new Set(below.map(({ name }) => name));
  const hasBridge = below.some(({ kind }) => kind === 'bridge');
  const isPeer = ownGateways(scene).size > 0 || scene.networks.some(({ network }) => network.hostAccess);
  const passage = (family: string, hook: string): Passage => {
    if (family === 'bridge') return hasBridge ? 'all' : 'none';
    const isForBridge = bridge !== null && /^(?:prerouting|forward|postrouting)$/.test(hook);
    return isForBridge || (isPeer && family !== 'arp') ? 'some' : 'none';
  };
  const above = scene.observed.links.filter(({ parent }) => parent !== null && names.has(parent));
  return {
    ...hostPlace(scene),
    interfaces: new Set([...names, ...above.map(({ name }) => name)]),
    passage,
    has: { iptables: bridge !== null || isPeer, ebtables: hasBridge },
  };
}

const containerRoom = (place: Place): Room => ({
  ...place,
  interfaces: null,
  passage: () => 'all',
  has: { iptables: true, ebtables: false },
});

async function callingBridge(scene: Scene): Promise<CallingBridge | null> {
  for (const one of scene.networks) {
    for (const { name, kind } of linksBelow(one, scene)) {
      const setting = kind === 'bridge' ? await callingSetting(name, scene.readFile) : null;
      if (setting !== null) return { name, setting };
    }
  }
  return null;
}
