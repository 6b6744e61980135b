import type { DesiredNetwork } from '@trunkline/contracts';
import type { DockerNetwork } from '../host/docker-engine.ts';
import { fails, holds, summary, unknown, type ConditionDraft } from './conditions.ts';
import { leftLink } from './link-users.ts';
import { fixedSpec, networkLabel, specHash, specLabel, type FixedSpec } from './marks.ts';
import { attachedTo, differences, isOurs } from './network-fit.ts';
import type { NetworkPlan } from './network-plan.ts';
import type { Observed, ObservedDocker } from './observe.ts';
import { parentInUse } from './parent-use.ts';
import { planLink } from './plan-link.ts';
import { planNetworkRemoval } from './plan-network-removal.ts';
import type { Step } from './steps.ts';

/**
 * What to do for one network. Pure. Only what carries our mark is ever removed: when the network is absent, or to make
 * it anew where Docker cannot change it; and never while a container is attached.
 *
 * `others`: all networks of the document, to see who shares a link.
 */
export function planNetwork(
  network: DesiredNetwork,
  observed: Observed,
  others: readonly DesiredNetwork[],
): NetworkPlan {
  if (network.state === 'absent') return planNetworkRemoval(network, observed, others);
  const below = planLink(network, observed, others);
  const left = leftLink(network, observed, others, below.link);
  const docker = planDocker(network, observed, below.link, below.usable);
  const parts = [...below.conditions, docker.condition];
  return {
    // What is taken away comes last.
    steps: [...below.steps, ...docker.steps, ...(left === null ? [] : [left])],
    conditions: [...parts, summary(parts, `Docker network ${network.name} is there on ${below.link ?? '?'}`)],
    link: below.link,
    dockerNetworkId: docker.dockerNetworkId,
    usable: docker.condition.status === 'True',
    removed: false,
  };
}

type DockerPart = {
  readonly steps: readonly Step[];
  readonly condition: ConditionDraft;
  readonly dockerNetworkId: string | null;
};

function planDocker(
  network: DesiredNetwork,
  observed: Observed,
  link: string | null,
  linkUsable: boolean,
): DockerPart {
  const { docker } = observed;
  if (!docker.reachable) return without(unknown('NetworkReady', 'DockerUnreachable', docker.message));
  const named = docker.networks.filter(({ name }) => name === network.name);
  if (named.length > 1) {
    return without(
      fails(
        'NetworkReady',
        'NameAmbiguous',
        `Docker has ${named.length} networks called ${network.name}: remove all but one (docker network rm <id>)`,
      ),
    );
  }
  const [found] = named;
  const wanted = link === null ? null : fixedSpec(network, link);
  if (found === undefined) return planCreation(network, docker, wanted, linkUsable);
  if (isOurs(found, network)) return planOwn(network, docker, found, wanted, linkUsable);
  return planForeign(network, observed, found, wanted);
}

function planCreation(
  network: DesiredNetwork,
  docker: ObservedDocker,
  wanted: FixedSpec | null,
  linkUsable: boolean,
  instead: DockerNetwork | null = null,
): DockerPart {
  if (wanted === null || !linkUsable) {
    return without(
      fails('NetworkReady', 'LinkNotReady', `Docker network ${network.name} waits for its interface`),
    );
  }
  const inUse = parentInUse(docker, wanted, instead);
  if (inUse !== null) return without(fails('NetworkReady', 'ParentInUse', inUse));
  const create: Step = { do: 'create-network', link: wanted.link, spec: creationSpec(network, wanted) };
  return {
    ...without(
      fails('NetworkReady', 'Missing', `Docker network ${network.name} does not exist; it is being made`),
    ),
    steps: [create],
  };
}

function planOwn(
  network: DesiredNetwork,
  docker: ObservedDocker,
  found: DockerNetwork,
  wanted: FixedSpec | null,
  linkUsable: boolean,
): DockerPart {
  const own = { steps: [], dockerNetworkId: found.id };
  if (wanted === null) {
    return {
      ...own,
      condition: fails('NetworkReady', 'LinkNotReady', 'the interface that it should hang on is not known'),
    };
  }
  const differs = differences(found, wanted, true);
  if (differs.length === 0) {
    return linkUsable
      ? { ...own, condition: holds('NetworkReady', 'Created', `Docker network ${network.name} is there`) }
      : {
          ...own,
          condition: fails(
            'NetworkReady',
            'LinkNotReady',
            `the interface under ${network.name} is not there`,
          ),
        };
  }
  const why = differs.join('; ');
  const attached = attachedTo(docker, found);
  if (attached.length > 0) {
    return {
      ...own,
      condition: fails(
        'NetworkReady',
        'ReplaceBlocked',
        `${why}: it must be made anew, but containers are attached: ${attached.join(', ')}; remove them first`,
      ),
    };
  }
  // Nothing is taken away that could not be put back at once.
  const creation = planCreation(network, docker, wanted, linkUsable, found);
  if (creation.steps.length === 0) return { ...creation, dockerNetworkId: found.id };
  return {
    steps: [
      { do: 'remove-network', dockerId: found.id, name: found.name, why: 'replace' },
      ...creation.steps,
    ],
    dockerNetworkId: found.id,
    condition: fails('NetworkReady', 'Outdated', `${why}; it is being made anew`),
  };
}

function planForeign(
  network: DesiredNetwork,
  observed: Observed,
  found: DockerNetwork,
  wanted: FixedSpec | null,
): DockerPart {
  const adopted = observed.adopted[network.id] === found.id;
  const mark = found.labels[networkLabel];
  const differs = wanted === null ? ['the wanted interface is not known'] : differences(found, wanted, false);
  if (mark !== undefined) {
    return without(
      fails(
        'NetworkReady',
        'NameTaken',
        `a Docker network ${network.name} exists and carries the mark of Trunkline network ${mark}; it is not touched: remove it by hand if it is left over`,
      ),
    );
  }
  if (differs.length > 0) {
    return without(
      fails(
        'NetworkReady',
        adopted ? 'AdoptedDiffers' : 'NameTaken',
        `a Docker network ${network.name} exists that Trunkline did not make, and it does not fit: ${differs.join('; ')}; it is not touched: remove or rename it by hand`,
      ),
    );
  }
  if (adopted) {
    return {
      steps: [],
      dockerNetworkId: found.id,
      condition: holds(
        'NetworkReady',
        'Adopted',
        `Docker network ${network.name} was there, fits and is used; it will not be removed`,
      ),
    };
  }
  return {
    steps: [{ do: 'adopt-network', networkId: network.id, dockerId: found.id, name: found.name }],
    dockerNetworkId: null,
    condition: fails(
      'NetworkReady',
      'Adopting',
      `Docker network ${network.name} is there and fits; it is being adopted`,
    ),
  };
}

function creationSpec(network: DesiredNetwork, wanted: FixedSpec) {
  return {
    name: network.name,
    driver: 'macvlan',
    options: { parent: wanted.link, macvlan_mode: wanted.mode },
    labels: { [networkLabel]: network.id, [specLabel]: specHash(wanted) },
    subnets: wanted.subnets.map(({ cidr, gateway }) => ({ cidr, ...(gateway === null ? {} : { gateway }) })),
    internal: wanted.internal,
    enableIPv6: wanted.subnets.some(({ cidr }) => cidr.includes(':')),
  };
}

function without(condition: ConditionDraft): DockerPart {
  return { steps: [], condition, dockerNetworkId: null };
}
