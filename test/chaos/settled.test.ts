import { expect, test } from 'vitest';
import { unsettled, type Boxed, type BookRow, type Settled } from './settled.ts';

const row = (ip: string, state: string, host: string | null, change: Partial<BookRow> = {}): BookRow => ({
  ip,
  state,
  host,
  owner: null,
  overdueMs: null,
  ...change,
});
const box = (container: string, change: Partial<Boxed> = {}): Boxed => ({
  host: 'docker01',
  container,
  running: true,
  attached: true,
  pin: null,
  mac: null,
  known: true,
  awaited: false,
  error: '',
  ...change,
});

/** One container on docker01, a stopped one that asks for .9, a warm pool of one on each host, an address at rest. */
const good: Settled = {
  at: 1,
  hosts: ['docker01', 'docker02'],
  warm: 1,
  live: [{ host: 'docker01', container: 'a', sandbox: 's', ip: '10.213.0.2' }],
  rows: [
    row('10.213.0.2', 'bound', 'docker01'),
    row('10.213.0.3', 'leased', 'docker01'),
    row('10.213.0.4', 'leased', 'docker02'),
    row('10.213.0.5', 'quarantined', null),
    row('10.213.0.6', 'reserved', null, { owner: 'web-1' }),
    row('10.213.0.9', 'leased', 'docker01'),
  ],
  foreign: new Set(['10.213.0.14']),
  boxes: [box('a'), box('b', { running: false, pin: '10.213.0.9' })],
  allocatable: 13,
  free: 7,
};

const kinds = (change: Partial<Settled>): readonly string[] =>
  unsettled({ ...good, ...change }).map(({ kind }) => kind);
/** With another row in the place of the one of that address, and the count made right. */
const withRow = (ip: string, ...rows: BookRow[]): Partial<Settled> => {
  const all = [...good.rows.filter((one) => one.ip !== ip), ...rows];
  return { rows: all, free: good.allocatable - all.length };
};

const leasedOn = (host: string) => withRow('10.213.0.2', row('10.213.0.2', 'leased', host));

test('what runs and Docker takes for stopped is held by its host, and by no other', () => {
  const stray = { boxes: [box('a', { running: false }), box('b', { running: false, pin: '10.213.0.9' })] };
  expect(kinds({ ...leasedOn('docker01'), ...stray })).toEqual([]);
  expect(kinds({ ...leasedOn('docker02'), ...stray })).toContain('not in the book');
  expect(kinds(leasedOn('docker01'))).toContain('not in the book');
});

test('a fleet at rest has nothing wrong with it', () => {
  expect(unsettled(good)).toEqual([]);
  // Bound is what it was: the host has not given it back.
  expect(kinds(withRow('10.213.0.9', row('10.213.0.9', 'bound', 'docker01')))).toEqual([]);
});

test.each<[string, Partial<Settled>, string[]]>([
  [
    'bound to a host where no container has it',
    withRow('', row('10.213.0.10', 'bound', 'docker02')),
    ['leak'],
  ],
  ['reserved for nobody', withRow('10.213.0.6', row('10.213.0.6', 'reserved', null)), ['leak']],
  [
    'still in quarantine when that is long over',
    withRow('10.213.0.5', row('10.213.0.5', 'quarantined', null, { overdueMs: 70_000 })),
    ['leak'],
  ],
  ['conflicted with nothing', withRow('', row('10.213.0.10', 'conflicted', null)), ['leak']],
  ['leased beyond the warm pool', withRow('', row('10.213.0.10', 'leased', 'docker02')), ['leak']],
  ['kept for a container that is gone', { boxes: [box('a')] }, ['leak']],
  [
    'bound for a stopped container of another host',
    withRow('10.213.0.9', row('10.213.0.9', 'bound', 'docker02')),
    ['leak'],
  ],
])('an address %s is a leak', (_, change, found) => {
  expect(kinds(change)).toEqual(found);
});

test('the address of a live container that is free, leased, or bound elsewhere is missing in the book', () => {
  expect(kinds(withRow('10.213.0.2'))).toEqual(['not in the book']);
  expect(kinds(withRow('10.213.0.2', row('10.213.0.2', 'bound', 'docker02')))).toEqual([
    'leak',
    'not in the book',
  ]);
  expect(kinds({ ...withRow('10.213.0.2', row('10.213.0.2', 'leased', 'docker01')), warm: 2 })).toEqual([
    'not in the book',
    'pool',
  ]);
});

test('a warm pool that was not filled again is reported, unless nothing is free', () => {
  expect(kinds(withRow('10.213.0.4'))).toEqual(['pool']);
  expect(kinds({ ...withRow('10.213.0.4'), allocatable: 5, free: 0 })).toEqual([]);
});

test('a container with another address than it asks for, or none, is reported', () => {
  expect(
    kinds({ boxes: [box('a', { pin: '10.213.0.8' }), box('b', { running: false, pin: '10.213.0.9' })] }),
  ).toEqual(['wrong address']);
  expect(kinds({ boxes: [...good.boxes, box('c')] })).toEqual(['wrong address']);
  expect(kinds({ boxes: [...good.boxes, box('c', { attached: false })] })).toEqual([]);
});

test('a container that its restart policy keeps running, and that does not run, is reported', () => {
  expect(kinds({ boxes: [...good.boxes, box('c', { running: false, awaited: true })] })).toEqual([
    'not running',
  ]);
});

test('addresses that do not add up are reported', () => {
  expect(kinds({ free: 6 })).toEqual(['count']);
});

test('two running containers with one Ethernet address are found, a stopped one has none', () => {
  const mac = '02:42:c0:00:00:01';
  const [, stopped] = good.boxes;
  const other = { host: 'docker02', mac, pin: null };
  const boxes = (change: Partial<Boxed>): Partial<Settled> => ({
    live: [...good.live, { host: 'docker02', container: 'c', sandbox: 't', ip: '10.213.0.4' }],
    boxes: [
      box('a', { mac }),
      box('c', { ...other, ...change }),
      ...(stopped === undefined ? [] : [stopped]),
    ],
  });
  expect(kinds(boxes({}))).toContain('duplicate MAC');
  expect(kinds(boxes({ running: false }))).not.toContain('duplicate MAC');
  expect(kinds(boxes({ mac: '02:42:c0:00:00:02' }))).not.toContain('duplicate MAC');
  // Its host gave it an address while the server could not be asked.
  expect(kinds(boxes({ known: false }))).not.toContain('duplicate MAC');
});

test('an address that a foreign machine had may be kept apart for a while, another one may not', () => {
  expect(kinds(withRow('10.213.0.14', row('10.213.0.14', 'conflicted', null)))).toEqual([]);
  expect(kinds(withRow('10.213.0.13', row('10.213.0.13', 'conflicted', null)))).toEqual(['leak']);
});
