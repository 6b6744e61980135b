import type { Lease } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import type { SeenAddress } from './bindings-plan.ts';
import { comparedChanges, comparedItems } from './comparison-plan.ts';
import { arrived, given, keyOf, type LeaseRecord } from '../leases/lease-record.ts';

const networkId = '018f6b3e-7c1a-7c00-8000-000000000001';
const lease = (last: number, generation: number): Lease => ({
  networkId,
  ip: `172.16.100.${last}`,
  subnet: '172.16.100.0/24',
  generation,
  owner: null,
  mac: null,
  bound: false,
});
const endpoint = { mac: '02:42:ac:10:64:0a', name: null };
const free = (last: number, generation: number): LeaseRecord => ({
  ...arrived(lease(last, generation), 'probing', 1),
  use: 'free',
});
const used = (last: number, generation: number): LeaseRecord => given(free(last, generation), endpoint, 2);
const book = (...records: LeaseRecord[]) => new Map(records.map((record) => [keyOf(record), record]));
const seen = (last: number): SeenAddress => ({
  networkId,
  ip: `172.16.100.${last}`,
  container: `id${last}`,
  name: `box${last}`,
  mac: null,
});

test('all that is held is reported, and all that containers have or ask for, each with whether one that runs has it', () => {
  const asking = (last: number): [string, SeenAddress] => [keyOf(seen(last)), seen(last)];
  const items = comparedItems(book(free(2, 7), used(3, 8), free(4, 9), used(7, 10)), {
    live: [seen(5), seen(7), seen(8)],
    asked: new Map([asking(4), asking(6), asking(8)]),
  });
  expect(items.map(({ ip, generation, use, container }) => [ip, generation, use, container])).toEqual([
    ['172.16.100.2', 7, 'idle', null],
    ['172.16.100.3', 8, 'asked', null],
    ['172.16.100.4', 9, 'asked', 'box4'],
    ['172.16.100.7', 10, 'live', 'box7'],
    ['172.16.100.6', 0, 'asked', 'box6'],
    ['172.16.100.8', 0, 'live', 'box8'],
    ['172.16.100.5', 0, 'live', 'box5'],
  ]);
});

test('promise 1: nothing stays that was not confirmed, but what Docker has, which is claimed again', () => {
  const held = book(free(2, 7), used(3, 8), free(4, 9), used(5, 10));
  const changes = comparedChanges([lease(4, 2000), lease(5, 2001), lease(6, 2002)], held, held, 20);
  expect(changes).toEqual([
    { drop: `${networkId}/172.16.100.2` },
    { ...used(3, 8), generation: 0 },
    { ...free(4, 9), generation: 2000 },
    { ...used(5, 10), generation: 2001 },
    expect.objectContaining({ ip: '172.16.100.6', use: 'suspect', generation: 2002 }),
  ]);
});

test('what became another one while it was compared is left as it is', () => {
  const listed = book(free(2, 7));
  const now = book(used(2, 30));
  expect(comparedChanges([], listed, now, 20)).toEqual([]);
});
