import type { Operation } from './operation.ts';
import type { Outcome } from './perform.ts';

/** What a run did to its containers, as far as it matters for what they are owed. */
export interface Ledger {
  /** An operation on a container ended. */
  note(operation: Operation, word: Outcome['word']): void;
  /** It was started last and not stopped since: a restart policy keeps it running. */
  isAwaited(container: string): boolean;
  /** Address that it asks for at its next start; null: any. */
  pinOf(container: string): string | null;
  /** Containers whose removal was asked for and did not go well. */
  unremoved(): readonly { readonly host: string; readonly container: string }[];
}

export function createLedger(): Ledger {
  const started = new Set<string>();
  const pins = new Map<string, string>();
  const unremoved = new Map<string, string>();
  return {
    note(operation, word) {
      if (!('container' in operation)) return;
      const { do: what, host, container } = operation;
      const ok = word === 'ok';
      if ((what === 'run' || what === 'connect') && operation.ip !== null) pins.set(container, operation.ip);
      if (what === 'connect' && operation.ip === null && ok) pins.delete(container);
      if (what === 'run' || what === 'start' || what === 'restart') {
        if (ok) started.add(container);
        else started.delete(container);
      }
      if (what === 'stop' || what === 'rm') started.delete(container);
      if (what === 'rm') {
        // A removal that found none may have come before the container that a slow `docker run` makes.
        if (ok) unremoved.delete(container);
        else unremoved.set(container, host);
      }
    },
    isAwaited: (container) => started.has(container),
    pinOf: (container) => pins.get(container) ?? null,
    unremoved: () => [...unremoved].map(([container, host]) => ({ container, host })),
  };
}
