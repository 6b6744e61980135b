import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from '@trunkline/client';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { createChecker, type Checker } from './checker.ts';
import { lineOf, storyOf, type Entry } from './journal.ts';
import type { KernelView } from './kernel-view.ts';
import type { Live, Row, Violation } from './observation.ts';

/** Looks at hosts and book for as long as a run takes, and keeps what it saw. */
export interface Recorder {
  /** Milliseconds since the run began. */
  now(): number;
  /** Adds to the journal. `print`: it is also shown at once. */
  note(text: string, about?: Partial<Pick<Entry, 'containers' | 'ips'>>, print?: boolean): void;
  /** What the checker is to know of what was done; moments are milliseconds since the run began. */
  readonly checker: Pick<Checker, 'forbid' | 'allow' | 'excuse' | 'excuseComing' | 'trustBook'>;
  /** Something did not hold. */
  report(violations: readonly Violation[]): void;
  readonly violations: readonly Violation[];
  /** A violation with what led to it, in lines. */
  story(violation: Violation): readonly string[];
  /** How often was looked at kernels and at the book. */
  readonly counts: { readonly looks: number; readonly books: number };
  /** Looks a last time, and stops looking. */
  stop(): Promise<void>;
}

const lookEveryMs = 50;
const bookEveryMs = 300;
/** A run of 30 minutes makes some 20,000. */
const maxEntries = 200_000;

const keyOf = ({ host, container, ip }: Live): string => [host, container, ip].join(' ');

/** The state of each address in the book, as text. */
const wordsOf = (rows: readonly Row[]): Map<string, string> =>
  new Map(rows.map(({ ip, state, host }) => [ip, host === null ? state : `${state} on ${host}`]));

export function startRecorder(
  view: KernelView,
  client: Pick<ApiClient, 'addresses'>,
  network: string,
  pool: readonly string[],
  show: (line: string) => void,
): Recorder {
  const began = performance.now();
  const now = (): number => performance.now() - began;
  const checker = createChecker(new Set(pool));
  const entries: Entry[] = [];
  const violations: Violation[] = [];
  const counts = { looks: 0, books: 0 };
  const stopping = new AbortController();
  let seen = new Map<string, Live>();
  let words = new Map<string, string>();

  const note: Recorder['note'] = (text, about = {}, print = false) => {
    const entry = { at: now(), text, containers: [], ips: [], ...about };
    if (entries.length < maxEntries) entries.push(entry);
    if (print) show(lineOf(entry));
  };

  function report(found: readonly Violation[]): void {
    for (const violation of found) {
      const containers = violation.containers.map((id) => view.nameOf(id));
      const names = containers.length === 0 ? '' : ` (${containers.join(', ')})`;
      violations.push({ ...violation, containers });
      const ips = violation.ip === null ? [] : [violation.ip];
      note(`VIOLATION, ${violation.kind}: ${violation.text}${names}`, { containers, ips }, true);
    }
  }

  function look(): void {
    const live = view.live();
    const fresh = new Map(live.map((one) => [keyOf(one), one]));
    const noteChange = (word: string, { host, container, ip }: Live): void => {
      const name = view.nameOf(container);
      note(`${ip} ${word} ${name} on ${host}`, { containers: [name], ips: [ip] });
    };
    for (const [key, one] of fresh) if (!seen.has(key)) noteChange('appears in', one);
    for (const [key, one] of seen) if (!fresh.has(key)) noteChange('is gone from', one);
    seen = fresh;
    counts.looks += 1;
    report(checker.add({ kind: 'look', at: now(), live }));
  }

  async function readBook(): Promise<void> {
    const asked = now();
    const rows: Row[] = [];
    const options = { timeoutMs: patient(3000), signal: stopping.signal };
    // A pool fits on one page: it is one statement of the database, so one moment.
    for await (const { ip, state, host } of client.addresses.all(network, { limit: 1000 }, options)) {
      rows.push({ ip, state, host });
    }
    const answered = now();
    const fresh = wordsOf(rows);
    for (const ip of new Set([...words.keys(), ...fresh.keys()])) {
      const word = fresh.get(ip) ?? 'free';
      if (word !== (words.get(ip) ?? 'free')) note(`book: ${ip} ${word}`, { ips: [ip] });
    }
    words = fresh;
    counts.books += 1;
    report(checker.add({ kind: 'book', asked, answered, rows }));
  }

  async function repeat(work: () => void | Promise<void>, everyMs: number): Promise<void> {
    while (!stopping.signal.aborted) {
      await work();
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }
  const loops = Promise.all([
    repeat(look, lookEveryMs),
    // No answer is what a server that was killed gives.
    repeat(() => readBook().catch(() => undefined), bookEveryMs),
  ]);
  // Heard in stop().
  loops.catch(() => undefined);

  return {
    now,
    note,
    checker,
    report,
    violations,
    counts,
    story: (violation) => storyOf(entries, violation).map(lineOf),
    async stop() {
      stopping.abort();
      await loops;
      look();
    },
  };
}
