import type { HostFinding } from '@trunkline/contracts';
import { shortMessageOf } from '@trunkline/log';
import { sendPings } from '../checks/ping.ts';
import { containerGateways, containerRoutes } from '../host/container-routes.ts';
import type { DockerContainer, DockerContainerDetail } from '../host/docker-engine.ts';
import { createLinks } from '../host/ip-links.ts';
import { parseDefaultRoutes } from '../host/kernel.ts';
import type { Link } from '../host/links.ts';
import { inContainerNetwork } from '../host/namespace.ts';
import { createSlots } from '../lib/slots.ts';
import type { ObservedDocker } from '../observation/observed.ts';
import { interfaceFindings, placesOf } from './container-place.ts';
import type { Inside } from './container-inside.ts';
import { obstaclesIn, type Obstacles } from './container-obstacles.ts';
import { endedMeanwhile, missing, notAttached, notRunning } from './container-state.ts';
import {
  gatewaysOf,
  cutFinding,
  isUnanswered,
  notForwarding,
  unreachedFromHost,
  wayFindings,
  wayOf,
  type Way,
} from './container-ways.ts';
import { isLossy, type Examiner, type Traffic } from './examiner.ts';
import type { Scene, SceneContainer } from './scene.ts';

/** Containers that are looked into at once: each costs some programs. */
const atOnce = 4;
/** Containers on several networks, and those that may route over one, that are looked into. */
const maxRouters = 32;
const maxUsers = 128;

/** What runs inside the containers of the diagnosis: interfaces, addresses and routes. */
export const containerExaminer: Examiner = {
  area: 'container',
  begin: async (scene) => {
    const { docker } = scene.observed;
    if (!docker.reachable) throw new Error(docker.message);
    const slot = createSlots(atOnce);
    const looks = await Promise.all(
      scene.containers.map((asked) => slot(() => lookAt(asked, docker, scene))),
    );
    const routing = await routers(docker, scene);
    return async (traffic) => {
      const found = await Promise.all(looks.map((look) => slot(() => judge(look, traffic, scene))));
      const unreached = traffic.hostPings.filter(({ ping }) => ping.received === 0).map(unreachedFromHost);
      const findings = [...found.flatMap((one) => one.findings), ...routing, ...unreached];
      const failed = found.flatMap((one) => one.failed ?? []);
      if (failed.length > 0 && findings.length === 0) throw new Error(failed.join('; '));
      return { findings, detail: [detailOf(looks), ...failed].join('; ') };
    };
  },
};

/** A container as it was before the traffic. */
interface Look {
  readonly name: string;
  readonly findings: readonly HostFinding[];
  /** Null where it could not be looked into, or where nothing is there to be looked into. */
  readonly inside: (Inside & { readonly pid: number }) | null;
  /** Why it could not be looked into; null: it could, or there was no need. */
  readonly failed: string | null;
}

function detailOf(looks: readonly Look[]): string {
  const names = looks.map(({ name }) => name).join(', ');
  const interfaces = looks.flatMap(({ inside }) => inside?.links.filter((link) => link.name !== 'lo') ?? []);
  return looks.length === 0
    ? 'no container of this host was asked about'
    : `containers ${names}, with ${interfaces.length} interfaces`;
}

async function lookAt({ name, detail }: SceneContainer, docker: ObservedDocker, scene: Scene): Promise<Look> {
  const nothing = { name, inside: null, failed: null };
  const listed = docker.containers.find((one) => one.name === name);
  if (detail === null) {
    if (listed === undefined) return { ...nothing, findings: [missing(name, docker.containers)] };
    return { ...nothing, findings: [], failed: `docker inspect ${name}: no answer` };
  }
  const stack = await stackOf(detail, docker, scene);
  if ('gone' in stack) return { ...nothing, findings: [missing(stack.gone, docker.containers)] };
  // One that shares another's network runs only as long as the other does.
  const stopped = [detail, ...stack.shared].flatMap(notRunning);
  const { owner } = stack;
  const places = placesOf(owner, scene.networks, docker.networks);
  const unattached = places.length > 0 ? [] : [notAttached(owner, scene.networks)];
  const findings = [...stopped, ...unattached];
  const { pid } = detail;
  const isInside = pid !== null && owner.pid !== null && places.length > 0;
  if (!isInside) return { ...nothing, findings };
  try {
    const links = await linksIn(pid, scene);
    const gateways = docker.networks
      .filter(({ id }) => owner.endpoints.some(({ networkId }) => networkId === id))
      .flatMap(({ subnets }) => subnets.flatMap(({ gateway }) => gateway ?? []));
    return { name, findings, inside: { name, pid, places, gateways, links }, failed: null };
  } catch (error) {
    scene.signal.throwIfAborted();
    return { ...nothing, findings, failed: `inside ${name}: ${shortMessageOf(error)}` };
  }
}

type Stack =
  | {
      /** The container that has the network. */
      readonly owner: DockerContainerDetail;
      /** Those between a container and its network: none where it has its own. */
      readonly shared: readonly DockerContainerDetail[];
    }
  /** A container that is no more, by what another calls it. */
  | { readonly gone: string };

/** Whose network a container has: its own, or that of the one that it shares. */
async function stackOf(detail: DockerContainerDetail, docker: ObservedDocker, scene: Scene): Promise<Stack> {
  const shared: DockerContainerDetail[] = [];
  for (let owner = detail; ;) {
    const named = /^container:(.+)$/.exec(owner.networkMode)?.[1];
    if (named === undefined) return { owner, shared };
    const target = docker.containers.find(({ id, name }) => id === named || name === named);
    const next = target === undefined ? null : await scene.inspect(target.id);
    if (next === null) return { gone: target?.name ?? named.slice(0, 64) };
    shared.push(next);
    owner = next;
  }
}

async function linksIn(pid: number, scene: Scene): Promise<readonly Link[]> {
  return await createLinks(inContainerNetwork(scene.run, pid)).list();
}

async function judge(
  { name, findings, inside, failed }: Look,
  traffic: Traffic,
  scene: Scene,
): Promise<{ readonly findings: readonly HostFinding[]; readonly failed: string | null }> {
  if (inside === null) return { findings, failed };
  const pings = traffic.pings.filter(({ from }) => from === name);
  const interfaces = inside.places.flatMap((place) => interfaceFindings(place, inside, traffic.isLost));
  const table = await scene.readFile(`/proc/${inside.pid}/net/route`).catch(() => null);
  if (table === null) return { findings: [...findings, endedMeanwhile(name)], failed };
  try {
    const to = new Map<string, Way | null>();
    const obstacles = new Map<string, Obstacles>();
    const obstaclesTo = obstaclesIn(inside.pid, scene);
    for (const { ping } of pings.filter(isLossy)) {
      const way = await wayTo(ping.address, inside.pid, scene);
      to.set(ping.address, way);
      obstacles.set(ping.address, await obstaclesTo(ping.address, way));
    }
    const silentGateway = await otherGatewayThatIsSilent(inside, scene);
    const defaults = parseDefaultRoutes(table);
    const ways = wayFindings(inside, { pings, to, obstacles, silentGateway, defaults });
    return { findings: [...findings, ...interfaces, ...ways, ...pings.flatMap(cutFinding)], failed };
  } catch (error) {
    scene.signal.throwIfAborted();
    return {
      findings: [...findings, ...interfaces],
      failed: `routes inside ${name}: ${shortMessageOf(error)}`,
    };
  }
}

async function wayTo(address: string, pid: number, { run, signal }: Scene): Promise<Way | null> {
  const inside = inContainerNetwork(run, pid);
  // 2: the kernel has no way there (ip(8)).
  const options = { acceptCodes: [0, 2], signal };
  const { stdout, code } = await inside('ip', ['-json', 'route', 'get', address], options);
  const way = code === 0 ? wayOf(stdout) : null;
  if (way === null) return null;
  if (way.gateway === null) return { ...way, isSilent: false };
  const neighbours = await inside('ip', ['-json', 'neigh', 'show', 'to', way.gateway], { signal });
  return { ...way, isSilent: isUnanswered(neighbours.stdout) };
}

/** The gateway of the IPv4 default route where it is none of the networks of the container, and nobody answers for it. */
async function otherGatewayThatIsSilent(
  { pid, places, gateways }: Inside & { readonly pid: number },
  { run, readFile, signal }: Scene,
): Promise<string | null> {
  const wanted = gatewaysOf(places, 4);
  const routes = (await containerRoutes(pid, readFile)) ?? [];
  const other = routes.find(
    ({ family, gateway }) => family === 4 && !wanted.includes(gateway) && !gateways.includes(gateway),
  );
  if (other === undefined || wanted.length === 0) return null;
  const inside = inContainerNetwork(run, pid);
  const { received } = await sendPings(other.gateway, 1, inside, signal);
  if (received > 0) return null;
  const { stdout } = await inside('ip', ['-json', 'neigh', 'show', 'to', other.gateway], { signal });
  return isUnanswered(stdout) ? other.gateway : null;
}

/**
 * Containers of this host between the networks of the diagnosis that do not forward although others route over them; the
 * containers that were asked about need not be among them.
 */
async function routers(docker: ObservedDocker, scene: Scene): Promise<HostFinding[]> {
  const between = docker.containers
    .filter(
      (one) =>
        one.status === 'running' &&
        one.endpoints.filter(({ ipv4 }) => ipv4 !== null).length > 1 &&
        placesOf(one, scene.networks, docker.networks).length > 0,
    )
    .slice(0, maxRouters);
  const found = await Promise.all(between.map((one) => routerOf(one, docker, scene)));
  return found.flat();
}

async function routerOf(
  router: DockerContainer,
  docker: ObservedDocker,
  scene: Scene,
): Promise<HostFinding[]> {
  const detail = await scene.inspect(router.id);
  if (detail?.pid == null || (await forwards(detail.pid, scene))) return [];
  const own = detail.endpoints.flatMap(({ ipv4 }) => ipv4 ?? []);
  const networks = new Set(detail.endpoints.map(({ networkId }) => networkId));
  const beside = docker.containers
    .filter(
      ({ id, status, endpoints }) =>
        id !== router.id &&
        status === 'running' &&
        endpoints.some(({ networkId }) => networks.has(networkId)),
    )
    .slice(0, maxUsers);
  const users = await Promise.all(
    beside.map(async ({ id, name }) => {
      const pid = (await scene.inspect(id))?.pid ?? null;
      const gateways = pid === null ? null : await containerGateways(pid, scene.readFile);
      return (gateways ?? []).filter((by) => own.includes(by)).map((by) => ({ name, by }));
    }),
  );
  return users.flat().length === 0 ? [] : [notForwarding(router.name, users.flat())];
}

/** /proc/sys shows the network of whoever opens it, so it is read from inside. One that cannot be read counts as on. */
async function forwards(pid: number, { run, signal }: Scene): Promise<boolean> {
  try {
    const inside = inContainerNetwork(run, pid);
    return (await inside('cat', ['/proc/sys/net/ipv4/ip_forward'], { signal })).stdout.trim() !== '0';
  } catch {
    signal.throwIfAborted();
    return true;
  }
}
