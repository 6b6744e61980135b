import type { HostFinding } from '@trunkline/contracts';
import type { DockerNetwork } from '../host/docker-engine.ts';
import { isDead, onRemovedNetwork } from '../observation/lost-network.ts';
import { fixedSpec, networkLabel } from '../observation/marks.ts';
import { attachedTo, differences, isOurs, namesOf } from '../observation/network-fit.ts';
import type { DockerDown, ObservedDocker } from '../observation/observed.ts';
import type { Examiner } from './examiner.ts';
import { standsForScene, type Scene, type SceneNetwork } from './scene.ts';

/** The Docker Engine and the networks that it has. */
export const dockerExaminer: Examiner = {
  area: 'docker',
  begin: async (scene) => {
    const { docker } = scene.observed;
    if (!docker.reachable) {
      if (docker.pending === true) throw new Error(docker.message);
      return () => ({ findings: [silent(docker)], detail: docker.message });
    }
    const findings = scene.networks.flatMap((one) => examineNetwork(one, docker, scene));
    const names = scene.networks.map(({ network }) => network.name).join(', ');
    const detail = `Docker ${docker.version.version}, its networks ${names || 'none'}`;
    return () => ({ findings, detail });
  },
};

function silent({ message }: DockerDown): HostFinding {
  return {
    code: 'docker-silent',
    subject: 'Docker Engine',
    message: 'Docker does not answer the agent of this host',
    evidence: [message],
    remedy: 'systemctl status docker; where it does not start, journalctl -u docker says why',
  };
}

function examineNetwork(
  one: SceneNetwork,
  docker: ObservedDocker,
  scene: Pick<Scene, 'containers'>,
): HostFinding[] {
  const { network } = one;
  const named = docker.networks.filter(({ name }) => name === network.name);
  // Somebody may have made another for the same network, which is looked at where a container of the diagnosis is on it.
  const used = docker.networks.filter(
    (candidate) =>
      candidate.name !== network.name &&
      standsForScene(candidate, one) &&
      attachedTo(docker, candidate).some(({ name }) => scene.containers.some((asked) => asked.name === name)),
  );
  const differing = [...named, ...used].flatMap((found) => differs(one, found));
  return [
    ...(named.length === 0 && used.length === 0 ? [missing(one, docker)] : []),
    ...(named.length > 1 ? [ambiguous(one, named)] : []),
    ...differing,
    ...lost(one, docker, scene),
    ...(differing.length === 0 ? named.flatMap((found) => dead(found, docker)) : []),
  ];
}

function missing({ network }: SceneNetwork, { networks }: ObservedDocker): HostFinding {
  const macvlan = networks.filter(({ driver }) => driver === 'macvlan').map(({ name }) => name);
  return {
    code: 'docker-network-missing',
    subject: `Docker network ${network.name}`,
    message: `Docker on this host has no network ${network.name}`,
    evidence: [`docker network ls --filter driver=macvlan: ${macvlan.join(', ') || 'none'}`],
    remedy: `look at the conditions of ${network.name} on this host: the agent makes it where nothing prevents it`,
  };
}

function ambiguous({ network }: SceneNetwork, named: readonly DockerNetwork[]): HostFinding {
  return {
    code: 'docker-network-differs',
    subject: `Docker network ${network.name}`,
    message: `Docker on this host has ${named.length} networks ${network.name}`,
    evidence: named.map(
      ({ id, driver, options }) => `${id}: ${driver} on ${options['parent'] ?? 'no parent'}`,
    ),
    remedy: 'remove all but one: docker network rm <id>',
  };
}

function differs({ network, linkName }: SceneNetwork, found: DockerNetwork): HostFinding[] {
  // Without a parent nobody knows what it should be, which is found by itself.
  if (linkName === null) return [];
  const ours = isOurs(found, network);
  const mark = found.labels[networkLabel];
  const how = [
    ...differences(found, network, fixedSpec(network, linkName), ours),
    ...(mark === undefined || mark === network.id ? [] : [`it has the label of Trunkline network ${mark}`]),
  ];
  if (how.length === 0) return [];
  return [
    {
      code: 'docker-network-differs',
      subject: `Docker network ${found.name}`,
      message: `Docker network ${found.name} of this host is not as ${network.name} should be: ${how.join('; ')}`,
      evidence: [`docker network inspect ${found.name}: ${shown(found)}`],
      remedy: ours
        ? `remove its containers, and the agent replaces it; or change ${network.name} again with ?force=true`
        : `Trunkline did not make it: remove it (docker network rm ${found.name}), and the agent makes the right one`,
    },
  ];
}

function shown({ id, driver, options, subnets, internal, ipamDriver }: DockerNetwork): string {
  const pools = subnets.map(({ cidr, gateway }) => `${cidr} gateway ${gateway ?? 'none'}`);
  return [
    `id ${id.slice(0, 12)}`,
    `driver ${driver}`,
    `parent ${options['parent'] ?? 'none'}`,
    `mode ${options['macvlan_mode'] ?? 'bridge'}`,
    `internal ${internal}`,
    `IPAM driver ${ipamDriver}`,
    ...pools,
  ].join(', ');
}

/** Those that run, and those that were asked about: of others that are stopped, nobody misses anything. */
function lost(
  { network }: SceneNetwork,
  docker: ObservedDocker,
  { containers }: Pick<Scene, 'containers'>,
): HostFinding[] {
  const found = onRemovedNetwork(docker, network).filter(
    ({ container: { name, status } }) =>
      status === 'running' || status === 'paused' || containers.some((asked) => asked.name === name),
  );
  if (found.length === 0) return [];
  return [
    {
      code: 'docker-lost-containers',
      subject: `Docker network ${network.name}`,
      message: `${namesOf(found.map(({ container }) => container))} hang on a network ${network.name} that Docker no longer has`,
      evidence: found.map(
        ({ container, endpoint }) =>
          `docker inspect ${container.name}: network ${network.name}, id ${endpoint.networkId.slice(0, 12)}; docker network ls has no such id`,
      ),
      remedy: 'restart Docker on this host; where that does not help, make these containers again',
    },
  ];
}

function dead(found: DockerNetwork, docker: ObservedDocker): HostFinding[] {
  if (!isDead(docker, found)) return [];
  const failed = [...docker.details.values()].flatMap(({ name, error }) =>
    error?.includes(found.id) === true ? [`docker inspect ${name}: ${error}`] : [],
  );
  return [
    {
      code: 'docker-lost-containers',
      subject: `Docker network ${found.name}`,
      message: `Docker lists network ${found.name} and has lost it: its parent did not exist when Docker started`,
      evidence: failed,
      remedy: 'restart Docker on this host; see to it that the agent starts before Docker, as its unit does',
    },
  ];
}
