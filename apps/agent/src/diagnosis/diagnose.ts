import type {
  CheckReport,
  DesiredDiagnosisCheck,
  DesiredWireCheck,
  DiagnosisTask,
  DiagnosisTaskResult,
  HostFinding,
  HostLooked,
  WireTaskResult,
} from '@trunkline/contracts';
import { shortMessageOf } from '@trunkline/log';
import { cidrContains, parseCidr, tryParseIp } from '@trunkline/netaddr';
import { largestPacket } from '../checks/largest-packet.ts';
import { pingAddress } from '../checks/ping.ts';
import { inContainerNetwork } from '../host/namespace.ts';
import { placesOf } from './container-place.ts';
import { finding, isCut, isLossy, type Examiner, type Traffic, type TriedPing } from './examiner.ts';
import { machineOf } from './machine.ts';
import { linksBelow, openScene, type Scene, type SceneDeps, type SceneNetwork } from './scene.ts';

/** What a diagnosis works with. */
export interface DiagnosisDeps extends SceneDeps {
  /** The parts of a host that are looked at. */
  readonly examiners: readonly Examiner[];
  /** Puts a probe on a network; see `checkWire`. */
  readonly tryWire: (check: DesiredWireCheck, signal: AbortSignal) => Promise<CheckReport>;
  readonly now: () => number;
}

/** Echo requests from a container to each address. */
const pingCount = 5;
/** Addresses that the host itself tries. */
const maxHostPings = 16;
/** Bounds of the contract. */
const maxFindings = 256;
const maxDetail = 2048;

/** Looks at this host, sends what the diagnosis sends, and looks again. It changes nothing that outlives it. */
export async function diagnose(
  check: DesiredDiagnosisCheck,
  deps: DiagnosisDeps,
  signal: AbortSignal,
): Promise<CheckReport> {
  const scene = await openScene(check, deps, signal);
  const begun = await Promise.all(deps.examiners.map((examiner) => begin(examiner, scene)));
  const traffic = await send(check, scene, deps, signal);
  const examined = await Promise.all(begun.map((end) => end(traffic)));
  signal.throwIfAborted();
  const result: DiagnosisTaskResult = {
    at: new Date(deps.now()).toISOString(),
    findings: examined.flatMap(({ findings }) => findings.map(finding)).slice(0, maxFindings),
    looked: examined.map(({ looked }) => looked),
    machine: await machineOf(scene.readFile),
    links: scene.networks.flatMap(({ network, link }) =>
      link === null ? [] : [{ networkId: network.id, name: link.name, mac: link.mac, mtu: link.mtu }],
    ),
    pings: traffic.pings.map(({ from, to, ping }) => ({ from, to, ...ping })),
    wire: traffic.wire,
  };
  return { state: 'done', error: null, result };
}

interface Outcome {
  readonly findings: readonly HostFinding[];
  readonly looked: HostLooked;
}

/** One area that cannot be looked at leaves the others. */
async function begin(
  { area, begin: look }: Examiner,
  scene: Scene,
): Promise<(traffic: Traffic) => Promise<Outcome>> {
  const notLooked = (error: unknown): Outcome => ({
    findings: [],
    looked: { area, outcome: 'not-looked', detail: shortMessageOf(error).slice(0, maxDetail) },
  });
  try {
    const end = await look(scene);
    return async (traffic) => {
      try {
        const { findings, detail } = await end(traffic);
        const outcome = findings.length === 0 ? 'clear' : 'found';
        return { findings, looked: { area, outcome, detail: detail.slice(0, maxDetail) } };
      } catch (error) {
        return notLooked(error);
      }
    };
  } catch (error) {
    return async () => notLooked(error);
  }
}

async function send(
  task: DesiredDiagnosisCheck,
  scene: Scene,
  deps: DiagnosisDeps,
  signal: AbortSignal,
): Promise<Traffic> {
  const [pings, hostPings, wire] = await Promise.all([
    pingAll(task, scene, signal),
    pingFromHost(scene, signal),
    tryWire(task, deps, signal),
  ]);
  const isLost = hostPings.some(isLossy) || isAnythingLost(task, pings, wire);
  return { pings, hostPings, wire, isLost };
}

/** Containers of networks with host access, at the addresses that they have there. */
async function pingFromHost(scene: Scene, signal: AbortSignal): Promise<Traffic['hostPings']> {
  const networks = scene.networks.filter(({ network }) => network.hostAccess);
  const { docker } = scene.observed;
  if (networks.length === 0 || !docker.reachable) return [];
  const targets = scene.containers.flatMap(({ name, detail }) =>
    detail?.pid == null
      ? []
      : placesOf(detail, networks, docker.networks).flatMap(({ endpoint: { ipv4, ipv6 }, network }) => {
          const one = networks.find((candidate) => candidate.network === network);
          const ips = [
            ...(hasAddress(4, one, scene) ? [ipv4] : []),
            ...(hasAddress(6, one, scene) ? [ipv6] : []),
          ];
          return ips.filter((ip) => ip !== null).map((ip) => ({ container: name, ip }));
        }),
  );
  return await Promise.all(
    targets.slice(0, maxHostPings).map(async ({ container, ip }) => ({
      container,
      ping: await pingAddress(ip, pingCount, scene.run, signal),
    })),
  );
}

async function pingAll(task: DiagnosisTask, scene: Scene, signal: AbortSignal): Promise<TriedPing[]> {
  const tried = await Promise.all(
    task.pings.map(async ({ from, to, address }): Promise<TriedPing[]> => {
      const pid = scene.containers.find(({ name }) => name === from)?.detail?.pid ?? null;
      // That it does not run is the finding of another.
      if (pid === null) return [];
      const inside = inContainerNetwork(scene.run, pid);
      const ping = await pingAddress(address, pingCount, inside, signal);
      // Where some are lost, large ones are as well.
      const mtu = ping.received < ping.sent || ping.sent === 0 ? null : mtuTo(address, scene);
      const size = mtu === null ? null : { passed: await largestPacket(address, inside, mtu, signal), mtu };
      return [{ from, to, ping, size }];
    }),
  );
  return tried.flat();
}

/** Whether the host has an address of a family on the interface of a network: without one there is no host access over it. */
function hasAddress(family: 4 | 6, network: SceneNetwork | undefined, scene: Scene): boolean {
  const links = network === undefined ? [] : linksBelow(network, scene);
  return links.some(({ addresses }) =>
    addresses.some((one) => one.family === family && one.scope === 'global' && one.passing !== true),
  );
}

/** MTU of the interface of the network that has an address; null where that is none of the diagnosis. */
function mtuTo(address: string, { networks }: Scene): number | null {
  const ip = tryParseIp(address);
  const found = networks.find(({ network }) =>
    network.subnets.some(({ cidr }) => ip !== undefined && cidrContains(parseCidr(cidr), ip)),
  );
  return found?.link?.mtu ?? null;
}

async function tryWire(
  { id, expiresAt, wire }: DesiredDiagnosisCheck,
  deps: DiagnosisDeps,
  signal: AbortSignal,
): Promise<Traffic['wire']> {
  if (wire === null) return null;
  const { result, error } = await deps.tryWire({ ...wire, id, expiresAt, kind: 'wire' }, signal);
  return result === null ? { failed: error ?? 'it gave no reason' } : (result as WireTaskResult);
}

function isAnythingLost(task: DiagnosisTask, pings: readonly TriedPing[], wire: Traffic['wire']): boolean {
  if (pings.some((one) => isLossy(one) || isCut(one))) return true;
  if (wire === null || 'failed' in wire) return false;
  const unheard = wire.heard !== null && wire.heard.length < (task.wire?.listenFor.length ?? 0);
  const isShort = wire.pings.some(({ packetBytes }) => packetBytes !== null && packetBytes < wire.mtu);
  return unheard || isShort || wire.pings.some(({ sent, received }) => received < sent || sent === 0);
}
