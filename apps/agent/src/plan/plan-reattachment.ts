import type { DesiredNetwork } from '@trunkline/contracts';
import { mending, type ConditionDraft } from './conditions.ts';
import { leftBehind } from '../observation/lost-network.ts';
import { attachedTo, isOurs, namesOf } from '../observation/network-fit.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';
import type { Step } from './steps.ts';

/** What is left to do for containers that were on the network before it was made again. */
export interface Reattachment {
  readonly steps: readonly Step[];
  readonly conditions: readonly ConditionDraft[];
}

/**
 * Connects those that were disconnected again once the network is there (`usable`), and forgets those that are gone or on it
 * already. Where nobody disconnected them, since the network was removed by hand while they were stopped, that comes first.
 * Pure.
 */
export function planReattachment(network: DesiredNetwork, observed: Observed, usable: boolean): Reattachment {
  const { docker } = observed;
  const waiting = observed.detached[network.id] ?? [];
  if (!docker.reachable) return { steps: [], conditions: [] };
  if (waiting.length === 0) return usable ? fromEarlier(network, docker) : { steps: [], conditions: [] };
  const names = waiting.map(({ name }) => name).join(', ');
  const condition = mending(
    'ContainersAttached',
    'Detached',
    `${names} ${waiting.length === 1 ? 'was' : 'were'} disconnected to replace the network, and ${waiting.length === 1 ? 'is' : 'are'} being connected again`,
  );
  if (!usable) return { steps: [], conditions: [condition] };
  const there = docker.networks.find(({ name }) => name === network.name);
  const attached = there === undefined ? [] : attachedTo(docker, there).map(({ id }) => id);
  const steps = waiting.map((container): Step => {
    const exists = docker.containers.some(({ id }) => id === container.id);
    return !exists || attached.includes(container.id)
      ? { do: 'forget-detached', networkId: network.id, container }
      : { do: 'attach-container', networkId: network.id, network: network.name, container };
  });
  return { steps, conditions: [condition] };
}

/** Takes containers off the earlier network that Docker no longer has; they are then connected like the others. */
function fromEarlier(network: DesiredNetwork, docker: ObservedDocker): Reattachment {
  const there = docker.networks.find((one) => isOurs(one, network));
  const containers = there === undefined ? [] : leftBehind(docker, there);
  if (there === undefined || containers.length === 0) return { steps: [], conditions: [] };
  return {
    steps: [
      { do: 'detach-containers', networkId: network.id, dockerId: there.id, name: there.name, containers },
    ],
    conditions: [
      mending(
        'ContainersAttached',
        'LeftBehind',
        `${namesOf(containers)} ${containers.length === 1 ? 'was' : 'were'} stopped when Docker network ${network.name} was removed by hand, and could not start on the network that replaced it; ${containers.length === 1 ? 'it is' : 'they are'} being connected to it`,
      ),
    ],
  };
}
