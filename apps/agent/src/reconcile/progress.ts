import type { DesiredDocument } from '@trunkline/contracts';
import type { ItemKey } from '../plan/plan.ts';
import type { StepFailure } from './failures.ts';
import type { ItemMemory } from './report.ts';

/** How far the host is with its document: what was tried of each item, what came of it, and which revision is carried out. */
export interface Progress {
  /** What reports say of items. */
  readonly memory: ItemMemory;
  /** The revision that was carried out last, as far as that went. */
  readonly revision: () => string;
  /**
   * Takes the document that is to be carried out now; answers whether it is another one. The same revision may have to be
   * carried out otherwise: a change that was not confirmed is undone.
   */
  readonly take: (desired: DesiredDocument) => boolean;
  /** Forgets all items but these. */
  readonly keepOnly: (planned: Iterable<ItemKey>) => void;
  /** A revision is carried out once these items were worked on. */
  readonly waitFor: (revision: string, items: Iterable<ItemKey>) => void;
  /** Steps of an item are being carried out, by a plan that may be of an earlier document; or no longer, and the host was looked at since. */
  readonly working: (key: ItemKey, isSo: boolean) => void;
  /** These steps were done, which reports tell of these items. */
  readonly acted: (subjects: Iterable<ItemKey>, done: readonly string[]) => void;
  /** What came of an item; null: no failure. */
  readonly failed: (key: ItemKey, failure: StepFailure | null) => void;
  /** An item of the document was carried out as far as it goes. */
  readonly finished: (key: ItemKey, desired: DesiredDocument | null) => void;
}

/** Begins with nothing carried out. */
export function createProgress(): Progress {
  const failures = new Map<ItemKey, StepFailure>();
  const attempted = new Map<ItemKey, number>();
  const lastActions = new Map<ItemKey, string>();
  const pending = new Set<ItemKey>();
  const worked = new Set<ItemKey>();
  let observedRevision = '0';
  let pendingRevision: string | null = null;
  let taken: DesiredDocument | null = null;

  function takeRevision(): void {
    if (pendingRevision !== null && pending.size === 0) {
      observedRevision = pendingRevision;
      pendingRevision = null;
    }
  }

  return {
    memory: {
      attempted: (key) => attempted.get(key) ?? 0,
      failure: (key) => failures.get(key),
      lastAction: (key) => lastActions.get(key) ?? null,
      isWorkedOn: (key) => worked.has(key),
    },
    revision: () => observedRevision,
    take: (desired) => {
      const isAnother = desired.revision !== (pendingRevision ?? observedRevision) || desired !== taken;
      taken = desired;
      return isAnother;
    },
    keepOnly: (planned) => {
      const named = new Set(planned);
      for (const memory of [failures, attempted, lastActions]) {
        for (const key of memory.keys()) if (!named.has(key)) memory.delete(key);
      }
    },
    waitFor: (revision, items) => {
      pending.clear();
      for (const key of items) pending.add(key);
      pendingRevision = revision;
      takeRevision();
    },
    working: (key, isSo) => {
      if (isSo) worked.add(key);
      else worked.delete(key);
    },
    acted: (subjects, done) => {
      for (const subject of subjects) lastActions.set(subject, done.join(', '));
    },
    failed: (key, failure) => {
      if (failure === null) failures.delete(key);
      else failures.set(key, failure);
    },
    finished: (key, desired) => {
      const generation = desired === null ? undefined : generationOf(desired, key);
      if (generation !== undefined) attempted.set(key, generation);
      pending.delete(key);
      takeRevision();
    },
  };
}

function generationOf(desired: DesiredDocument, key: ItemKey): number | undefined {
  const id = key.slice(key.indexOf(':') + 1);
  const items = key.startsWith('network:') ? desired.networks : desired.containers;
  return items.find((item) => item.id === id)?.generation;
}
