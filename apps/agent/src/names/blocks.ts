import { messageOf } from '@trunkline/log';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import type { HostsLine } from './hosts-file.ts';
import type { HostsFiles } from './hosts-files.ts';
import { hostsPathOf, ownHostsPath, type LocalContainer } from './local-names.ts';

/** A running container and the block that it should have. */
export interface WantedBlock {
  readonly local: LocalContainer;
  /** Null: nobody could look at it. */
  readonly detail: DockerContainerDetail | null;
  readonly lines: readonly HostsLine[];
}

/** What became of the blocks. */
export interface BlocksDone {
  /** Containers that have their block, by Docker's id. */
  readonly written: ReadonlySet<string>;
  /** Why one does not have it, or still has one, by Docker's id. */
  readonly failures: ReadonlyMap<string, string>;
}

/** Puts blocks into the hosts files of running containers, and takes them out of all others. */
export interface Blocks {
  readonly put: (wanted: readonly WantedBlock[], dataRoot: string) => Promise<BlocksDone>;
}

const noLines: readonly HostsLine[] = [];

export function createBlocks(files: HostsFiles): Blocks {
  /** Containers that were seen to have no block in this run of the agent: they are not looked at again. */
  let clean = new Set<string>();

  /** Whether the file has what it should. */
  async function putOne({ local, detail, lines }: WantedBlock, path: string): Promise<boolean> {
    const isOn = local.networks.size > 0;
    if (isOn && detail === null) return false;
    return await files.put(path, isOn ? lines : noLines);
  }

  return {
    put: async (wanted, dataRoot) => {
      const stillClean = new Set<string>();
      const written = new Set<string>();
      const failures = new Map<string, string>();
      const paths = new Set<string>();
      for (const block of wanted) {
        const { container, networks } = block.local;
        const isOn = networks.size > 0;
        const path = pathOf(block, dataRoot);
        if (path === null || (!isOn && clean.has(container.id))) {
          if (!isOn) stillClean.add(container.id);
          continue;
        }
        paths.add(path);
        try {
          if (await putOne(block, path)) (isOn ? written : stillClean).add(container.id);
        } catch (error) {
          failures.set(container.id, `${container.name}: ${messageOf(error)}`);
        }
      }
      clean = stillClean;
      files.keepOnly(paths);
      return { written, failures };
    },
  };
}

/** Docker's own file alone. Of a container that is on no network with names nobody looked at more than its id. */
function pathOf({ local, detail }: WantedBlock, dataRoot: string): string | null {
  if (local.networks.size === 0) return hostsPathOf(local.container.id, dataRoot);
  return detail === null ? null : ownHostsPath(detail, dataRoot);
}
