import type { DesiredNetwork } from '@trunkline/contracts';
import { mending, type ConditionDraft } from './conditions.ts';
import { attachedTo } from './network-fit.ts';
import type { Observed } from './observe.ts';
import type { Step } from './steps.ts';

/** What is left to do for containers that were disconnected while their network was made anew. */
export type Reattachment = {
  readonly steps: readonly Step[];
  readonly conditions: readonly ConditionDraft[];
};

/** Connects them again once the network is there (`usable`), and forgets those that are gone or on it already. Pure. */
export function planReattachment(network: DesiredNetwork, observed: Observed, usable: boolean): Reattachment {
  const { docker } = observed;
  const waiting = observed.detached[network.id] ?? [];
  if (waiting.length === 0 || !docker.reachable) return { steps: [], conditions: [] };
  const names = waiting.map(({ name }) => name).join(', ');
  const condition = mending(
    'ContainersAttached',
    'Detached',
    `${names} ${waiting.length === 1 ? 'was' : 'were'} disconnected to make the network anew, and ${waiting.length === 1 ? 'is' : 'are'} being connected again`,
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
