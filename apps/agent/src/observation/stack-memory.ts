import { join } from 'node:path';
import type { Logger } from 'pino';
import { readFileIfAny } from '../lib/atomic-file.ts';
import { createStoredValue } from '../lib/stored-value.ts';
import type { ObservedDocker } from './observed.ts';
import { isStale } from './stale-stack.ts';

/** What this host remembers of shared network stacks: Docker forgets it with the containers. */
export interface StackMemory {
  /** Names of the containers whose stack others share, by Docker's id: what shares the stack of one that is gone names only its id. */
  readonly owners: Readonly<Record<string, string>>;
  /**
   * Containers of others that are being restarted with the one whose stack they share, by Docker's id, with the time at which that
   * began, milliseconds since 1970. One that was stopped for it and could not be started is started later, whatever its restart policy.
   */
  readonly restarting: Readonly<Record<string, number>>;
}

/** Keeps it on disk. */
export interface StackStore {
  readonly all: () => StackMemory;
  /** A container of others is about to be restarted. */
  readonly begin: (id: string) => Promise<void>;
  /** It runs again. */
  readonly end: (id: string) => Promise<void>;
  /** Takes what was seen. Never fails: what cannot be written is logged, and taken from the next look. */
  readonly onObservation: (docker: Pick<ObservedDocker, 'stackSharers' | 'sandboxes'>) => void;
}

/** Nothing is remembered. */
export const emptyStackMemory: StackMemory = { owners: {}, restarting: {} };

/** Opens the store of a state folder; a file that cannot be read counts as empty and is logged. */
export async function openStackStore(
  stateFolder: string,
  { now, log }: { readonly now: () => number; readonly log: Logger },
): Promise<StackStore> {
  const path = join(stateFolder, 'stacks.json');
  const { current, change } = createStoredValue(path, await load(path, log));
  return {
    all: current,
    begin: (id) =>
      change(({ owners, restarting }) => ({ owners, restarting: { ...restarting, [id]: now() } })),
    end: (id) =>
      change((before) =>
        id in before.restarting ? { ...before, restarting: without(before.restarting, id) } : before,
      ),
    onObservation: (docker) => {
      change((before) => {
        const after = remembered(before, docker);
        return same(before, after) ? before : after;
      }).catch((error: unknown) =>
        log.warn({ err: error, path }, 'what containers share network stacks could not be written'),
      );
    },
  };
}

/** What is remembered after a look: nothing of containers that share no stack of ours any more, or that run as they should. Pure. */
export function remembered(
  { owners, restarting }: StackMemory,
  { stackSharers = [], sandboxes }: Pick<ObservedDocker, 'stackSharers' | 'sandboxes'>,
): StackMemory {
  const seen = stackSharers.flatMap(({ ownerId, owner }): [string, string][] => {
    const name = owner?.name ?? owners[ownerId];
    return name === undefined ? [] : [[ownerId, name]];
  });
  const pending = stackSharers.flatMap(({ sharer, owner }): [string, number][] => {
    const since = restarting[sharer.id];
    if (since === undefined) return [];
    const follows = owner?.status === 'running' && !isStale(sharer, owner, sandboxes);
    const isPending =
      sharer.status === 'running'
        ? !follows
        : sharer.startedAt !== null && Date.parse(sharer.startedAt) < since;
    return isPending ? [[sharer.id, since]] : [];
  });
  return { owners: Object.fromEntries(seen), restarting: Object.fromEntries(pending) };
}

function without(entries: Readonly<Record<string, number>>, id: string): Record<string, number> {
  const { [id]: _, ...others } = entries;
  return others;
}

function same(a: StackMemory, b: StackMemory): boolean {
  return sameEntries(a.owners, b.owners) && sameEntries(a.restarting, b.restarting);
}

function sameEntries(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

async function load(path: string, log: Logger): Promise<StackMemory> {
  try {
    const text = await readFileIfAny(path);
    if (text === null) return emptyStackMemory;
    const { owners = {}, restarting = {} } = JSON.parse(text) as Partial<StackMemory>;
    return { owners: entriesOf(owners, 'string'), restarting: entriesOf(restarting, 'number') };
  } catch (error) {
    log.warn(
      { err: error, path },
      'what containers shared network stacks is unreadable, it counts as nothing',
    );
    return emptyStackMemory;
  }
}

function entriesOf<T>(value: Readonly<Record<string, T>>, type: 'string' | 'number'): Record<string, T> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => typeof one === type));
}
