import { messageOf } from '@trunkline/log';
import type { ConditionName } from '@trunkline/contracts';
import { CommandFailed } from '../host/command.ts';
import {
  DockerConflict,
  DockerRefused,
  DockerUnreachable,
  DockerUnsupported,
} from '../host/docker-errors.ts';
import { LinkConflict } from '../host/links.ts';
import { failsAs, summary, type ConditionDraft } from '../plan/conditions.ts';
import type { Step } from '../plan/steps.ts';

/** A step that failed, with the condition that it belongs to. */
export type StepFailure = ConditionName & {
  readonly step: Step['do'];
  readonly message: string;
  /** Trying again cannot help until something changes. */
  readonly terminal: boolean;
};

/**
 * Reads what went wrong with a step. Null when Docker just does not answer: the next look reports that better. Of a container of
 * others there is nothing but the failure to report.
 */
export function readFailure(step: Step, error: unknown): StepFailure | null {
  if (error instanceof DockerUnreachable && !startsOthers.has(step.do)) return null;
  const message = messageOf(error);
  const name = place(step, error);
  const { reason } = name;
  const terminal =
    error instanceof LinkConflict || error instanceof DockerUnsupported || reason === 'VlanUnsupported';
  return { step: step.do, ...name, message: advise(step, reason, message), terminal };
}

const startsOthers: ReadonlySet<Step['do']> = new Set(['start-again', 'restart-sharer', 'start-sharer']);

/** Puts a failure into conditions whose plan still wants the step that failed. */
export function withFailure(
  drafts: readonly ConditionDraft[],
  steps: readonly Step[],
  failure: StepFailure | undefined,
): readonly ConditionDraft[] {
  if (failure === undefined || !steps.some((step) => step.do === failure.step)) return drafts;
  const condition = failsAs(failure, failure.message);
  if (condition.type === 'Ready') return drafts.map((draft) => (draft.type === 'Ready' ? condition : draft));
  const parts = drafts.filter(({ type }) => type !== 'Ready');
  const found = parts.some(({ type }) => type === condition.type);
  const replaced = found
    ? parts.map((part) => (part.type === condition.type ? condition : part))
    : [...parts, condition];
  return [...replaced, summary(replaced, '')];
}

const failedUp: Record<(Step & { do: 'set-link-up' })['as'], ConditionName> = {
  parent: { type: 'ParentReady', reason: 'ParentUpFailed' },
  vlan: { type: 'LinkReady', reason: 'LinkUpFailed' },
  shim: { type: 'HostAccess', reason: 'HostAccessFailed' },
};

function place(step: Step, error: unknown): ConditionName {
  switch (step.do) {
    case 'set-link-up':
      return failedUp[step.as];
    case 'set-link-down':
    case 'forget-link-to-restore':
      return { type: 'LinkReady', reason: 'LinkDownFailed' };
    case 'load-module':
      return { type: 'LinkReady', reason: 'VlanUnsupported' };
    case 'enable-forwarding':
      return { type: 'Forwarding', reason: 'ForwardingFailed' };
    case 'set-mtu':
      return { type: 'MtuReady', reason: 'MtuRefused' };
    case 'hand-over-link':
      return { type: 'LinkReady', reason: 'LinkFailed' };
    case 'add-shim':
    case 'change-shim-routes':
    case 'change-host-routes':
      return { type: 'HostAccess', reason: 'HostAccessFailed' };
    case 'detach-containers':
      return { type: 'NetworkReady', reason: 'ReplaceFailed' };
    case 'attach-container':
    case 'forget-detached':
      return { type: 'ContainersAttached', reason: 'AttachFailed' };
    case 'set-promiscuous':
      return { type: 'Promiscuous', reason: 'PromiscuousFailed' };
    case 'add-vlan':
      return { type: 'LinkReady', reason: isVlanUnsupported(error) ? 'VlanUnsupported' : 'LinkFailed' };
    case 'remove-network':
      return { type: 'NetworkReady', reason: isMiscount(error) ? 'EndpointsMiscounted' : 'RemovalFailed' };
    case 'remove-link':
    case 'forget-adoption':
      return { type: 'NetworkReady', reason: 'RemovalFailed' };
    case 'create-network':
      return { type: 'NetworkReady', reason: isParentInUse(error) ? 'ParentInUse' : 'CreateRefused' };
    case 'adopt-network':
      return { type: 'NetworkReady', reason: 'AdoptFailed' };
    case 'pull-image':
      return { type: 'ImageReady', reason: 'PullFailed' };
    case 'create-container':
      return { type: 'Ready', reason: 'CreateFailed' };
    case 'start-container':
    case 'restart-container':
      return { type: 'Ready', reason: 'StartFailed' };
    case 'set-restart-policy':
      return { type: 'Ready', reason: 'UpdateFailed' };
    case 'start-again':
    case 'restart-sharer':
    case 'start-sharer':
      return { type: 'AddressPool', reason: 'ContainerNotStarted' };
    case 'set-default-route':
      return { type: 'DefaultRoute', reason: 'RouteRefused' };
    case 'stop-container':
    case 'remove-container':
      return { type: 'Ready', reason: 'RemovalFailed' };
  }
}

function advise(step: Step, reason: string, message: string): string {
  if (reason === 'VlanUnsupported') {
    return `the kernel of this host has no 802.1Q VLANs: load the module (modprobe 8021q) or use a network without VLAN (${message})`;
  }
  if (reason === 'ParentInUse') {
    return `${message}; an Engine before 27 allows one macvlan network per parent: remove the other network or update Docker. If no network of this host has an id that begins like that (docker network ls), Docker restored one that it had lost before: update Docker`;
  }
  if (reason === 'EndpointsMiscounted') {
    return `${message}, yet no container of this host is attached: an Engine before 28.1 can lose count when containers start at the same time (moby issue 42119); restart Docker on this host, so that it counts again: the removal is repeated automatically`;
  }
  if (step.do === 'pull-image') return `${message}; the pull is repeated`;
  return message;
}

/** The kernel gives EOPNOTSUPP, for which `ip` prints only text (iproute2, iplink.c). */
function isVlanUnsupported(error: unknown): boolean {
  return (
    error instanceof CommandFailed &&
    error.kind === 'exit' &&
    /unknown device type|not supported/i.test(error.stderr)
  );
}

/** Docker gives a plain 500 (libnetwork, drivers/macvlan/macvlan_network.go: "already using parent interface"). */
function isParentInUse(error: unknown): boolean {
  return error instanceof DockerRefused && /already using parent interface/i.test(error.said);
}

/**
 * A network is only removed when no container has it. Docker's own count of endpoints, kept beside them, is raised twice when
 * the lists that it is copied from are read meanwhile (libnetwork, endpoint_cnt.go; gone with moby pull request 49736).
 */
function isMiscount(error: unknown): boolean {
  return error instanceof DockerConflict && /active endpoint/i.test(error.message);
}
