/** The table of ADR 0022: what may be granted, and to nobody while somebody has it. */
import { describe, expect, test } from 'vitest';
import { id } from '../../reconcile/subjects.fixture.ts';
import { whyLive, whyNot } from './grantable.ts';
import { idle, type LeaseRecord } from '../leases/lease-record.ts';
import type { Evidence } from '../bindings/live-addresses.ts';

const now = 100_000;
const ip = '172.16.100.30';

function record(change: Partial<LeaseRecord>): LeaseRecord {
  return {
    networkId: id(1),
    ip,
    subnet: '172.16.100.0/24',
    generation: 3,
    owner: null,
    mac: null,
    use: 'free',
    since: 90_000,
    touched: true,
    ...idle,
    lastMac: null,
    lastName: null,
    returnAs: null,
    ...change,
  };
}

const a1 = { name: 'a1', mac: '02:42:ac:10:64:32' };
const nobody: Evidence = { kernel: null, docker: null };
const kernelShows: Evidence = { kernel: a1, docker: null };
const dockerShows = (at: number): Evidence => ({ kernel: null, docker: { holder: a1, at } });
const unknown: Evidence = { kernel: 'unknown', docker: null };

const used = { use: 'used', grants: 1, seen: true } as const;
const open = { use: 'used', grants: 1, seen: false, lastMac: a1.mac } as const;
const onA1 = `${ip} is on container a1 (Ethernet address ${a1.mac})`;

describe('nobody is seen on it', () => {
  test.each<[string, Partial<LeaseRecord>, string | null]>([
    ['free', {}, null],
    ['being probed', { use: 'probing' }, null],
    ['released', { use: 'released' }, null],
    ['kept for whoever names it', { use: 'kept', pinned: true }, null],
    ['granted, seen, and gone without a release', used, null],
    ['granted and not seen yet', open, 'that has not appeared yet'],
    [
      'granted twice and not seen yet',
      { ...open, grants: 2 },
      'granted 10 s ago to a container of this host',
    ],
    [
      'granted to a container whose name is known',
      { ...open, lastName: 'web' },
      'to container web (Ethernet address',
    ],
    [
      'what an earlier agent gave Docker for no gateway',
      { ...open, lastName: '(gateway)' },
      'for the gateway, which the network does not have',
    ],
    ['an auxiliary address', { ...open, lastName: '(aux)' }, 'belongs to a Docker network'],
    ['known from the server alone', { use: 'suspect' }, 'not known yet whether a container uses it'],
  ])('%s', (_, change, expected) => {
    const why = whyNot(record(change), nobody, now);
    if (expected === null) expect(why).toBeNull();
    else expect(why).toContain(expected);
  });
});

test.each<[string, Partial<LeaseRecord>]>([
  ['free', {}],
  ['being probed', { use: 'probing' }],
  ['open', open],
  ['used', used],
  ['released', { use: 'released' }],
  ['released, and seen to be over', { use: 'released', cleared: true }],
  ['kept', { use: 'kept', pinned: true, cleared: true }],
  ['suspect', { use: 'suspect' }],
  ['auxiliary', { ...open, lastName: '(aux)' }],
])('what the kernel shows on a container is granted to nobody: %s', (_, change) => {
  expect(whyNot(record(change), kernelShows, now)).toContain(onA1);
});

test.each<[string, Partial<LeaseRecord>, Evidence, string | null]>([
  ['a used one at a look since its grant', used, dockerShows(95_000), onA1],
  ['a used one at a look before its grant', used, dockerShows(85_000), null],
  ['a free one', {}, dockerShows(95_000), onA1],
  ['a free one that came after the look: that says nothing of who has it', {}, dockerShows(85_000), onA1],
  ['one that is being probed, and came after the look', { use: 'probing' }, dockerShows(85_000), onA1],
  [
    'a released one, as Docker does until it has noted the end',
    { use: 'released' },
    dockerShows(95_000),
    null,
  ],
  ['a released one that is kept', { use: 'kept', pinned: true }, dockerShows(95_000), null],
])('what Docker alone shows on a container: %s', (_, change, evidence, expected) => {
  const why = whyNot(record(change), evidence, now);
  if (expected === null) expect(why).toBeNull();
  else expect(why).toContain(expected);
});

test.each<[string, Partial<LeaseRecord>, boolean]>([
  ['a free one was granted to nobody', {}, true],
  ['a released one may still be on somebody', { use: 'released' }, false],
  ['a kept one that was released a moment ago may be too', { use: 'kept', pinned: true }, false],
  ['a released one that a look saw nobody on', { use: 'released', cleared: true }, true],
  ['a used one', used, false],
])('where the kernel cannot be asked: %s', (_, change, isGranted) => {
  const why = whyNot(record(change), unknown, now);
  if (isGranted) expect(why).toBeNull();
  else expect(why).toContain('not known yet whether that container has ended');
});

test('what this host does not hold is refused too while somebody here has it', () => {
  expect(whyLive(ip, kernelShows, undefined)).toContain(onA1);
  expect(whyLive(ip, dockerShows(1), undefined)).toContain(onA1);
  expect(whyLive(ip, nobody, undefined)).toBeNull();
  expect(whyLive(ip, { kernel: { name: null, mac: null }, docker: null }, undefined)).toContain(
    `${ip} is on a container of this host: stop that container`,
  );
});

test('what is left out is called by its IP version: --ip, or --ip6', () => {
  const rows: [Partial<LeaseRecord>, Evidence][] = [
    [{}, kernelShows],
    [{}, dockerShows(now)],
    [open, nobody],
    [{ ...open, lastName: '(aux)' }, nobody],
    [used, unknown],
  ];
  for (const [change, evidence] of rows) {
    expect(whyNot(record(change), evidence, now)).toMatch(/leave --ip out/);
    expect(whyNot(record({ ...change, ip: 'fd00:1::30' }), evidence, now)).toMatch(/leave --ip6 out/);
  }
});
