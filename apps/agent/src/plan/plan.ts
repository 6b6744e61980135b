import type { DesiredContainer, DesiredDocument } from '@trunkline/contracts';
import { fails, holds, summary, type ConditionDraft } from './conditions.ts';
import type { NetworkPlan } from './network-plan.ts';
import type { Observed } from '../observation/observed.ts';
import { planContainer, type ContainerPlan } from './plan-container.ts';
import { planNetwork } from './plan-network.ts';
import { planRevivals, type RevivalPlan } from './plan-revivals.ts';
import { planSharers } from './plan-sharers.ts';
import { preparation } from './preparation.ts';
import { sharedStackOfHost } from './stack-conditions.ts';
import type { Step } from './steps.ts';

/**
 * Names one item that the queue works on: a network or container of the document by its id, or a container of others that is
 * to be started again by Docker's id.
 */
export type ItemKey = `network:${string}` | `container:${string}` | `revival:${string}`;

/** Plans of all items against one look. Each is worked out when first asked for. */
export interface HostPlan {
  readonly networks: ReadonlyMap<string, () => NetworkPlan>;
  readonly containers: ReadonlyMap<string, () => ContainerPlan>;
  /** The only plans for what the document does not name: starts that failed, and what shares a stack; by Docker's id. */
  readonly revivals: () => ReadonlyMap<string, RevivalPlan>;
  /** Every item that has a plan. */
  readonly keys: () => readonly ItemKey[];
  /** The plan of an item; undefined for one that is left alone. */
  readonly item: (key: ItemKey) => NetworkPlan | ContainerPlan | RevivalPlan | undefined;
  /** The items whose report shows what was done for an item: itself, or the networks of a container of others. */
  readonly shownBy: (key: ItemKey) => readonly ItemKey[];
  /** All steps that concern a network of the document: its own, and the starts of others' containers on it. */
  readonly stepsAround: (networkId: string) => readonly Step[];
}

/**
 * What to do, as a pure function of what should be and what is. What the document does not name gets no plan, except containers
 * of others whose start failed at a network of ours, or that share the stack of one there. Without a document there are only those.
 */
export function planHost(desired: DesiredDocument | null, observed: Observed): HostPlan {
  const wanted = { networks: desired?.networks ?? [], containers: desired?.containers ?? [] };
  const networks = new Map(
    wanted.networks.map((network) => [
      network.id,
      once(() => planNetwork(network, observed, wanted.networks)),
    ]),
  );
  const byName = new Map<string, DesiredContainer>(wanted.containers.map((one) => [one.name, one]));
  const around = {
    restartsBroken: (id: string) =>
      wanted.networks.some((network) => network.id === id && network.restartBroken),
    networkWaits: (id: string) => waitOf(networks.get(id)?.()),
    networkOf: (id: string) => wanted.networks.find((network) => network.id === id),
    desiredByName: (name: string) => byName.get(name),
    desiredSharers: (name: string) =>
      wanted.containers.filter(({ networkMode }) => networkMode === `container:${name}`),
  };
  const containers = new Map(
    wanted.containers.map((container) => [
      container.id,
      once(() => planContainer(container, observed, around)),
    ]),
  );
  const revivals = once(
    () => new Map([...planRevivals(observed, wanted.networks), ...planSharers(observed, wanted.networks)]),
  );
  return {
    networks,
    containers,
    revivals,
    keys: () => [
      ...wanted.networks.map(({ id }): ItemKey => `network:${id}`),
      ...wanted.containers.map(({ id }): ItemKey => `container:${id}`),
      ...[...revivals().keys()].map((id): ItemKey => `revival:${id}`),
    ],
    item: (key) => {
      const id = idIn(key);
      if (key.startsWith('revival:')) return revivals().get(id);
      return (key.startsWith('network:') ? networks : containers).get(id)?.();
    },
    shownBy: (key) =>
      key.startsWith('revival:')
        ? (revivals().get(idIn(key))?.networkIds ?? []).map((id): ItemKey => `network:${id}`)
        : [key],
    stepsAround: (networkId) => [
      ...(networks.get(networkId)?.().steps ?? []),
      ...[...revivals().values()]
        .filter(({ networkIds }) => networkIds.includes(networkId))
        .flatMap(({ steps }) => steps),
    ],
  };
}

/**
 * Conditions of the host itself. `more`: conditions that others report of it, on which `Ready` depends as well. `lookingForMs`: how
 * long the next look has been under way.
 */
export function hostConditions(
  observed: Observed,
  desired: DesiredDocument | null,
  more: readonly ConditionDraft[] = [],
  lookingForMs: number | null = null,
): ConditionDraft[] {
  const stacks = observed.docker.reachable ? sharedStackOfHost(observed.docker, observed.permitted) : null;
  const parts = [
    docker(observed, lookingForMs),
    ...preparation(observed, desired),
    ...more,
    ...(stacks === null ? [] : [stacks]),
  ];
  return [...parts, summary(parts, 'the agent observes the host, and the host meets all requirements')];
}

/** A look at Docker that takes longer is reported as slow, in milliseconds. */
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

function idIn(key: ItemKey): string {
  return key.slice(key.indexOf(':') + 1);
}

function waitOf(plan: NetworkPlan | undefined): string | null {
  if (plan === undefined) return 'it should not be on this host';
  if (plan.usable) return null;
  return plan.conditions.at(-1)?.message ?? 'it is not ready';
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
