import type { DockerEngine } from '../host/docker-engine.ts';
import { DockerNotFound } from '../host/docker-errors.ts';
import type { Links } from '../host/links.ts';
import type { AdoptionStore } from './adoption.ts';
import { describeStep, stopTimeoutSeconds, type Step } from './steps.ts';

/** What steps are carried out with. */
export type ApplyDeps = {
  readonly links: Pick<Links, 'setUp' | 'setPromiscuous' | 'addVlan' | 'setAlias' | 'remove'>;
  readonly docker: Pick<
    DockerEngine,
    | 'createNetwork'
    | 'removeNetwork'
    | 'pullImage'
    | 'createContainer'
    | 'startContainer'
    | 'restartContainer'
    | 'stopContainer'
    | 'removeContainer'
  >;
  readonly adoption: Pick<AdoptionStore, 'adopt' | 'forget'>;
  /** Called around each step; one that throws ends the run there, as a killed agent would. For tests. */
  readonly onStep?: (step: Step, when: 'before' | 'after') => void;
};

/** What came of it. */
export type Applied = {
  /** What the steps that worked did, in order. */
  readonly done: readonly string[];
  readonly failed: { readonly step: Step; readonly error: unknown } | null;
};

/** Carries out steps in order and stops at the first that fails: what follows builds on it. */
export async function applySteps(steps: readonly Step[], deps: ApplyDeps): Promise<Applied> {
  const done: string[] = [];
  for (const step of steps) {
    deps.onStep?.(step, 'before');
    try {
      await applyStep(step, deps);
    } catch (error) {
      return { done, failed: { step, error } };
    }
    done.push(describeStep(step));
    deps.onStep?.(step, 'after');
  }
  return { done, failed: null };
}

async function applyStep(step: Step, { links, docker, adoption }: ApplyDeps): Promise<void> {
  switch (step.do) {
    case 'set-link-up':
      await links.setUp(step.link);
      return;
    case 'set-promiscuous':
      await links.setPromiscuous(step.link, true);
      return;
    case 'add-vlan':
      // Only what we made is marked; one that somebody else made in the meantime stays theirs.
      if (await links.addVlan({ parent: step.parent, name: step.link, vlan: step.vlan })) {
        await links.setAlias(step.link, step.alias);
      }
      return;
    case 'remove-link':
      await links.remove(step.link, step.alias);
      return;
    case 'create-network':
      await docker.createNetwork(step.spec);
      return;
    case 'remove-network':
      return unlessGone(docker.removeNetwork(step.dockerId));
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
      return docker.startContainer(step.dockerId);
    case 'restart-container':
      return docker.restartContainer(step.dockerId, stopTimeoutSeconds);
    case 'stop-container':
      return unlessGone(docker.stopContainer(step.dockerId, stopTimeoutSeconds));
    case 'remove-container':
      return unlessGone(docker.removeContainer(step.dockerId, { force: true }));
  }
}

/** Gone already is as good as removed. */
async function unlessGone(removal: Promise<void>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!(error instanceof DockerNotFound)) throw error;
  }
}
