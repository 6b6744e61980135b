import { describe, expect, test } from 'vitest';
import { createChecker } from './checker.ts';
import type { Live, Observation, Row, Violation } from './observation.ts';
import { poolOf } from './pool.ts';

const pool = poolOf(24);
const ip = '10.213.0.9';

const on = (host: string, container: string, address = ip, sandbox = container): Live => ({
  host,
  container,
  sandbox,
  ip: address,
});
const look = (at: number, ...live: Live[]): Observation => ({ kind: 'look', at, live });
const book = (asked: number, answered: number, ...rows: Row[]): Observation => ({
  kind: 'book',
  asked,
  answered,
  rows,
});
const bound = (host: string, address = ip): Row => ({ ip: address, state: 'bound', host });

function check(...history: Observation[]): readonly Violation[] {
  const checker = createChecker(new Set(pool.addresses));
  return history.flatMap((observation) => checker.add(observation));
}
const kinds = (...history: Observation[]): readonly string[] => check(...history).map(({ kind }) => kind);

test('a history in which an address goes from one host to the next has nothing wrong in it', () => {
  expect(
    kinds(
      look(0, on('docker01', 'a')),
      book(10, 20, bound('docker01')),
      look(100, on('docker01', 'a')),
      look(200),
      book(210, 220, { ip, state: 'quarantined', host: null }),
      look(300),
      book(310, 320),
      look(400, on('docker02', 'b')),
      book(410, 420, { ip, state: 'leased', host: 'docker02' }),
      look(500, on('docker02', 'b')),
    ),
  ).toEqual([]);
});

describe('an address on two live containers', () => {
  test('of two hosts is reported once, with both', () => {
    const both = [on('docker01', 'a'), on('docker02', 'b')];
    expect(check(look(0, ...both), look(100, ...both))).toMatchObject([
      { kind: 'duplicate', at: 0, ip, hosts: ['docker01', 'docker02'], containers: ['a', 'b'] },
    ]);
  });

  test('of one host is reported too', () => {
    expect(kinds(look(0, on('docker01', 'a'), on('docker01', 'b')))).toEqual(['duplicate']);
  });
});

test.each([pool.gateway, '10.213.0.0', '10.213.0.255', '172.16.1.1'])(
  'an address that is not to be given out, %s, is reported',
  (address) => {
    expect(kinds(look(0, on('docker01', 'a', address)))).toEqual(['outside']);
  },
);

describe('an address of a live container', () => {
  const live = on('docker01', 'a');
  test.each([
    ['free', []],
    ['quarantined', [{ ip, state: 'quarantined', host: null }]],
    ['reserved', [{ ip, state: 'reserved', host: null }]],
    ['conflicted', [{ ip, state: 'conflicted', host: null }]],
  ])('that the book calls %s was freed early', (word, rows) => {
    const found = check(look(0, live), book(10, 20, ...rows), look(100, live));
    expect(found).toMatchObject([{ kind: 'freed early', at: 20, ip, containers: ['a'] }]);
    expect(found[0]?.text).toContain(word);
  });

  test('that the book gave to another host is reported', () => {
    expect(kinds(look(0, live), book(10, 20, bound('docker02')), look(100, live))).toEqual([
      'given elsewhere',
    ]);
  });

  test('is held against a book also when it ended right after the answer', () => {
    expect(kinds(look(0, live), book(10, 20), look(30, live), look(100))).toEqual(['freed early']);
    // The book was read only after the next look.
    expect(kinds(look(0, live), look(30, live), book(10, 20), look(100))).toEqual(['freed early']);
  });

  test('that came, went, or was taken again while the book was asked for proves nothing', () => {
    const again = on('docker01', 'a', ip, 'another');
    expect(kinds(look(0), book(10, 110), look(100, live), look(200, live))).toEqual([]);
    expect(kinds(look(0, live), book(10, 110), look(100), look(200))).toEqual([]);
    expect(kinds(look(0, live), book(10, 110), look(100, again), look(200, again))).toEqual([]);
  });
});

type Checker = ReturnType<typeof createChecker>;

function kindsAfter(
  prepare: (checker: Checker) => void,
  before: Observation[],
  after: Observation[],
): readonly string[] {
  const checker = createChecker(new Set(pool.addresses));
  for (const observation of before) checker.add(observation);
  prepare(checker);
  return after.flatMap((observation) => checker.add(observation)).map(({ kind }) => kind);
}
const forbid = (checker: Checker): void => checker.forbid(ip, 'a station has it', 100);
const excuse = (checker: Checker): void => checker.excuse(ip);
const coming = (checker: Checker): void => checker.excuseComing(ip, 0, 100);
const distrust = (checker: Checker): void => checker.trustBook(false);

describe('what was done at the edges', () => {
  test('a container that comes to a forbidden address is found, one that has it already is not', () => {
    expect(kindsAfter(forbid, [], [look(150, on('docker01', 'a'))])).toEqual(['forbidden']);
    expect(kindsAfter(forbid, [], [look(50, on('docker01', 'a')), look(150, on('docker01', 'a'))])).toEqual(
      [],
    );
    const allowed = (checker: Checker): void => {
      forbid(checker);
      checker.allow(ip, 'a station has it');
    };
    expect(kindsAfter(allowed, [], [look(150, on('docker01', 'a'))])).toEqual([]);
  });

  test('an address that was taken away may be given on once, and not to its loser again', () => {
    const loser = on('docker01', 'a');
    const given = look(100, loser, on('docker02', 'b'));
    expect(kindsAfter(excuse, [look(0, loser)], [given])).toEqual([]);
    const restarted = on('docker01', 'a', ip, 'another sandbox');
    const again = look(200, restarted, on('docker02', 'b'));
    expect(kindsAfter(excuse, [look(0, loser)], [given, again])).toEqual(['duplicate']);
  });

  test('an address that was taken away may come to whoever was being given it, and to nobody else besides', () => {
    const first = on('docker01', 'a');
    expect(kindsAfter(coming, [], [look(50, first), book(60, 70), look(80, first)])).toEqual([]);
    expect(kindsAfter(coming, [], [look(150, first), book(160, 170), look(180, first)])).toEqual([
      'freed early',
    ]);
    expect(kindsAfter(coming, [], [look(50, first, on('docker02', 'b'))])).toEqual(['duplicate']);
  });

  test('the book is not believed while it is not trusted, the kernels are', () => {
    const history = [look(0, on('docker01', 'a')), book(10, 20), look(30, on('docker01', 'a'))];
    expect(kindsAfter(distrust, [], history)).toEqual([]);
    expect(kindsAfter(distrust, [], [look(0, on('docker01', 'a'), on('docker02', 'b'))])).toEqual([
      'duplicate',
    ]);
  });
});
