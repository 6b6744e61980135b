import os from 'node:os';
import type { HostFacts } from '@trunkline/contracts';
import { DockerUnreachable } from './host/docker-errors.ts';
import { collectFacts, type FactsSources } from './host/facts.ts';
import type { Observed } from './observation/observed.ts';

/** What facts need besides a look. */
export type FactsDeps = Pick<FactsSources, 'readFile'> & {
  /** Version of this agent. */
  readonly version: string;
};

/** Facts with nothing newer than a look saw. */
export function factsOfLook(deps: FactsDeps, { links, docker, kernel }: Observed): Promise<HostFacts> {
  return factsOf(deps, {
    links: { list: () => Promise.resolve(links) },
    docker: {
      version: () =>
        docker.reachable
          ? Promise.resolve(docker.version)
          : Promise.reject(new DockerUnreachable('version', 'observed', docker.message)),
    },
    kernel: { observe: () => Promise.resolve(kernel) },
  });
}

/** The facts of this host, from what is given to look at. */
export function factsOf(
  deps: FactsDeps,
  sources: Pick<FactsSources, 'links' | 'docker' | 'kernel'>,
): Promise<HostFacts> {
  return collectFacts({
    ...sources,
    readFile: deps.readFile,
    machine: {
      hostname: os.hostname,
      arch: os.arch,
      cpus: () => os.availableParallelism(),
      memoryBytes: os.totalmem,
    },
    agentVersion: deps.version,
  });
}
