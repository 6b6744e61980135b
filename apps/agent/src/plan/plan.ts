import type { DesiredContainer, DesiredDocument } from '@trunkline/contracts';
import { fails, holds, summary, type ConditionDraft } from './conditions.ts';
import type { NetworkPlan } from './network-plan.ts';
import type { Observed } from '../observation/observed.ts';
import { planContainer, type ContainerPlan } from './plan-container.ts';
import { planNetwork } from './plan-network.ts';
import { preparation } from './preparation.ts';

/** Names one item of the document: what the queue works on. */
export type ItemKey = `network:${string}` | `container:${string}`;

/** Plans of the items of a document against one look. Each is worked out when first asked for. */
export interface HostPlan {
  readonly networks: ReadonlyMap<string, () => NetworkPlan>;
  readonly containers: ReadonlyMap<string, () => ContainerPlan>;
  /** The plan of an item; undefined for one that the document does not name, which is left alone. */
  readonly item: (key: ItemKey) => NetworkPlan | ContainerPlan | undefined;
}

/** What to do, as a pure function of what should be and what is. What the document does not name gets no plan. */
export function planHost(desired: DesiredDocument, observed: Observed): HostPlan {
  const networks = new Map(
    desired.networks.map((network) => [
      network.id,
      once(() => planNetwork(network, observed, desired.networks)),
    ]),
  );
  const byName = new Map<string, DesiredContainer>(desired.containers.map((one) => [one.name, one]));
  const around = {
    restartsBroken: (id: string) =>
      desired.networks.some((network) => network.id === id && network.restartBroken),
    networkWaits: (id: string) => waitOf(networks.get(id)?.()),
    networkOf: (id: string) => desired.networks.find((network) => network.id === id),
    desiredByName: (name: string) => byName.get(name),
  };
  const containers = new Map(
    desired.containers.map((container) => [
      container.id,
      once(() => planContainer(container, observed, around)),
    ]),
  );
  return {
    networks,
    containers,
    item: (key) => {
      const colon = key.indexOf(':');
      const plans = key.startsWith('network:') ? networks : containers;
      return plans.get(key.slice(colon + 1))?.();
    },
  };
}

/**
 * Conditions of the host itself; `more`: what others say of it, on which `Ready` depends as well; `lookingForMs`: how long
 * the next look has been under way.
 */
export function hostConditions(
  observed: Observed,
  desired: DesiredDocument | null,
  more: readonly ConditionDraft[] = [],
  lookingForMs: number | null = null,
): ConditionDraft[] {
  const parts = [docker(observed, lookingForMs), ...preparation(observed, desired), ...more];
  return [...parts, summary(parts, 'the agent observes the host, and the host meets all requirements')];
}

/** A look at Docker that takes longer is worth saying, in milliseconds. */
const slowMs = 5_000;

/** `lookingForMs`: how long a newer look has been under way; what is shown is that much older. */
function docker({ docker: seen, at }: Observed, lookingForMs: number | null): ConditionDraft {
  if (!seen.reachable)
    return fails(
      'DockerReachable',
      'DockerUnreachable',
      `${seen.message}; start Docker, or name its socket in TRUNKLINE_DOCKER_SOCKET`,
    );
  const { version } = seen.version;
  const shown = `the data is from ${new Date(at).toISOString()}; find out what keeps the host busy (top, iostat)`;
  if (lookingForMs !== null && lookingForMs > slowMs)
    return holds(
      'DockerReachable',
      'DockerSlow',
      `Docker ${version} is slow: an observation has been under way for ${seconds(lookingForMs)}, ${shown}`,
    );
  if ((seen.tookMs ?? 0) > slowMs)
    return holds(
      'DockerReachable',
      'DockerSlow',
      `Docker ${version} is slow: the last observation took ${seconds(seen.tookMs ?? 0)}, ${shown}`,
    );
  return holds('DockerReachable', 'DockerAnswers', `Docker ${version} answers`);
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

function waitOf(plan: NetworkPlan | undefined): string | null {
  if (plan === undefined) return 'it should not be on this host';
  if (plan.usable) return null;
  return plan.conditions.at(-1)?.message ?? 'it is not ready';
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
