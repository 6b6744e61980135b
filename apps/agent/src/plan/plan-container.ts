import type { DesiredContainer, DesiredNetwork, ReasonOf } from '@trunkline/contracts';
import type { DockerContainer, DockerContainerDetail } from '../host/docker-engine.ts';
import { fails, holds, mending, summary, unknown, type ConditionDraft, type DraftOf } from './conditions.ts';
import { holdsAddressOf } from './container-fit.ts';
import { containerSpec } from './container-spec.ts';
import { attachedCondition, shouldHaveRun, stateCondition } from './container-state.ts';
import { containerLabel, generationLabel, isMadeFrom, sameGenerations } from '../observation/marks.ts';
import { namesOf } from '../observation/network-fit.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';
import { containersRefusal, everything } from '../observation/permissions.ts';
import { stackSharing } from '../observation/stack-sharing.ts';
import { planDefaultRoute } from './plan-default-route.ts';
import { sharedStack } from './shared-stack.ts';
import { leftBehind } from './stack-conditions.ts';
import type { Step } from './steps.ts';

/** The steps for a container, and its conditions. */
export interface ContainerPlan {
  readonly steps: readonly Step[];
  /** `Ready` last. */
  readonly conditions: readonly ConditionDraft[];
  /** Ours, or null when it is not there. */
  readonly found: DockerContainerDetail | null;
}

/** What a container's plan has to know of the rest. */
export interface ContainerSurroundings {
  /** Why a network cannot be attached to yet, or null when it can; by network id. */
  readonly networkWaits: (networkId: string) => string | null;
  /** Whether the network wants containers restarted that lost their interface; by network id. */
  readonly restartsBroken: (networkId: string) => boolean;
  /** The document's network of this id. */
  readonly networkOf: (networkId: string) => DesiredNetwork | undefined;
  /** The document's container of this name. */
  readonly desiredByName: (name: string) => DesiredContainer | undefined;
  /** The document's containers that share the stack of the one of this name. */
  readonly desiredSharers: (name: string) => readonly DesiredContainer[];
}

/**
 * What to do for one container. Pure. Only what carries our mark and its own name is ever stopped or removed, and only
 * when it is absent, when it was changed since it was made, or when it shared the network stack of a container that is gone and could
 * never start again.
 *
 * Docker's restart policy is respected: one that ended or was stopped by hand stays so and is reported; one that never
 * ran is started; so is one that Docker should have kept running and whose last start failed, which Docker itself does
 * not try again, or which ended while Docker was away.
 */
export function planContainer(
  container: DesiredContainer,
  observed: Observed,
  around: ContainerSurroundings,
): ContainerPlan {
  const { docker } = observed;
  if (!docker.reachable) {
    return plan(null, [], [unknown('Ready', 'DockerUnreachable', docker.message)]);
  }
  const named = docker.containers.find(({ name }) => name === container.name);
  const found = named === undefined ? null : (docker.details.get(named.id) ?? null);
  const own = found !== null && found.labels[containerLabel] === container.id ? found : null;
  const refusal = containersRefusal(observed.permitted ?? everything);
  if (refusal !== null && (own !== null || container.state === 'present'))
    return plan(own, [], [fails('Ready', 'ContainersOff', refusal)]);
  if (container.state === 'absent') return planRemoval(container, docker, own, around);
  if (own !== null) return planOwn(container, docker, own, around);
  if (named !== undefined) return notReady('NameTaken', nameTakenMessage(named));
  const renamed = renamedOne(container, docker);
  if (renamed !== undefined) return notReady('Renamed', renamedMessage(container, renamed));
  return planCreation(container, docker, around);
}

function planRemoval(
  container: DesiredContainer,
  docker: ObservedDocker,
  own: DockerContainerDetail | null,
  around: Pick<ContainerSurroundings, 'desiredSharers'>,
): ContainerPlan {
  if (own === null) {
    const renamed = renamedOne(container, docker);
    const detail = renamed === undefined ? undefined : docker.details.get(renamed.id);
    if (renamed !== undefined && detail !== undefined) {
      return plan(detail, [], [fails('Ready', 'RemovalBlocked', renamedMessage(container, renamed))]);
    }
    return notReady('Removed', `container ${container.name} is not on this host`);
  }
  const sharers = around.desiredSharers(container.name);
  const before = stackSharing(docker.containers)
    .sharersOf(own.id)
    .filter(({ labels }) =>
      sharers.some(({ id, state }) => state === 'absent' && labels[containerLabel] === id),
    );
  if (before.length > 0) {
    const why = `container ${own.name} is removed once ${namesOf(before)}, which shares its network stack, is removed`;
    return plan(own, [], [fails('Ready', 'Removing', why)]);
  }
  const target = { dockerId: own.id, name: own.name };
  // What is paused cannot stop by itself; removing kills it.
  const runs = own.status === 'running' || own.status === 'restarting';
  // Docker is at it.
  const steps: Step[] =
    own.status === 'removing'
      ? []
      : [
          ...(runs ? [{ do: 'stop-container' as const, ...target }] : []),
          { do: 'remove-container', ...target, why: 'absent' },
        ];
  const left = leftBehind(own, docker, new Set(sharers.map(({ name }) => name)));
  return plan(own, steps, [fails('Ready', 'Removing', `container ${own.name} is being removed${left}`)]);
}

function planOwn(
  container: DesiredContainer,
  docker: ObservedDocker,
  own: DockerContainerDetail,
  around: ContainerSurroundings,
): ContainerPlan {
  const made = Number(own.labels[generationLabel]);
  if (!isMadeFrom(container, own)) {
    if (own.status === 'created' && container.networkMode === null && docker.images.has(container.image))
      return planAgain(container, own);
    if (sameGenerations(container).every((one) => made < one) && own.status !== 'removing')
      return planReplacement(container, docker, own, around);
    // Its generation was lost with a restored backup, so nobody asked for what would replace it.
    return plan(
      own,
      [],
      [
        fails(
          'Ready',
          'Outdated',
          `it was created from generation ${own.labels[generationLabel] ?? 'unknown'}, and the desired one is ${container.generation}: change the container (a label is enough), and it is replaced; or remove it and create it again`,
        ),
      ],
    );
  }
  const shared = sharedStack(container, docker, around.desiredByName, own);
  if (shared !== null && 'waits' in shared)
    return plan(own, [], [fails('Ready', 'TargetNotRunning', shared.waits)]);
  if (shared !== null && shared.gone) {
    const target = { dockerId: own.id, name: own.name };
    return plan(
      own,
      [
        ...(own.status === 'running' ? [{ do: 'stop-container' as const, ...target }] : []),
        { do: 'remove-container', ...target, why: 'replace' },
        { do: 'create-container', spec: containerSpec(container, shared.target.id) },
      ],
      [
        fails(
          'Ready',
          'TargetReplaced',
          `the container whose network stack it shared is gone; it is being created again${leftBehind(own, docker, new Set())}`,
        ),
      ],
    );
  }
  return withRestartPolicy(container, own, planLife(container, docker, own, around, shared?.stale === true));
}

/** The restart policy is the one thing of a container that Docker changes in place. */
function withRestartPolicy(
  { restart }: DesiredContainer,
  own: DockerContainerDetail,
  planned: ContainerPlan,
): ContainerPlan {
  if (own.restartPolicy.name === restart || own.status === 'removing' || own.status === 'dead')
    return planned;
  const step = { do: 'set-restart-policy', dockerId: own.id, name: own.name, restart } as const;
  return { ...planned, steps: [step, ...planned.steps] };
}

/**
 * One that was changed since it was made, by what Docker can only give to another container. It runs until all that the other needs
 * is here: its image, its networks, the stack that it shares.
 */
function planReplacement(
  container: DesiredContainer,
  docker: ObservedDocker,
  own: DockerContainerDetail,
  around: ContainerSurroundings,
): ContainerPlan {
  const waits = networkWait(container, around);
  if (waits !== null) return plan(own, [], [fails('Ready', 'NetworkNotReady', waits)]);
  const shared = sharedStack(container, docker, around.desiredByName, null);
  if (shared !== null && 'waits' in shared)
    return plan(own, [], [fails('Ready', 'TargetNotRunning', shared.waits)]);
  const image = imageFor(container, docker);
  if (image.missing) return plan(own, [], [image.condition, summary([image.condition], '')]);
  const target = { dockerId: own.id, name: own.name };
  const runs = own.status === 'running' || own.status === 'restarting';
  const left = leftBehind(
    own,
    docker,
    new Set(around.desiredSharers(container.name).map(({ name }) => name)),
  );
  return plan(
    own,
    [
      ...image.steps,
      ...(runs ? [{ do: 'stop-container' as const, ...target }] : []),
      { do: 'remove-container', ...target, why: 'replace' },
      { do: 'create-container', spec: containerSpec(container, shared?.target.id ?? null) },
    ],
    [
      image.condition,
      fails(
        'Ready',
        'Replacing',
        `it was changed since it was created, and is being replaced by generation ${container.generation}${left}`,
      ),
    ],
  );
}

/** One that never ran is made again, since nothing of it is lost: the server may have chosen another address for it. */
function planAgain(container: DesiredContainer, own: DockerContainerDetail): ContainerPlan {
  const why = `it is being created again from generation ${container.generation}: it never ran${own.error === null ? '' : `, starting failed: ${own.error}`}`;
  return plan(
    own,
    [
      { do: 'remove-container', dockerId: own.id, name: own.name, why: 'replace' },
      { do: 'create-container', spec: containerSpec(container, null) },
    ],
    [fails('Ready', 'Replacing', why)],
  );
}

function planLife(
  container: DesiredContainer,
  docker: ObservedDocker,
  own: DockerContainerDetail,
  around: ContainerSurroundings,
  stale: boolean,
): ContainerPlan {
  const target = { dockerId: own.id, name: own.name };
  if (own.status === 'created' || shouldHaveRun(container, own, docker)) {
    const waits = networkWait(container, around);
    if (waits !== null) return plan(own, [], [fails('Ready', 'NetworkNotReady', waits)]);
    return plan(
      own,
      [{ do: 'start-container', ...target }],
      [
        fails(
          'Ready',
          'Starting',
          own.error === null ? 'it is being started' : `starting failed: ${own.error}`,
        ),
      ],
    );
  }
  if (own.status === 'running' && stale) {
    return plan(
      own,
      [{ do: 'restart-container', ...target }],
      [
        fails(
          'Ready',
          'TargetRestarted',
          'the container whose network stack it shares was restarted; so is this one',
        ),
      ],
    );
  }
  return planAttached(container, docker, own, around);
}

/** One that runs, or is as it was left: restarts it where an interface that Docker shows is gone. */
function planAttached(
  container: DesiredContainer,
  docker: ObservedDocker,
  own: DockerContainerDetail,
  around: ContainerSurroundings,
): ContainerPlan {
  const state = stateCondition(container, own);
  const attached = attachedCondition(own, docker);
  if (attached === null || attached.status === 'True') {
    const route = planDefaultRoute(container, docker, own, around.networkOf);
    const known = [attached, route.condition].filter((one) => one !== null);
    const moved = route.condition !== null && route.steps.length > 0 && state.status === 'True';
    return plan(own, route.steps, [...known, moved ? { ...route.condition, type: 'Ready' } : state]);
  }
  const waits = networkWait(container, around);
  const restarts = container.attachments.some(({ networkId }) => around.restartsBroken(networkId));
  if (!restarts || waits !== null) return plan(own, [], [attached, { ...attached, type: 'Ready' }]);
  const mended = mending(attached.type, attached.reason, `${attached.message}; it is being restarted`);
  return plan(
    own,
    [{ do: 'restart-container', dockerId: own.id, name: own.name }],
    [mended, { ...mended, type: 'Ready' }],
  );
}

function planCreation(
  container: DesiredContainer,
  docker: ObservedDocker,
  around: ContainerSurroundings,
): ContainerPlan {
  const { condition: image, missing, steps } = imageFor(container, docker);
  const waits = networkWait(container, around);
  if (waits !== null) return plan(null, [], [image, fails('Ready', 'NetworkNotReady', waits)]);
  const shared = sharedStack(container, docker, around.desiredByName, null);
  if (shared !== null && 'waits' in shared) {
    return plan(null, [], [image, fails('Ready', 'TargetNotRunning', shared.waits)]);
  }
  if (missing) return plan(null, [], [image, summary([image], '')]);
  return plan(
    null,
    [...steps, { do: 'create-container', spec: containerSpec(container, shared?.target.id ?? null) }],
    [image, fails('Ready', 'Missing', `container ${container.name} does not exist; it is being created`)],
  );
}

/** The image of a container that is to be made: how it stands, and what brings it; `missing`: nothing may bring it. */
function imageFor(
  container: DesiredContainer,
  docker: ObservedDocker,
): { condition: DraftOf<'ImageReady'>; missing: boolean; steps: readonly Step[] } {
  const here = docker.images.has(container.image);
  const condition = here
    ? holds('ImageReady', 'ImagePresent', `image ${container.image} is on this host`)
    : container.pull === 'never'
      ? fails(
          'ImageReady',
          'ImageMissing',
          `image ${container.image} is not on this host and pull is never: load it by hand`,
        )
      : fails('ImageReady', 'Pulling', `image ${container.image} is being pulled`);
  const pull = container.pull === 'always' || (!here && container.pull !== 'never');
  return {
    condition,
    missing: !here && container.pull === 'never',
    steps: pull ? [{ do: 'pull-image', image: container.image }] : [],
  };
}

function networkWait(container: DesiredContainer, around: ContainerSurroundings): string | null {
  for (const { networkId, network } of container.attachments) {
    const why = around.networkWaits(networkId);
    if (why !== null) return `network ${network} is not ready here: ${why}`;
  }
  return null;
}

/** Our container under another name, still on an address reserved for it: to create another would use the address twice. */
function renamedOne(container: DesiredContainer, docker: ObservedDocker): DockerContainer | undefined {
  return docker.containers.find(
    (one) =>
      one.name !== container.name &&
      one.labels[containerLabel] === container.id &&
      holdsAddressOf(container, one),
  );
}

/** Whose container has the name: a mark of ours names the container of the server that it was made for. */
function nameTakenMessage({ name, labels }: DockerContainer): string {
  const mark = labels[containerLabel];
  return mark === undefined
    ? `a container ${name} exists that Trunkline did not create; it is left alone: remove or rename it by hand`
    : `a container ${name} exists that Trunkline created for another container of this name (label ${containerLabel}=${mark}): it stayed behind when this host was retired, or Trunkline lost that container with a restored backup; it is left alone: remove it by hand when it is not needed any more (docker rm -f ${name}), and this one is created`;
}

function renamedMessage(container: DesiredContainer, renamed: DockerContainer): string {
  return `it runs under the name ${renamed.name} and has the address: docker rename ${renamed.name} ${container.name}, or remove it by hand`;
}

function notReady(reason: ReasonOf<'Ready'>, message: string): ContainerPlan {
  return plan(null, [], [fails('Ready', reason, message)]);
}

function plan(
  found: DockerContainerDetail | null,
  steps: readonly Step[],
  conditions: readonly ConditionDraft[],
): ContainerPlan {
  return { found, steps, conditions };
}
