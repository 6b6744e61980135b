import { join } from 'node:path';
import type { Logger } from 'pino';
import { readFileIfAny } from '../lib/atomic-file.ts';
import { createStoredValue } from '../lib/stored-value.ts';

/** A container that was taken off a network while the network is made again, and what it had there. */
export interface DetachedContainer {
  /** Docker's id. */
  readonly id: string;
  readonly name: string;
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  /** The MAC that it had; null: it did not run. */
  readonly mac: string | null;
  /** Names for it there besides its own, as compose gives them. */
  readonly aliases: readonly string[];
}

/** By id of our network. */
export type Detached = Readonly<Record<string, readonly DetachedContainer[]>>;

/**
 * Containers to be connected again. On disk before they are disconnected, so that an agent killed in between knows them.
 */
export interface DetachedStore {
  readonly all: () => Detached;
  readonly add: (networkId: string, containers: readonly DetachedContainer[]) => Promise<void>;
  readonly forget: (networkId: string, containerId: string) => Promise<void>;
}

/** Opens the store of a state folder; a file that cannot be read is logged, and a person has to connect its containers. */
export async function openDetachedStore(stateFolder: string, log: Logger): Promise<DetachedStore> {
  const path = join(stateFolder, 'detached.json');
  const { current, change } = createStoredValue(path, await load(path, log));
  return {
    all: current,
    add: (networkId, containers) => change((before) => withDetached(before, networkId, containers)),
    forget: (networkId, containerId) => change((before) => withoutDetached(before, networkId, containerId)),
  };
}

/** The first thing known of a container stays: what it had before anything was touched. */
export function withDetached(
  before: Detached,
  networkId: string,
  containers: readonly DetachedContainer[],
): Detached {
  const known = before[networkId] ?? [];
  const fresh = containers.filter(({ id }) => !known.some((one) => one.id === id));
  return { ...before, [networkId]: [...known, ...fresh] };
}

/** Without one container; a network without any is not kept. */
export function withoutDetached(before: Detached, networkId: string, containerId: string): Detached {
  const left = (before[networkId] ?? []).filter(({ id }) => id !== containerId);
  const { [networkId]: _, ...others } = before;
  return left.length === 0 ? others : { ...others, [networkId]: left };
}

async function load(path: string, log: Logger): Promise<Detached> {
  try {
    const text = await readFileIfAny(path);
    if (text === null) return {};
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return Object.fromEntries(
      entries.map(([id, list]) => [id, Array.isArray(list) ? list.flatMap(readOne) : []]),
    );
  } catch (error) {
    log.error({ err: error, path }, 'list of disconnected containers is unreadable, connect them by hand');
    return {};
  }
}

const isAddress = (address: unknown): boolean => address === null || typeof address === 'string';

/** An older agent kept neither MAC nor aliases. */
function readOne(value: unknown): DetachedContainer[] {
  const { mac = null, aliases = [], ...one } = (value ?? {}) as Partial<DetachedContainer>;
  const isWhole =
    typeof one.id === 'string' &&
    typeof one.name === 'string' &&
    [one.ipv4, one.ipv6, mac].every(isAddress) &&
    Array.isArray(aliases) &&
    aliases.every((alias) => typeof alias === 'string');
  return isWhole ? [{ ...(one as DetachedContainer), mac, aliases }] : [];
}
