import { maxInt32 } from '@trunkline/contracts';
import type { AuditInput } from '../../platform/audit.ts';

/** What was not carried out: `times` and both sides follow. */
export type NotDone = Omit<AuditInput, 'times' | 'before' | 'after'>;

/** Bounds the entries of what is not carried out, however often that happens. */
export interface Denials {
  note(one: NotDone): void;
  /** Writes what is noted, also what is only counted so far. */
  close(): Promise<void>;
}

/** Kinds that have entries of their own within an interval; further ones are counted together. */
export const maxKinds = 20;
export const intervalMs = 60_000;
/** What comes at once is written together, in milliseconds. */
const gatherMs = 200;
/** Entries that wait for a database that does not answer. */
const maxWaiting = 200;

const kindOf = ({ actor, tokenId, source, operation, outcome, code }: NotDone): string =>
  JSON.stringify([actor, tokenId, source, operation, outcome, code]);

/** Of several kinds, only what became of them. */
const others = (one: NotDone): NotDone => ({
  ...one,
  actor: null,
  tokenId: null,
  source: null,
  operation: null,
  subject: null,
  code: null,
  outcome: 'denied',
});

const entryOf = (one: NotDone, times: number): AuditInput => ({
  ...one,
  times: Math.min(times, maxInt32),
  before: null,
  after: null,
});

/**
 * The first of a kind (who, from where, what, why not) is written at once. Like ones that follow within a minute are
 * counted and become one entry at its end, and so do all that are of more than {@link maxKinds} kinds: a flood is at
 * most 41 entries a minute.
 */
export function createDenials(deps: {
  /** Writes entries; rejects when the database does not answer. */
  write(entries: readonly AuditInput[]): Promise<void>;
  onFailure(error: unknown): void;
}): Denials {
  let kinds = new Map<string, { last: NotDone; times: number }>();
  let beyond: { last: NotDone; times: number } | undefined;
  let waiting: AuditInput[] = [];
  let lost: { last: NotDone; times: number } | undefined;
  let gather: NodeJS.Timeout | undefined;
  let interval: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const put = (entry: AuditInput): void => {
    if (waiting.length < maxWaiting) waiting.push(entry);
    else lost = { last: others(entry), times: (lost?.times ?? 0) + entry.times };
  };

  const write = async (): Promise<void> => {
    const entries = lost === undefined ? waiting : [...waiting, entryOf(lost.last, lost.times)];
    if (entries.length === 0) return;
    [waiting, lost] = [[], undefined];
    try {
      await deps.write(entries);
    } catch (error) {
      deps.onFailure(error);
      for (const entry of entries) put(entry);
    }
  };
  const flush = (): Promise<void> => {
    clearTimeout(gather);
    gather = undefined;
    writing = writing.then(write);
    return writing;
  };

  const endInterval = (): void => {
    for (const [kind, { last, times }] of kinds) {
      if (times === 0) kinds.delete(kind);
      else {
        put(entryOf(last, times));
        kinds.set(kind, { last, times: 0 });
      }
    }
    if (beyond !== undefined) put(entryOf(beyond.last, beyond.times));
    beyond = undefined;
    interval = undefined;
    if (kinds.size > 0 || waiting.length > 0) schedule();
    void flush();
  };
  const schedule = (): void => {
    interval ??= setTimeout(endInterval, intervalMs).unref();
  };

  return {
    note(one) {
      const kind = kindOf(one);
      const known = kinds.get(kind);
      schedule();
      if (known !== undefined) kinds.set(kind, { last: one, times: known.times + 1 });
      else if (kinds.size >= maxKinds) beyond = { last: others(one), times: (beyond?.times ?? 0) + 1 };
      else {
        kinds.set(kind, { last: one, times: 0 });
        put(entryOf(one, 1));
        gather ??= setTimeout(() => void flush(), gatherMs).unref();
      }
    },
    async close() {
      endInterval();
      clearTimeout(interval);
      interval = undefined;
      kinds = new Map();
      await flush();
    },
  };
}
