import type { DockerContainer, DockerEngine } from '../../host/docker-engine.ts';
import { DockerError, DockerNotFound } from '../../host/docker-errors.ts';
import { createSlots } from '../../lib/slots.ts';
import type { Timing } from '../../lib/timing.ts';
import { liveStatus } from './seen-addresses.ts';

/** What is known of containers that Docker may be starting. */
export interface StartsUnderWay {
  /**
   * Names of those of these containers that Docker may be starting at this moment, or has started since they were listed as
   * not living. Docker holds a container's lock from before it asks for its addresses until the container runs, however
   * long a hook, a volume or a full disk keeps it, and answers no inspection of it meanwhile (moby,
   * daemon/start.go and daemon/inspect.go; seen with 20.10 and 28). Never fails: whoever cannot be asked about may be starting.
   */
  readonly among: (containers: readonly DockerContainer[]) => Promise<readonly string[]>;
}

/** How long Docker may take to inspect one container, in milliseconds. Later than that it may be starting it. */
const patienceMs = 2000;
const inspectionsAtOnce = 8;

export function createStartsUnderWay(
  docker: Pick<DockerEngine, 'container'>,
  timing: Pick<Timing, 'delay'>,
): StartsUnderWay {
  const slot = createSlots(inspectionsAtOnce);
  /** Inspections without an answer yet: a container is asked about once, however often somebody wants to know. */
  const asked = new Map<string, Promise<boolean>>();

  async function inspect(id: string): Promise<boolean> {
    try {
      return liveStatus.has((await docker.container(id)).status);
    } catch (error) {
      if (error instanceof DockerNotFound) return false;
      if (error instanceof DockerError) return true;
      throw error;
    } finally {
      asked.delete(id);
    }
  }

  async function mayStart(id: string): Promise<boolean> {
    const answer = asked.get(id) ?? inspect(id);
    asked.set(id, answer);
    const stop = new AbortController();
    try {
      const late = timing.delay(patienceMs, stop.signal).then(() => true);
      return await Promise.race([answer, late]);
    } finally {
      stop.abort();
    }
  }

  return {
    among: async (containers) => {
      const still = containers.filter(({ status }) => !liveStatus.has(status));
      const starting = await Promise.all(still.map(({ id }) => slot(() => mayStart(id))));
      return still.flatMap(({ name }, index) => (starting[index] === true ? [name] : []));
    },
  };
}
