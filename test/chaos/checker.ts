import type { Book, Live, Look, Observation, Row, Violation, ViolationKind } from './observation.ts';

/** Judges a history while it is made, by {@link Observation}s alone. */
export interface Checker {
  /** Looks come in the order of their time, books in the order of their answers. Each violation is reported once. */
  add(observation: Observation): readonly Violation[];
  /** From a moment on no container may come to an address. Who has it then may keep it. */
  forbid(ip: string, why: string, from: number): void;
  allow(ip: string, why: string): void;
  /** An operator took an address away from whoever has it now: it may be given on, and the book may show that. */
  excuse(ip: string): void;
  /**
   * An operator takes an address away from a moment on: the book may show it as free while whoever was being given it appears, until
   * another moment. Nobody else may have it then.
   */
  excuseComing(ip: string, from: number, until: number): void;
  /** Whether containers are held against the book; what was asked before is forgotten. */
  trustBook(trusted: boolean): void;
}

/** An address that one endpoint held at every look from `since` on. */
interface Holding {
  readonly live: Live;
  readonly since: number;
  last: number;
}

const keyOf = ({ host, container, sandbox, ip }: Live): string => [host, container, sandbox, ip].join(' ');

/** Books that wait for a look after their answer are few: one is asked for at a time. */
const maxPending = 100;

/**
 * The promises that hold at any time: no address on two containers, none that was not to be given out, and the book
 * says of each address on a live container that its host holds it. A book is held against the containers that lived from
 * before the question until after the answer, so what was true at any moment between them was true of those.
 */
export function createChecker(pool: ReadonlySet<string>): Checker {
  let holdings = new Map<string, Holding>();
  let pending: Book[] = [];
  const reported = new Set<string>();
  const forbidden = new Map<string, Map<string, number>>();
  const excused = new Set<string>();
  const coming = new Map<string, { readonly from: number; readonly until: number }>();
  let isBookTrusted = true;

  const report = (
    kind: ViolationKind,
    at: number,
    text: string,
    ip: string,
    who: readonly Live[],
  ): Violation[] => {
    const key = [kind, ...who.map(keyOf)].join(' ');
    if (reported.has(key)) return [];
    reported.add(key);
    const containers = who.map(({ container }) => container);
    return [{ kind, at, ip, hosts: who.map(({ host }) => host), containers, text }];
  };

  function takeLook({ at, live }: Look): Violation[] {
    const now = new Map<string, Holding>();
    const byAddress = new Map<string, Live>();
    const found: Violation[] = [];
    for (const one of live) {
      const key = keyOf(one);
      const known = holdings.get(key);
      now.set(key, { live: one, since: known?.since ?? at, last: at });
      if (!pool.has(one.ip))
        found.push(
          ...report('outside', at, `${place(one)} has ${one.ip}, which is not to be given out`, one.ip, [
            one,
          ]),
        );
      if (known === undefined) found.push(...judgeNewcomer(at, one));
      if (excused.has(key)) continue;
      const other = byAddress.get(one.ip);
      if (other === undefined) byAddress.set(one.ip, one);
      else
        found.push(
          ...report('duplicate', at, `${place(other)} and ${place(one)} both have ${one.ip}`, one.ip, [
            other,
            one,
          ]),
        );
    }
    // What ended since the last look still counts for the books that were answered before it.
    found.push(...judgeBooks(at, [...holdings.values(), ...now.values()]));
    holdings = now;
    return found;
  }

  function judgeNewcomer(at: number, one: Live): Violation[] {
    const whys = [...(forbidden.get(one.ip) ?? [])].filter(([, from]) => from <= at).map(([why]) => why);
    if (whys.length === 0) return [];
    const text = `${place(one)} was given ${one.ip}, though ${whys.join(' and ')}`;
    return report('forbidden', at, text, one.ip, [one]);
  }

  function judgeBooks(at: number, held: readonly Holding[]): Violation[] {
    const ripe = pending.filter(({ answered }) => answered <= at);
    pending = pending.filter(({ answered }) => answered > at);
    return ripe.flatMap((book) => {
      const rows = new Map(book.rows.map((row) => [row.ip, row]));
      return held
        .filter(({ since, last }) => since <= book.asked && last >= book.answered)
        .filter(({ live }) => !excused.has(keyOf(live)))
        .flatMap((holding) => judgeRow(book, holding, rows.get(holding.live.ip)));
    });
  }

  function judgeRow({ answered }: Book, { live, since }: Holding, row: Row | undefined): Violation[] {
    if (row !== undefined && row.host !== null && row.host !== live.host) {
      const text = `${live.ip} is on ${place(live)}, but the book gave it to ${row.host}`;
      return report('given elsewhere', answered, text, live.ip, [live]);
    }
    if (row?.state === 'leased' || row?.state === 'bound') return [];
    const taken = coming.get(live.ip);
    if (taken !== undefined && taken.from <= since && since <= taken.until) return [];
    const text = `${live.ip} is on ${place(live)}, but the book has it as ${row?.state ?? 'free'}`;
    return report('freed early', answered, text, live.ip, [live]);
  }

  return {
    add(observation) {
      if (observation.kind === 'look') return takeLook(observation);
      if (isBookTrusted) pending = [...pending, observation].slice(-maxPending);
      return [];
    },
    forbid(address, why, from) {
      forbidden.set(address, new Map([...(forbidden.get(address) ?? []), [why, from]]));
    },
    allow(address, why) {
      forbidden.get(address)?.delete(why);
    },
    excuse(address) {
      for (const [key, { live }] of holdings) if (live.ip === address) excused.add(key);
    },
    excuseComing(address, from, until) {
      coming.set(address, { from, until });
    },
    trustBook(trusted) {
      isBookTrusted = trusted;
      pending = [];
    },
  };
}

const place = ({ host, container }: Live): string => `${container.slice(0, 12)} on ${host}`;
