import {
  maxSharers,
  type Condition,
  type ContainerReport,
  type DesiredContainer,
  type DesiredDocument,
  type DesiredNetwork,
  type HostFacts,
  type InventoryItem,
  type PlacementReport,
  type Report,
} from '@trunkline/contracts';
import type { DockerContainer, DockerContainerDetail, DockerContainerStatus } from '../host/docker-engine.ts';
import { conflictCondition, type ForeignStation } from '../plan/conflict-condition.ts';
import { stamp, type ConditionDraft } from '../plan/conditions.ts';
import { withFailure, type StepFailure } from './failures.ts';
import type { Observed } from '../observation/observed.ts';
import { stackSharing, type StackSharing } from '../observation/stack-sharing.ts';
import { managedNetworks } from '../plan/managed-networks.ts';
import { hostConditions, planHost, type HostPlan, type ItemKey } from '../plan/plan.ts';
import { sharedStackOf } from '../plan/stack-conditions.ts';

/** What is remembered of an item between looks. */
export interface ItemMemory {
  /** Generation that was last carried out, or tried to be. */
  readonly attempted: (key: ItemKey) => number;
  readonly failure: (key: ItemKey) => StepFailure | undefined;
  readonly lastAction: (key: ItemKey) => string | null;
  /** Steps of it are being carried out: what the last look saw is about to change. */
  readonly isWorkedOn: (key: ItemKey) => boolean;
}

/** What a report is made from. */
export interface ReportInput {
  readonly desired: DesiredDocument | null;
  readonly observed: Observed;
  /** The last look at which Docker answered: what was seen then stays in the report while Docker is down. */
  readonly withDocker: Observed | null;
  readonly facts: HostFacts;
  /** How long a newer look than `observed` has been under way, in milliseconds; null without one. */
  readonly lookingForMs?: number | null;
  readonly observedRevision: string;
  readonly memory: ItemMemory;
  /** What is known of the addresses; null where nobody keeps any. */
  readonly addressBook: {
    readonly hostCondition: () => ConditionDraft;
    readonly networkCondition: (network: DesiredNetwork) => ConditionDraft;
    readonly conflictsOf: (networkId: string) => readonly ForeignStation[];
  } | null;
  /** What is known of names; null where nobody keeps any. */
  readonly names: {
    readonly conditionsOf: (network: DesiredNetwork) => readonly ConditionDraft[];
    /** Names of a container on a Docker network beside its own; null: nobody looked. */
    readonly aliasesOf: (containerId: string, dockerNetworkId: string) => readonly string[] | null;
  } | null;
  /** The DNS responder; null where there is none. */
  readonly nameServer: { readonly condition: () => ConditionDraft | null } | null;
  /** The report before, for the times of its conditions. */
  readonly before: Report | null;
}

/** Builds the report of what was observed. Pure. */
export function buildReport(input: ReportInput): Report {
  const { desired, observed, before } = input;
  const now = new Date(observed.at).toISOString();
  const plan = desired === null ? null : planHost(desired, observed);
  const known = desired === null || input.withDocker === null ? null : planHost(desired, input.withDocker);
  const seen = input.withDocker?.docker;
  const sharing = stackSharing(seen?.reachable === true ? seen.containers : []);
  return {
    observedAt: now,
    observedRevision: input.observedRevision,
    facts: input.facts,
    conditions: stamp(
      hostConditions(
        observed,
        desired,
        [input.addressBook?.hostCondition() ?? [], input.nameServer?.condition() ?? []].flat(),
        input.lookingForMs ?? null,
      ),
      before?.conditions ?? [],
      0,
      now,
    ),
    placements: (desired?.networks ?? []).flatMap((network) =>
      plan === null ? [] : [placementReport(network, plan, known, input, now)],
    ),
    containers: (desired?.containers ?? []).flatMap((container) => {
      const found = known?.containers.get(container.id)?.().found ?? null;
      // While Docker is silent, what was seen is repeated; that something is not there is no longer known.
      if (plan === null || (found === null && !observed.docker.reachable)) return [];
      return [containerReport(container, found, plan, input, sharing, now)];
    }),
    inventory:
      desired === null || known === null || input.withDocker === null
        ? []
        : inventory(known, desired, input.withDocker, input.names, sharing),
  };
}

function placementReport(
  network: DesiredNetwork,
  plan: HostPlan,
  known: HostPlan | null,
  input: ReportInput,
  now: string,
): PlacementReport {
  const key: ItemKey = `network:${network.id}`;
  const own = plan.networks.get(network.id)?.();
  const before = input.before?.placements.find(({ networkId }) => networkId === network.id);
  const generation = carriedOut(network.generation, own?.steps ?? [], key, input.memory);
  const drafts = withFailure(own?.conditions ?? [], own?.steps ?? [], input.memory.failure(key));
  // Where Docker does not ask the address book, the plan reports why, and the book has nothing to add.
  const isReported = drafts.some(({ type }) => type === 'AddressPool');
  const addresses =
    input.addressBook === null || network.state === 'absent' || isReported
      ? []
      : [input.addressBook.networkCondition(network)];
  const conflicts =
    network.state === 'absent'
      ? []
      : (input.addressBook?.conflictsOf(network.id) ?? []).slice(0, maxConflicts);
  const conflict = conflictCondition(conflicts, before?.conditions ?? []);
  const names = network.state === 'absent' ? [] : (input.names?.conditionsOf(network) ?? []);
  return {
    networkId: network.id,
    generation,
    removed: own?.removed ?? false,
    dockerNetworkId: known?.networks.get(network.id)?.().dockerNetworkId ?? null,
    link: own?.link ?? null,
    lastAction: input.memory.lastAction(key)?.slice(0, 1024) ?? null,
    conditions: stampAll(
      [...drafts, ...addresses, ...conflict, ...names],
      before?.conditions,
      generation,
      now,
    ),
    conflicts: conflicts.map(({ ip, container, mac }) => ({ ip, container, mac })),
  };
}

/** Bound of the contract (`PlacementReport.conflicts`). */
const maxConflicts = 256;

function containerReport(
  container: DesiredContainer,
  found: DockerContainerDetail | null,
  plan: HostPlan,
  input: ReportInput,
  sharing: StackSharing,
  now: string,
): ContainerReport {
  const key: ItemKey = `container:${container.id}`;
  const own = plan.containers.get(container.id)?.();
  const before = input.before?.containers.find(({ containerId }) => containerId === container.id);
  const generation = carriedOut(container.generation, own?.steps ?? [], key, input.memory);
  const drafts = withFailure(own?.conditions ?? [], own?.steps ?? [], input.memory.failure(key));
  const docker = input.withDocker?.docker;
  const shared = docker?.reachable === true ? sharedStackOf(container.name, found, docker) : null;
  const ended = found !== null && (found.status === 'exited' || found.status === 'dead');
  return {
    containerId: container.id,
    generation,
    state: found === null ? 'absent' : stateOf(found.status),
    dockerId: found?.id ?? null,
    startedAt: found?.startedAt == null ? null : new Date(found.startedAt).toISOString(),
    exitCode: ended ? found.exitCode : null,
    endpoints: (found?.endpoints ?? []).map((endpoint) => ({
      network: endpoint.networkName,
      ipv4: endpoint.ipv4,
      ipv6: endpoint.ipv6,
      mac: endpoint.mac,
    })),
    ...sharedBy(found === null ? [] : sharing.sharersOf(found.id)),
    conditions: stampAll(
      [...(shared === null ? [] : [shared]), ...drafts],
      before?.conditions,
      generation,
      now,
    ),
  };
}

/**
 * Everything on our networks, whoever started it, and on others whose addresses are ours, as Docker networks made by hand for a
 * network of ours. A stopped one still keeps the address that it was made with.
 */
function inventory(
  plan: HostPlan,
  desired: DesiredDocument,
  observed: Observed,
  names: ReportInput['names'],
  sharing: StackSharing,
): InventoryItem[] {
  if (!observed.docker.reachable) return [];
  const managed = managedNetworks(plan, desired, observed.docker);
  return observed.docker.containers.flatMap((container) => {
    // On several Docker networks of one network it is reported once: the book has a row for each container and network.
    const reported = new Set<string>();
    return container.endpoints.flatMap((endpoint) => {
      const networkIds = (managed.get(endpoint.networkId) ?? []).filter((one) => !reported.has(one));
      return networkIds.map((networkId) => {
        reported.add(networkId);
        return {
          dockerId: container.id,
          name: container.name,
          state: stateOf(container.status),
          networkId,
          ipv4: endpoint.ipv4 ?? endpoint.requestedIpv4,
          ipv6: endpoint.ipv6 ?? endpoint.requestedIpv6,
          mac: endpoint.mac,
          ...aliasesOf(names, container.id, endpoint.networkId),
          ...sharedBy(sharing.allSharersOf(container.id)),
        };
      });
    });
  });
}

/** Left out where nobody shares the stack. */
function sharedBy(sharers: readonly DockerContainer[]): Pick<InventoryItem, 'sharedBy'> {
  return sharers.length === 0 ? {} : { sharedBy: sharers.slice(0, maxSharers).map(({ name }) => name) };
}

/** Left out where nobody looked: the server keeps what it has. */
function aliasesOf(
  names: ReportInput['names'],
  containerId: string,
  dockerNetworkId: string,
): Pick<InventoryItem, 'aliases'> {
  const aliases = names?.aliasesOf(containerId, dockerNetworkId) ?? null;
  return aliases === null ? {} : { aliases: [...aliases] };
}

/**
 * With nothing left to do, what is wanted is carried out, whoever did it. Not while steps of an earlier plan are on their way: a container that is just
 * being made would be reported as removed, and be nobody's once it is there.
 */
function carriedOut(wanted: number, steps: readonly unknown[], key: ItemKey, memory: ItemMemory): number {
  return steps.length === 0 && !memory.isWorkedOn(key) ? wanted : Math.min(wanted, memory.attempted(key));
}

function stampAll(
  drafts: readonly ConditionDraft[],
  before: readonly Condition[] | undefined,
  generation: number,
  now: string,
): Condition[] {
  return stamp(drafts, before ?? [], generation, now);
}

/** A state that only a newer Docker knows is reported as `created`: the container exists, and no more is claimed. */
function stateOf(status: DockerContainerStatus): ContainerReport['state'] {
  return status === 'unknown' ? 'created' : status;
}
