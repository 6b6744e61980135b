import { expect, test } from 'vitest';
import { readFilter } from './event-filter.ts';

test('one type, or all of a kind', () => {
  expect(readFilter({ type: 'network.created' }).types).toEqual(['network.created']);
  const all = readFilter({ type: 'network.*' }).types ?? [];
  expect(all).toContain('network.created');
  expect(all.every((type) => type.startsWith('network.'))).toBe(true);
  expect(readFilter({}).types).toBeUndefined();
});

test.each(['network', 'network.', 'net.*', '*', '.*', 'network.craeted', ''])(
  'a type %j that there is not is refused, with what there is',
  (type) => {
    expect(() => readFilter({ type })).toThrow(/network\.\*/);
  },
);
