import type { DockerContainer } from '../host/docker-engine.ts';

/** Who shares whose network stack (`docker run --network container:<id>`) on this host. */
export interface StackSharing {
  /** The container whose stack one was made for: undefined where that is gone; null for one with a stack of its own. */
  readonly ownerOf: (container: Pick<DockerContainer, 'networkMode'>) => DockerContainer | undefined | null;
  /** Those that were made for the stack of this one, by name. */
  readonly sharersOf: (id: string) => readonly DockerContainer[];
  /** Those, and those that were made for the stack of one of them, by name. */
  readonly allSharersOf: (id: string) => readonly DockerContainer[];
  /** The container that has the interfaces which one sees: itself, unless it shares a stack; undefined where that is gone. */
  readonly rootOf: (container: DockerContainer) => DockerContainer | undefined;
}

const prefix = 'container:';

/** The id, or name, of the container whose stack one was made for; null for one with a stack of its own. */
export function joinedStack({ networkMode }: Pick<DockerContainer, 'networkMode'>): string | null {
  return networkMode.startsWith(prefix) ? networkMode.slice(prefix.length) : null;
}

const inTheWay = new Set<DockerContainer['status']>(['removing', 'dead']);

/** Reads a list of containers. Docker keeps the id of the container that it found by name when the sharer was made. Pure. */
export function stackSharing(containers: readonly DockerContainer[]): StackSharing {
  const byName = new Map(containers.map((one) => [one.name, one]));
  const byId = new Map(containers.map((one) => [one.id, one]));
  const ownerOf: StackSharing['ownerOf'] = (container) => {
    const joined = joinedStack(container);
    return joined === null ? null : (byId.get(joined) ?? byName.get(joined));
  };
  const direct = new Map<string, DockerContainer[]>();
  for (const one of containers) {
    const owner = inTheWay.has(one.status) ? null : ownerOf(one);
    if (owner == null || owner.id === one.id) continue;
    const known = direct.get(owner.id);
    if (known === undefined) direct.set(owner.id, [one]);
    else known.push(one);
  }
  const sharersOf = (id: string): readonly DockerContainer[] => inOrder(direct.get(id) ?? []);
  return {
    ownerOf,
    sharersOf,
    allSharersOf: (id) => {
      const found = new Map<string, DockerContainer>();
      const open = [id];
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        for (const one of direct.get(next) ?? []) {
          if (found.has(one.id) || one.id === id) continue;
          found.set(one.id, one);
          open.push(one.id);
        }
      }
      return inOrder([...found.values()]);
    },
    rootOf: (container) => {
      const passed = new Set<string>();
      let root: DockerContainer | undefined = container;
      for (let owner = ownerOf(root); owner !== null; owner = ownerOf(root)) {
        if (owner === undefined || passed.has(owner.id)) return undefined;
        passed.add(owner.id);
        root = owner;
      }
      return root;
    },
  };
}

function inOrder(containers: readonly DockerContainer[]): readonly DockerContainer[] {
  return containers.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
