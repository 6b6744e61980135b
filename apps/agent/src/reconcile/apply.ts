import type { ContainerHostRouteChange } from '../host/container-host-routes.ts';
import type { DockerEngine } from '../host/docker-engine.ts';
import { DockerNotFound } from '../host/docker-errors.ts';
import type { Kernel } from '../host/kernel.ts';
import { LinkConflict, type Links } from '../host/links.ts';
import type { ShimRoutes } from '../host/shim-routes.ts';
import type { AdoptionStore } from '../observation/adoption.ts';
import { isMarked } from '../observation/marks.ts';
import type { DetachedStore } from '../observation/detached.ts';
import { attachmentOf, withAliases } from '../plan/detachment.ts';
import type { LinksToRestoreStore } from '../observation/links-to-restore.ts';
import type { StackStore } from '../observation/stack-memory.ts';
import { describeStep, stopTimeoutSeconds, touchesLinks, type LinkStep, type Step } from '../plan/steps.ts';

/** What steps are carried out with. */
export interface ApplyDeps {
  readonly links: Pick<
    Links,
    'setUp' | 'setDown' | 'setPromiscuous' | 'setMtu' | 'addVlan' | 'addShim' | 'setAlias' | 'get' | 'remove'
  >;
  readonly kernel: Pick<Kernel, 'loadModule' | 'enableForwarding' | 'settleShim'>;
  readonly docker: Pick<
    DockerEngine,
    | 'container'
    | 'createNetwork'
    | 'removeNetwork'
    | 'pullImage'
    | 'createContainer'
    | 'startContainer'
    | 'restartContainer'
    | 'setRestartPolicy'
    | 'stopContainer'
    | 'removeContainer'
    | 'connectNetwork'
    | 'disconnectNetwork'
  >;
  readonly adoption: Pick<AdoptionStore, 'adopt' | 'forget'>;
  readonly detached: Pick<DetachedStore, 'add' | 'forget'>;
  readonly linksToRestore: Pick<LinksToRestoreStore, 'forget'>;
  readonly stacks: Pick<StackStore, 'begin' | 'end'>;
  /** Sets the default route in the network namespace of a process. */
  readonly setDefaultRoute: (pid: number, family: 4 | 6, gateway: string) => Promise<void>;
  /** Changes the routes over a shim. */
  readonly changeShimRoutes: ShimRoutes['change'];
  /** Changes the routes to the host in the network namespace of a process. */
  readonly changeHostRoutes: (pid: number, change: ContainerHostRouteChange) => Promise<void>;
  /** Called around each step; one that throws ends the run there, as a killed agent would. For tests. */
  readonly onStep?: (step: Step, when: 'before' | 'after') => void;
}

/** The result of applying steps. */
export interface Applied {
  /** What the steps that worked did, in order. */
  readonly done: readonly string[];
  readonly failed: { readonly step: Step; readonly error: unknown } | null;
}

/** Carries out steps in order and stops at the first that fails: what follows builds on it. */
export function applySteps(steps: readonly Step[], deps: ApplyDeps): Promise<Applied> {
  return inOrder(steps, (step) => applyStep(step, deps), deps.onStep);
}

/** What steps below Docker are carried out with, also where there is no Docker yet. */
export interface LinkApplyDeps {
  readonly links: Omit<ApplyDeps['links'], 'setDown'>;
  readonly kernel: ApplyDeps['kernel'];
}

/** As {@link applySteps}, for the steps below Docker alone. */
export function applyLinkSteps(steps: readonly LinkStep[], deps: LinkApplyDeps): Promise<Applied> {
  return inOrder(steps, (step) => applyLinkStep(step, deps));
}

async function inOrder<S extends Step>(
  steps: readonly S[],
  apply: (step: S) => Promise<void>,
  onStep?: ApplyDeps['onStep'],
): Promise<Applied> {
  const done: string[] = [];
  for (const step of steps) {
    onStep?.(step, 'before');
    try {
      await apply(step);
    } catch (error) {
      return { done, failed: { step, error } };
    }
    done.push(describeStep(step));
    onStep?.(step, 'after');
  }
  return { done, failed: null };
}

async function applyLinkStep(step: LinkStep, { links, kernel }: LinkApplyDeps): Promise<void> {
  switch (step.do) {
    case 'set-link-up':
      await links.setUp(step.link);
      return;
    case 'set-promiscuous':
      await links.setPromiscuous(step.link, true);
      return;
    case 'load-module':
      return kernel.loadModule(step.module);
    case 'enable-forwarding':
      return kernel.enableForwarding();
    case 'set-mtu':
      await links.setMtu(step.link, step.mtu);
      return;
    case 'hand-over-link': {
      // Only ours is handed over: somebody may have made another link of that name meanwhile.
      const { alias } = await links.get(step.link);
      if (alias === step.to) return;
      if (alias !== step.alias) throw new LinkConflict(step.link, `its alias is ${alias ?? 'empty'}`);
      await links.setAlias(step.link, step.to);
      return;
    }
    case 'add-vlan':
      // Only what we made is marked; one that somebody else made in the meantime stays theirs.
      if (await links.addVlan({ parent: step.parent, name: step.link, vlan: step.vlan })) {
        await links.setAlias(step.link, step.alias);
      }
      return;
    case 'add-shim':
      await links.addShim({ parent: step.parent, name: step.link, mac: step.mac });
      await kernel.settleShim(step.link);
      // Last: what has a mark is whole. Another network on the link may have set its own meanwhile.
      if (!isMarked((await links.get(step.link)).alias)) await links.setAlias(step.link, step.alias);
      return;
    case 'remove-link':
      await links.remove(step.link, step.alias);
      return;
  }
}

async function applyStep(step: Step, deps: ApplyDeps): Promise<void> {
  if (touchesLinks(step)) return applyLinkStep(step, deps);
  const { links, docker, adoption, detached, linksToRestore } = deps;
  switch (step.do) {
    case 'set-link-down':
      await links.setDown(step.link);
      return linksToRestore.forget(step.networkId, step.link);
    case 'forget-link-to-restore':
      return linksToRestore.forget(step.networkId, step.link);
    case 'create-network':
      await docker.createNetwork(step.spec);
      return;
    case 'remove-network':
      return unlessGone(docker.removeNetwork(step.dockerId));
    case 'detach-containers':
      await detached.add(
        step.networkId,
        await withAliases(step.containers, { id: step.dockerId, name: step.name }, docker),
      );
      for (const { id } of step.containers) {
        await unlessGone(docker.disconnectNetwork(id, step.dockerId, { force: true }));
      }
      return;
    case 'attach-container':
      await docker.connectNetwork(step.container.id, attachmentOf(step.network, step.container));
      return detached.forget(step.networkId, step.container.id);
    case 'forget-detached':
      return detached.forget(step.networkId, step.container.id);
    case 'adopt-network':
      return adoption.adopt(step.networkId, step.dockerId);
    case 'forget-adoption':
      return adoption.forget(step.networkId);
    case 'pull-image':
      return docker.pullImage(step.image);
    case 'create-container':
      await docker.createContainer(step.spec);
      return;
    case 'start-container':
    case 'start-again':
      return docker.startContainer(step.dockerId);
    case 'restart-container':
      return docker.restartContainer(step.dockerId, stopTimeoutSeconds);
    case 'set-restart-policy':
      return docker.setRestartPolicy(step.dockerId, { name: step.restart, maximumRetryCount: 0 });
    case 'restart-sharer':
      // On disk before Docker stops it: whatever its policy, it is started again, also by the agent after this one.
      await deps.stacks.begin(step.dockerId);
      await docker.restartContainer(step.dockerId, stopTimeoutSeconds);
      return deps.stacks.end(step.dockerId);
    case 'start-sharer':
      await docker.startContainer(step.dockerId);
      return deps.stacks.end(step.dockerId);
    case 'set-default-route': {
      // Process ids are given out again: the one of this moment.
      const { pid } = await docker.container(step.dockerId);
      return pid === null ? undefined : deps.setDefaultRoute(pid, step.family, step.gateway);
    }
    case 'change-shim-routes':
      return deps.changeShimRoutes(step.shim, step);
    case 'change-host-routes':
      return changeHostRoutes(step, deps);
    case 'stop-container':
      return unlessGone(docker.stopContainer(step.dockerId, stopTimeoutSeconds));
    case 'remove-container':
      return unlessGone(docker.removeContainer(step.dockerId, { force: true }));
  }
}

/** One that ends meanwhile has no routes any more. */
async function changeHostRoutes(
  step: Step & { readonly do: 'change-host-routes' },
  { docker, changeHostRoutes: change }: Pick<ApplyDeps, 'docker' | 'changeHostRoutes'>,
): Promise<void> {
  // Process ids are given out again: the one of this moment.
  const pid = await pidOf(step.dockerId, docker);
  if (pid === null) return;
  try {
    await change(pid, step);
  } catch (error) {
    if ((await pidOf(step.dockerId, docker)) === pid) throw error;
  }
}

async function pidOf(id: string, docker: Pick<DockerEngine, 'container'>): Promise<number | null> {
  try {
    return (await docker.container(id)).pid;
  } catch (error) {
    if (error instanceof DockerNotFound) return null;
    throw error;
  }
}

/** A container or network that is gone already counts as removed. */
async function unlessGone(removal: Promise<void>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!(error instanceof DockerNotFound)) throw error;
  }
}
