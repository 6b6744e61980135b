import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planPlacements, selects, unknownNames, type HostRef } from './host-selection.ts';

const label = fc.constantFrom('a', 'b');
const hosts: fc.Arbitrary<HostRef[]> = fc
  .uniqueArray(fc.constantFrom('h1', 'h2', 'h3', 'h4', 'h5'))
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        fc.dictionary(label, label).map((labels) => ({ id: `id-${name}`, name, labels })),
      ),
    ),
  );
const selector = fc.oneof(
  fc.constant({ all: true }),
  fc.uniqueArray(fc.constantFrom('h1', 'h2', 'h9')).map((names) => ({ names })),
  fc.dictionary(label, label).map((labels) => ({ labels })),
);

test('property: carrying out the plan puts the network on the selected hosts, and only on them', () => {
  fc.assert(
    fc.property(
      hosts,
      selector,
      fc.infiniteStream(fc.constantFrom('none', 'there', 'leaving')),
      (all, wanted, states) => {
        const placements = all.flatMap(({ id }) => {
          const state = states.next().value;
          return state === 'none' ? [] : [{ hostId: id, removing: state === 'leaving' }];
        });
        const plan = planPlacements(wanted, all, placements);
        const staying = new Set(placements.filter(({ removing }) => !removing).map(({ hostId }) => hostId));
        for (const id of [...plan.add, ...plan.keep]) staying.add(id);
        for (const id of plan.remove) staying.delete(id);
        const selected = all.filter((host) => selects(wanted, host)).map(({ id }) => id);
        expect([...staying].sort()).toEqual(selected.sort());
        // What is made is not there yet, what is kept or removed is.
        const placed = new Set(placements.map(({ hostId }) => hostId));
        expect(plan.add.some((id) => placed.has(id))).toBe(false);
        expect([...plan.keep, ...plan.remove].every((id) => placed.has(id))).toBe(true);
      },
    ),
  );
});

test('a placement of a host that was not looked at is left alone', () => {
  expect(planPlacements({ names: [] }, [], [{ hostId: 'id-h1', removing: false }])).toEqual({
    add: [],
    keep: [],
    remove: [],
  });
});

test('all labels must match, and no label selects nobody', () => {
  const host = { name: 'h1', labels: { rack: 'a3', row: '1' } };
  expect(selects({ labels: { rack: 'a3' } }, host)).toBe(true);
  expect(selects({ labels: { rack: 'a3', row: '2' } }, host)).toBe(false);
  expect(selects({ labels: {} }, host)).toBe(false);
});

test('names that have not joined are named', () => {
  expect(unknownNames({ names: ['h1', 'h2'] }, ['h2', 'h3'])).toEqual(['h1']);
  expect(unknownNames({ all: true }, [])).toEqual([]);
});
