import { expect, test } from 'vitest';
import type { AddressRow } from './address-rows.ts';
import { conflictRemedy, holderOf } from './holder-of.ts';

const conflicted = (labels: Record<string, string>, owner: string | null = null): AddressRow =>
  ({ state: 'conflicted', host: null, container: null, mac: null, owner, labels }) as AddressRow;

test.each<[string, AddressRow]>([
  ['in conflict with a foreign station (MAC unknown)', conflicted({})],
  ['in conflict (reserved for printer) with a foreign station (MAC unknown)', conflicted({}, 'printer')],
  [
    'the address of host docker01 itself, on ens33',
    conflicted({ 'io.trunkline.host': 'docker01', 'io.trunkline.interface': 'ens33' }),
  ],
  [
    'in conflict: since a backup was restored, containers of docker01, docker02 claim it',
    conflicted({ 'io.trunkline.claimed-by': 'docker01 docker02' }),
  ],
  [
    'in conflict (reserved for printer): since a backup was restored, containers of docker02 claim it',
    conflicted({ 'io.trunkline.claimed-by': 'docker02' }, 'printer'),
  ],
])('an address in conflict is %s', (words, row) => {
  expect(holderOf(row)).toBe(words);
});

test.each<[string, Record<string, string>]>([
  ['take that station off the wire', {}],
  ['give the host another address', { 'io.trunkline.host': 'docker01' }],
  ['remove the containers that should not have it', { 'io.trunkline.claimed-by': 'docker01 docker02' }],
])('what ends a conflict: %s', (words, labels) => {
  expect(conflictRemedy(conflicted(labels))).toContain(words);
});
