/** docs/networks.md says of every field of a network whether a change of it is made in place or replaces the network. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  networkFields,
  replacingFields,
} from '../../apps/server/src/features/networks/spec/network-fields.ts';

const page = await readFile(new URL('../../docs/networks.md', import.meta.url), 'utf8');

/** The names that a sentence of the page lists, from how it begins to its full stop. */
function listed(beginning: string): string[] {
  const [sentence = ''] = (page.split(beginning)[1] ?? '').split('.');
  return [...sentence.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name).toSorted();
}

test('fields that change in place', () => {
  const inPlace = Object.keys(networkFields).filter((name) => !replacingFields.includes(name));
  expect(listed('- These change in place: ')).toEqual(inPlace.toSorted());
});

test('fields that Docker can only change by replacing the network', () => {
  expect(listed('**Docker cannot change some fields in place**: ')).toEqual(replacingFields.toSorted());
});
