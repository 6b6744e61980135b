/** Changes of a network's link that must be confirmed, as tables, and one property over any order of what happens. */
import type { DesiredNetwork } from '@trunkline/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { document, id, network } from '../reconcile/subjects.fixture.ts';
import {
  beginSteps,
  clampDeadlines,
  effectiveDocument,
  expire,
  forgetLinkToRestore,
  linksToRestore,
  nextDeadline,
  noteExchange,
  type Evidence,
  type Trial,
  type Trials,
} from './trials.ts';

const windowMs = 60_000;
const old = network({ parent: 'ens33' });
const moved = network({ parent: 'ens34', generation: 2 });
const trial = (change: Partial<Trial> = {}): Trial => ({
  generation: 2,
  deadline: 60_000,
  windowMs,
  rolledBackAt: null,
  setUp: [],
  ...change,
});
const records = (of: Trial | null = null): Trials => ({ [id(1)]: { confirmed: old, trial: of } });
const failed = trial({ rolledBackAt: 60_000 });

const begin = (trials: Trials, wanted: DesiredNetwork, defaultRoute: string | null = null) =>
  beginSteps(trials, wanted, { defaultRoute, now: 1000, windowMs, setsUp: [] })[id(1)]?.trial;

describe('before steps', () => {
  test.each<[string, DesiredNetwork, string | null]>([
    ['another parent', moved, null],
    ['a VLAN where there was none', network({ vlan: 10, generation: 2 }), null],
    ['the default route that leads elsewhere', network({ parent: null, generation: 2 }), 'ens34'],
  ])('%s begins a trial', (_, wanted, defaultRoute) => {
    expect(begin(records(), wanted, defaultRoute)).toEqual(trial({ deadline: 61_000 }));
  });

  test.each<[string, Trials, DesiredNetwork, string | null]>([
    ['a new network', {}, moved, null],
    ['the same link', records(), network({ mode: 'private', mtu: 1400, generation: 2 }), null],
    ['the same link by another word', records(), network({ parent: null, generation: 2 }), 'ens33'],
    ['a network that should go', records(), { ...moved, state: 'absent' }, null],
  ])('%s does not', (_, trials, wanted, defaultRoute) => {
    expect(begin(trials, wanted, defaultRoute) ?? null).toBeNull();
  });

  test('a repair during a trial gives it no more time, also after a restart', () => {
    const trials = records(trial());
    expect(beginSteps(trials, moved, { defaultRoute: null, now: 59_000, windowMs, setsUp: [] })).toBe(trials);
  });

  test('what was left to do when the server was reached has its own time', () => {
    expect(begin(records(trial({ deadline: null })), moved)).toEqual(trial({ deadline: 61_000 }));
  });

  test.each([
    ['failed', failed],
    ['is over', trial({ deadline: 500 })],
  ])('the same generation is not tried again once it %s', (_, before) => {
    const trials = records(before);
    expect(beginSteps(trials, moved, { defaultRoute: null, now: 1000, windowMs, setsUp: [] })).toBe(trials);
  });

  test('a newer generation is tried although an older one failed, against the form before both', () => {
    const again = beginSteps(
      records(failed),
      { ...moved, generation: 3 },
      { defaultRoute: null, now: 1000, windowMs, setsUp: [] },
    );
    expect(again[id(1)]).toEqual({ confirmed: old, trial: trial({ generation: 3, deadline: 61_000 }) });
  });
});

const setsUp = (trials: Trials, wanted: DesiredNetwork, links: readonly string[]) =>
  beginSteps(trials, wanted, { defaultRoute: null, now: 1000, windowMs, setsUp: links })[id(1)]?.trial?.setUp;
describe('links that a trial sets up', () => {
  const third = { ...moved, generation: 3 };
  const shared = (of: Trial | null): Trials => ({
    ...records(),
    [id(2)]: { confirmed: network({ id: id(2), name: 'other' }), trial: of },
  });

  test.each<[string, Trials, DesiredNetwork, readonly string[], readonly string[]]>([
    ['are those that its first step sets up', records(), moved, ['ens34'], ['ens34']],
    [
      'are those of an older trial that nobody confirmed as well',
      records(trial({ deadline: null, setUp: ['ens34'] })),
      third,
      [],
      ['ens34'],
    ],
    [
      'are those of a failed one that have yet to be looked after as well, once',
      records({ ...failed, setUp: ['ens34'] }),
      third,
      ['ens34'],
      ['ens34'],
    ],
    [
      'are those of another network on trial that it uses as well',
      shared(trial({ setUp: ['ens34', 'ens35'] })),
      moved,
      [],
      ['ens34'],
    ],
  ])('%s', (_, trials, wanted, links, expected) => {
    expect(setsUp(trials, wanted, links)).toEqual(expected);
  });

  test.each<[string, Trials, DesiredNetwork, readonly string[], readonly string[] | undefined]>([
    ['without a trial', {}, moved, ['ens34'], undefined],
    ['that were up before it', records(), moved, [], []],
    ['in the repair of a trial', records(trial()), moved, ['ens34'], []],
    [
      'in what was left to do when the server was reached',
      records(trial({ deadline: null })),
      moved,
      ['ens34'],
      [],
    ],
    ['when the old form is put back', records(failed), moved, ['ens33'], []],
    ['that another network was confirmed on', shared(null), moved, [], []],
    ['that another network on trial alone uses', shared(trial({ setUp: ['ens35'] })), moved, [], []],
  ])('are not those %s', (_, trials, wanted, links, expected) => {
    expect(setsUp(trials, wanted, links)).toEqual(expected);
  });

  const withLinks = records({ ...failed, setUp: ['ens34', 'ens35'] });
  test('are looked after once it has failed, each once', () => {
    const wanted = document([moved]);
    expect(linksToRestore(withLinks, wanted, 0)).toEqual({
      [id(1)]: { generation: 2, links: ['ens34', 'ens35'] },
    });
    const after = forgetLinkToRestore(withLinks, id(1), 'ens34');
    expect(linksToRestore(after, wanted, 0)).toEqual({ [id(1)]: { generation: 2, links: ['ens35'] } });
    expect(linksToRestore(forgetLinkToRestore(after, id(1), 'ens35'), wanted, 0)).toEqual({});
    for (const [networkId, link] of [
      [id(1), 'ens34'],
      [id(7), 'ens35'],
    ] as const) {
      expect(forgetLinkToRestore(after, networkId, link)).toBe(after);
    }
  });

  test.each<[string, Trials, DesiredNetwork, number]>([
    ['while it goes on', records(trial({ setUp: ['ens34'] })), moved, 59_999],
    ['when the server was reached with it', records(), moved, 1e15],
    ['when another generation is tried', withLinks, third, 1e15],
    ['when the network should go', withLinks, { ...moved, state: 'absent' }, 1e15],
  ])('are left alone %s', (_, trials, wanted, now) => {
    expect(linksToRestore(trials, document([wanted]), now)).toEqual({});
  });
});

describe('what is carried out', () => {
  const other = network({ id: id(2), name: 'other', parent: 'ens35' });
  const wanted = document([moved, other], [], '9');

  test.each<[string, Trials, number]>([
    ['without records', {}, 0],
    ['without a trial', records(), 0],
    ['during a trial', records(trial()), 59_999],
    ['while a trial has no deadline', records(trial({ deadline: null })), 1e15],
    ['when another generation failed', records({ ...failed, generation: 1 }), 1e15],
  ])('is the document itself %s', (_, trials, now) => {
    expect(effectiveDocument(wanted, trials, now)).toBe(wanted);
  });

  test.each<[string, Trial, number]>([
    ['from the moment the time is over', trial(), 60_000],
    ['for good once that is written down', failed, 0],
  ])('has the confirmed form, with what is attached, under the tried generation %s', (_, of, now) => {
    const effective = effectiveDocument(wanted, records(of), now);
    expect(effective).toEqual({ ...wanted, networks: [{ ...old, generation: 2, force: true }, other] });
    expect(effective.networks[1]).toBe(other);
  });

  test('promise 6: a network that should go goes, whatever was tried', () => {
    const leaving = document([{ ...moved, state: 'absent' }]);
    expect(effectiveDocument(leaving, records(failed), 1e15)).toBe(leaving);
  });

  test('a network that the document does not name is not brought in', () => {
    const none = document([]);
    expect(effectiveDocument(none, records(failed), 1e15)).toBe(none);
  });
});

const note = (
  trials: Trials,
  wanted: DesiredNetwork,
  evidence: Evidence,
  at: { beganAt: number; now: number } = { beganAt: 500, now: 1000 },
) => noteExchange(trials, document([wanted]), { ...at, evidence: () => evidence });
describe('an answered exchange', () => {
  const inPlace: Evidence = { inPlaceAt: 400, quietSince: 300 };

  test.each<[string, Trials, DesiredNetwork]>([
    ['a new network', {}, old],
    ['a change of the same link', records(), network({ mode: 'private', generation: 2 })],
    ['a tried change', records(trial()), moved],
    ['a tried change that is late with its last steps', records(trial({ deadline: null })), moved],
    ['another change after one that failed', records(failed), { ...moved, generation: 3 }],
  ])('confirms %s that was in place when it began', (_, trials, wanted) => {
    expect(note(trials, wanted, inPlace)).toEqual({ [id(1)]: { confirmed: wanted, trial: null } });
  });

  test('does not confirm the force that brought a change', () => {
    expect(note(records(trial()), { ...moved, force: true }, inPlace)[id(1)]?.confirmed.force).toBe(false);
  });

  test.each<[string, Trials, Evidence, { beganAt: number; now: number }]>([
    [
      'that began before the change was in place',
      records(trial()),
      { inPlaceAt: 501, quietSince: 501 },
      { beganAt: 500, now: 1000 },
    ],
    [
      'while steps are carried out',
      records(trial()),
      { inPlaceAt: null, quietSince: null },
      { beganAt: 500, now: 1000 },
    ],
    ['that is answered too late', records(trial()), inPlace, { beganAt: 500, now: 60_000 }],
    ['after the failure', records(failed), inPlace, { beganAt: 70_000, now: 70_001 }],
    [
      'of a network that is confirmed already',
      { [id(1)]: { confirmed: moved, trial: null } },
      inPlace,
      { beganAt: 500, now: 1000 },
    ],
  ])('%s changes nothing', (_, trials, evidence, at) => {
    expect(note(trials, moved, evidence, at)).toBe(trials);
  });

  test('takes the deadline off a change that waits for something, and confirms nothing', () => {
    const after = note(records(trial()), moved, { inPlaceAt: null, quietSince: 400 });
    expect(after).toEqual(records(trial({ deadline: null })));
  });

  test('forgets networks that are gone or should go', () => {
    const at = { beganAt: 500, now: 1000, evidence: () => inPlace };
    expect(noteExchange(records(failed), document([]), at)).toEqual({});
    expect(noteExchange(records(), document([{ ...moved, state: 'absent' }]), at)).toEqual({});
  });
});

test('a failure is final once, and speaks of the moment it was noticed', () => {
  const wanted = document([moved]);
  expect(expire(records(trial()), wanted, 59_999)).toEqual(records(trial()));
  const after = expire(records(trial()), wanted, 60_500);
  expect(after).toEqual(records(trial({ rolledBackAt: 60_500 })));
  expect(expire(after, wanted, 99_000)).toBe(after);
  const stale = records(trial({ generation: 1 }));
  expect(expire(stale, wanted, 99_000)).toBe(stale);
});

test('the next deadline is that of the next trial that goes on', () => {
  const second = network({ id: id(2), parent: 'x', generation: 5 });
  const trials: Trials = {
    ...records(trial()),
    [id(2)]: { confirmed: old, trial: trial({ generation: 5, deadline: 70_000 }) },
    [id(3)]: { confirmed: old, trial: trial({ deadline: 10 }) },
  };
  const wanted = document([moved, second]);
  expect(nextDeadline(trials, wanted, 0)).toBe(60_000);
  expect(nextDeadline(trials, wanted, 60_000)).toBe(70_000);
  expect(nextDeadline(trials, wanted, 70_000)).toBeNull();
  expect(nextDeadline(records(failed), wanted, 0)).toBeNull();
});

test('a clock that was set back gives a trial no more than its length', () => {
  expect(clampDeadlines(records(trial({ deadline: 9e9 })), 1000)).toEqual(
    records(trial({ deadline: 61_000 })),
  );
  for (const kept of [records(trial()), records(failed), records()])
    expect(clampDeadlines(kept, 1000)).toBe(kept);
});

/** What can happen to an agent with one network, in any order. */
type Event =
  | { readonly what: 'change'; readonly parent: string }
  | { readonly what: 'work'; readonly fails: boolean; readonly killed: boolean }
  | { readonly what: 'look' }
  | { readonly what: 'exchange'; readonly tookMs: number }
  | { readonly what: 'expire' }
  | { readonly what: 'restart' }
  | { readonly what: 'wait'; readonly ms: number };

const sometimes = fc.constantFrom(true, false, false, false);
const events: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ what: fc.constant('change' as const), parent: fc.constantFrom('ens33', 'ens34', 'ens35') }),
  fc.record({ what: fc.constant('work' as const), fails: fc.boolean(), killed: sometimes }),
  fc.record({ what: fc.constant('look' as const) }),
  fc.record({ what: fc.constant('exchange' as const), tookMs: fc.constantFrom(0, 0, 1, 2000, 90_000) }),
  fc.record({ what: fc.constantFrom('expire' as const, 'restart' as const) }),
  fc.record({ what: fc.constant('wait' as const), ms: fc.constantFrom(1, 1000, 30_000, 60_000, 600_000) }),
);

/** An agent in the small: what is on its disk, what is on the host, and what it has seen since its start. */
function agent() {
  let now = 1_000_000;
  let disk: Trials = {};
  let wanted = network({ parent: 'ens33' });
  /** Where the network really is. */
  let real: string | null = null;
  let seen: Evidence = { inPlaceAt: null, quietSince: 0 };
  const effective = (): DesiredNetwork => effectiveDocument(document([wanted]), disk, now).networks[0]!;
  const fresh = (): void => {
    seen = { inPlaceAt: null, quietSince: 0 };
  };
  return {
    effective,
    disk: () => disk,
    wanted: () => wanted,
    happen: (event: Event): void => {
      switch (event.what) {
        case 'change':
          wanted = { ...wanted, generation: wanted.generation + 1, parent: event.parent };
          // What was seen speaks of another generation.
          seen = { ...seen, inPlaceAt: null };
          return;
        case 'work': {
          const form = effective();
          if (form.parent === real) return;
          disk = beginSteps(disk, form, { defaultRoute: null, now, windowMs, setsUp: [] });
          seen = { inPlaceAt: null, quietSince: null };
          if (!event.fails) real = form.parent;
          now += 500;
          if (event.killed) fresh();
          else seen = { inPlaceAt: null, quietSince: now };
          return;
        }
        case 'look':
          if (effective().parent === real && seen.quietSince !== null) {
            seen = { ...seen, inPlaceAt: seen.inPlaceAt ?? now };
          }
          return;
        case 'exchange': {
          const beganAt = now - event.tookMs;
          disk = noteExchange(disk, document([wanted]), { beganAt, now, evidence: () => seen });
          return;
        }
        case 'expire':
          disk = expire(disk, document([wanted]), now);
          return;
        case 'restart':
          fresh();
          disk = clampDeadlines(disk, now);
          return;
        case 'wait':
          now += event.ms;
      }
    },
  };
}

/** One whose first form is in place and confirmed. */
function confirmedAgent(): ReturnType<typeof agent> {
  const one = agent();
  one.happen({ what: 'work', fails: false, killed: false });
  one.happen({ what: 'look' });
  one.happen({ what: 'exchange', tookMs: 0 });
  expect(one.disk()[id(1)]?.confirmed.parent).toBe('ens33');
  return one;
}

test('property: whatever happens in whatever order, a generation is undone at most once and for good, and never once it is confirmed', () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 60 }), (history) => {
      const one = confirmedAgent();
      const forms = new Map<number, string[]>();
      const confirmed = new Set<number>();
      for (const event of history) {
        one.happen(event);
        const { generation, parent } = one.wanted();
        const record = one.disk()[id(1)];
        if (record?.trial === null) confirmed.add(record.confirmed.generation);
        const form = one.effective();
        const known = forms.get(generation) ?? [];
        if (known.at(-1) !== form.parent) forms.set(generation, [...known, form.parent!]);
        // Either what the server wants, or the confirmed form and nothing else.
        if (form.parent !== parent) expect(form.parent).toBe(record?.confirmed.parent);
        if (confirmed.has(generation)) expect(form.parent).toBe(parent);
      }
      for (const [, seen] of forms) expect(seen.length).toBeLessThanOrEqual(2);
    }),
    { numRuns: 3000 },
  );
});

test('property: a change that is applied and never followed by an answer is undone when its time is over, whatever is killed', () => {
  const silent = events.filter(({ what }) => what !== 'exchange' && what !== 'change');
  fc.assert(
    fc.property(fc.array(silent, { maxLength: 40 }), (history) => {
      const one = confirmedAgent();
      one.happen({ what: 'change', parent: 'ens34' });
      one.happen({ what: 'work', fails: false, killed: true });
      for (const event of history) one.happen(event);
      one.happen({ what: 'wait', ms: windowMs });
      expect(one.effective()).toMatchObject({ parent: 'ens33', generation: 2, force: true });
    }),
    { numRuns: 1000 },
  );
});
