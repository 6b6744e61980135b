import type { DesiredContainer } from '@trunkline/contracts';
import type { DockerContainer, DockerContainerDetail } from '../host/docker-engine.ts';
import { containerLabel } from '../observation/marks.ts';
import type { ObservedDocker } from '../observation/observed.ts';
import { isStale } from '../observation/stale-stack.ts';

/** What is known of the container whose network stack another shares. */
export type SharedStack =
  | { readonly waits: string }
  | {
      readonly target: DockerContainer;
      /** The container it was made for is gone; Docker can never start it again. */
      readonly gone: boolean;
      /** The target was started after it: it still holds the stack of the run before. */
      readonly stale: boolean;
    };

/** The container whose network stack this one shares; null when it has its own. */
export function sharedStack(
  container: DesiredContainer,
  docker: ObservedDocker,
  desiredByName: (name: string) => DesiredContainer | undefined,
  own: DockerContainerDetail | null,
): SharedStack | null {
  if (container.networkMode === null) return null;
  const name = container.networkMode.slice('container:'.length);
  const desired = desiredByName(name);
  const target = [...docker.details.values()].find((one) => one.name === name);
  if (target === undefined || desired === undefined || target.labels[containerLabel] !== desired.id) {
    return { waits: `it shares the network stack of ${name}, which Trunkline does not run on this host` };
  }
  if (target.status !== 'running')
    return { waits: `it shares the network stack of ${name}, which is ${target.status}` };
  if (own === null) return { target, gone: false, stale: false };
  const joined = own.networkMode.slice('container:'.length);
  return {
    target,
    gone: joined !== target.id && joined !== target.name,
    stale: isStale(own, target, docker.sandboxes),
  };
}
