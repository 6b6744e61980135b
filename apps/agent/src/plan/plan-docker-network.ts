import type { DesiredNetwork } from '@trunkline/contracts';
import type { DockerContainer, DockerNetwork } from '../host/docker-engine.ts';
import { ipv6OnlySince, isAtLeast, parseApiVersion } from '../host/docker-api-version.ts';
import { addressBookCondition } from './address-book-condition.ts';
import { fails, holds, mending, unknown, type ConditionDraft } from './conditions.ts';
import { isBusy, isDead } from '../observation/lost-network.ts';
import {
  containerLabel,
  fixedSpec,
  ipamDriver,
  ipamNetworkOption,
  networkLabel,
  specHash,
  specLabel,
  type FixedSpec,
} from '../observation/marks.ts';
import {
  attachedTo,
  detachedOf,
  differences,
  endpointOn,
  isCoordinated,
  isOurs,
  namesOf,
  standInOf,
} from '../observation/network-fit.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';
import { everything, type Permissions } from '../observation/permissions.ts';
import { parentInUse } from './parent-use.ts';
import { subnetOnWire } from './subnet-on-wire.ts';
import type { LinkPlan } from './plan-link.ts';
import type { Step } from './steps.ts';

/** What a network needs of Docker. */
export interface DockerPart {
  readonly steps: readonly Step[];
  readonly condition: ConditionDraft;
  /** Why its addresses are not given by the address book; null where they are, or where nothing is there. */
  readonly book: ConditionDraft | null;
  readonly dockerNetworkId: string | null;
}

/** Docker's network on its link. Pure. `others`: all networks of the document, to see what is on the same wire. */
export function planDockerNetwork(
  network: DesiredNetwork,
  observed: Observed,
  { link, usable: linkUsable }: Pick<LinkPlan, 'link' | 'usable'>,
  others: readonly DesiredNetwork[],
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
  const onWire = link === null ? null : subnetOnWire(network, link, observed, others);
  if (found === undefined) return planCreation(network, observed, docker, { wanted, linkUsable, onWire });
  const own = isOurs(found, network);
  const part = own
    ? planOwn(network, observed, docker, found, { wanted, linkUsable, onWire })
    : planForeign(network, observed, found, wanted, linkUsable);
  // One that is about to be made again, or that is not ours, gets no such condition.
  if (part.dockerNetworkId === null || part.steps.length > 0) return part;
  return { ...part, book: addressBookCondition(network, observed, docker, found, own) };
}

/** What a Docker network is made on. */
interface Ground {
  /** Null where its interface is not known. */
  readonly wanted: FixedSpec | null;
  readonly linkUsable: boolean;
  /** See {@link subnetOnWire}. */
  readonly onWire: string | null;
}

function planCreation(
  network: DesiredNetwork,
  { book }: Pick<Observed, 'book'>,
  docker: ObservedDocker,
  { wanted, linkUsable, onWire }: Ground,
  instead: DockerNetwork | null = null,
): DockerPart {
  if (wanted === null || !linkUsable) {
    return without(
      fails('NetworkReady', 'LinkNotReady', `Docker network ${network.name} waits for its interface`),
    );
  }
  const tooOld = engineTooOld(network, docker);
  if (tooOld !== null) return without(fails('NetworkReady', 'EngineTooOld', tooOld));
  if (onWire !== null) return without(fails('NetworkReady', 'SubnetOnWire', onWire));
  const inUse = parentInUse(docker, wanted, instead);
  if (inUse !== null) return without(fails('NetworkReady', 'ParentInUse', inUse));
  if (book.notServing !== null) {
    return without(
      fails(
        'NetworkReady',
        'DriverNotServing',
        `Docker network ${network.name} is created once Docker can request addresses from the agent: ${book.notServing}`,
      ),
    );
  }
  const create: Step = { do: 'create-network', link: wanted.link, spec: creationSpec(network, wanted) };
  return {
    ...without(
      mending(
        'NetworkReady',
        'Missing',
        `Docker network ${network.name} does not exist; it is being created`,
      ),
    ),
    steps: [create],
  };
}

function planOwn(
  network: DesiredNetwork,
  observed: Observed,
  docker: ObservedDocker,
  found: DockerNetwork,
  ground: Ground,
): DockerPart {
  const { wanted, linkUsable } = ground;
  const own = { steps: [], dockerNetworkId: found.id, book: null };
  if (wanted === null) {
    return {
      ...own,
      condition: fails('NetworkReady', 'LinkNotReady', 'the interface that it should use is not known'),
    };
  }
  const differs = differences(found, network, wanted, true);
  const dead = differs.length === 0 && isDead(docker, found);
  const attached = attachedTo(docker, found);
  const untouchable = notToDetach(attached, observed.permitted ?? everything);
  // One whose addresses Docker gives by itself works as it is; it is moved to the driver where that cuts nobody off.
  // So does one that Docker was given an address of the subnet for, in place of the gateway that it does not have.
  const standIn = standInOf(found, network, observed.book.standIns ?? []);
  const moves =
    (!isCoordinated(found) || standIn !== null) &&
    observed.book.notServing === null &&
    linkUsable &&
    (attached.length === 0 || (network.force && untouchable.length === 0));
  if (differs.length === 0 && !dead && !moves) {
    return linkUsable
      ? { ...own, condition: holds('NetworkReady', 'Created', `Docker network ${network.name} exists`) }
      : {
          ...own,
          condition: fails(
            'NetworkReady',
            'LinkNotReady',
            `the interface under ${network.name} is missing or cannot be used`,
          ),
        };
  }
  const why = dead
    ? `Docker lost network ${network.name}: its parent did not exist when Docker started`
    : differs.length > 0
      ? differs.join('; ')
      : standIn === null
        ? 'Docker chooses its addresses by itself'
        : `Docker uses ${standIn} as its gateway, and the network has none`;
  // No container runs on a network that Docker lost: nobody is cut off when it is made again.
  const mayDetach = network.force || (dead && !isBusy(docker, found));
  if (mayDetach && untouchable.length > 0) {
    const { containers } = observed.permitted ?? everything;
    return {
      ...own,
      condition: fails(
        'NetworkReady',
        'ReplaceBlocked',
        `${why}: it must be replaced, but containers are attached that this host does not let its agent disconnect (TRUNKLINE_CONTAINERS=${containers} of the agent, which no server can override): ${namesOf(untouchable)}; remove them first`,
      ),
    };
  }
  if (attached.length > 0 && !mayDetach) {
    return {
      ...own,
      condition: fails(
        'NetworkReady',
        'ReplaceBlocked',
        `${why}: it must be replaced, but containers are attached: ${namesOf(attached)}; remove them first, or change the network again with ?force=true, which disconnects them and connects them again`,
      ),
    };
  }
  // Nothing is taken away that could not be put back at once.
  const creation = planCreation(network, observed, docker, ground, found);
  if (creation.steps.length === 0) return { ...creation, dockerNetworkId: found.id };
  const detach: Step[] =
    attached.length === 0
      ? []
      : [
          {
            do: 'detach-containers',
            networkId: network.id,
            dockerId: found.id,
            name: found.name,
            containers: attached.map((container) => detachedOf(container, endpointOn(container, found))),
          },
        ];
  return {
    steps: [
      ...detach,
      { do: 'remove-network', dockerId: found.id, name: found.name, why: dead ? 'dead' : 'replace' },
      ...creation.steps,
    ],
    dockerNetworkId: found.id,
    book: null,
    condition: mending('NetworkReady', dead ? 'LostByDocker' : 'Outdated', `${why}; it is being replaced`),
  };
}

/** Of the containers on a Docker network those that the agent may not take off it. */
const notToDetach = (attached: readonly DockerContainer[], { containers }: Permissions): DockerContainer[] =>
  attached.filter(
    ({ labels }) => containers === 'off' || (containers === 'own' && labels[containerLabel] === undefined),
  );

function planForeign(
  network: DesiredNetwork,
  observed: Observed,
  found: DockerNetwork,
  wanted: FixedSpec | null,
  linkUsable: boolean,
): DockerPart {
  const adopted = observed.adopted[network.id] === found.id;
  const mark = found.labels[networkLabel];
  const differs =
    wanted === null
      ? ['the interface that it should use is not known']
      : differences(found, network, wanted, false);
  if (mark !== undefined) {
    return without(
      fails(
        'NetworkReady',
        'NameTaken',
        `a Docker network ${network.name} exists and has the label of Trunkline network ${mark}; it is left alone: remove it by hand if it is no longer used`,
      ),
    );
  }
  if (differs.length > 0) {
    return without(
      fails(
        'NetworkReady',
        adopted ? 'AdoptedDiffers' : 'NameTaken',
        `a Docker network ${network.name} exists that Trunkline did not create, and it differs: ${differs.join('; ')}; it is left alone: remove or rename it by hand`,
      ),
    );
  }
  if (!linkUsable) {
    return without(
      fails(
        'NetworkReady',
        'LinkNotReady',
        `Docker network ${network.name} exists, and its interface is missing or cannot be used`,
      ),
    );
  }
  if (adopted) {
    return {
      steps: [],
      dockerNetworkId: found.id,
      book: null,
      condition: holds(
        'NetworkReady',
        'Adopted',
        `Docker network ${network.name} existed before, matches and is used; it will not be removed`,
      ),
    };
  }
  return {
    steps: [{ do: 'adopt-network', networkId: network.id, dockerId: found.id, name: found.name }],
    dockerNetworkId: null,
    book: null,
    condition: mending(
      'NetworkReady',
      'Adopting',
      `Docker network ${network.name} exists and matches; it is being adopted`,
    ),
  };
}

/** Why this Engine cannot have the network; null when it can. */
function engineTooOld(network: DesiredNetwork, { version }: ObservedDocker): string | null {
  if (network.subnets.some(({ cidr }) => !cidr.includes(':'))) return null;
  const spoken = parseApiVersion(version.apiVersion);
  if (spoken !== undefined && isAtLeast(spoken, ipv6OnlySince)) return null;
  return `Docker ${version.version} gives every network an IPv4 subnet, and ${network.name} has none: add one, or update Docker on this host to 28 or later`;
}

function creationSpec(network: DesiredNetwork, wanted: FixedSpec) {
  return {
    name: network.name,
    driver: 'macvlan',
    options: { parent: wanted.link, macvlan_mode: wanted.mode },
    labels: { [networkLabel]: network.id, [specLabel]: specHash(wanted) },
    subnets: wanted.subnets.map(({ cidr, gateway }) => ({ cidr, ...(gateway === null ? {} : { gateway }) })),
    internal: wanted.internal,
    ipamDriver,
    ipamOptions: { [ipamNetworkOption]: network.id },
    enableIPv6: wanted.subnets.some(({ cidr }) => cidr.includes(':')),
  };
}

function without(condition: ConditionDraft): DockerPart {
  return { steps: [], condition, book: null, dockerNetworkId: null };
}
