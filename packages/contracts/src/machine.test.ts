import { expect, test } from 'vitest';
import { compareMachines, instanceOf, marksOfInstance, type MachineMarks } from './machine.ts';

const recorded: MachineMarks = { machineId: 'm1', productId: 'd1', macs: ['a', 'b'] };
const marks = (machineId: string | null, productId: string | null, ...macs: string[]): MachineMarks => ({
  machineId,
  productId,
  macs,
});

/** The table of ADR 0031. */
test.each([
  ['nothing changed', recorded, marks('m1', 'd1', 'a', 'b'), 'same'],
  ['one of two NICs replaced', recorded, marks('m1', 'd1', 'a', 'c'), 'same'],
  ['a NIC added, its port order changed', recorded, marks('m1', 'd1', 'c', 'b', 'a'), 'same'],
  ['the system installed again', recorded, marks('m2', 'd1', 'a', 'b'), 'same'],
  ['a VM moved to another hypervisor with its NICs', recorded, marks('m1', 'd2', 'a', 'b'), 'same'],
  ['the UUID cannot be read', recorded, marks('m1', null, 'a'), 'same'],
  ['no id can be read', recorded, marks(null, null, 'a'), 'same'],
  ['a board without UUID, system installed again', marks('m1', null, 'a'), marks('m2', null, 'a'), 'other'],
  ['a card and a folder moved to another machine', recorded, marks('m2', 'd2', 'a'), 'other'],
  ['a cloned VM: new UUID, new NIC', recorded, marks('m1', 'd2', 'x'), 'other'],
  ['a cloned VM that made itself a new machine id', recorded, marks('m2', 'd2', 'x'), 'other'],
  ['a copy of the folder on another machine', recorded, marks('m9', 'd9', 'y'), 'other'],
  [
    'the same ids, and no NIC of before: a clone, or all NICs replaced',
    recorded,
    marks('m1', 'd1', 'x'),
    'late',
  ],
  ['no ids at all, another NIC', marks(null, null, 'a'), marks(null, null, 'x'), 'late'],
  ['no NIC is there (yet)', recorded, marks('m1', 'd1'), 'unseen'],
  ['no NIC was there when it was recorded', marks('m1', 'd1'), marks('m1', 'd1', 'a'), 'unseen'],
  ['no NIC, and another UUID', recorded, marks('m1', 'd2'), 'other'],
  ['nothing is known on either side', marks(null, null), marks(null, null), 'unseen'],
] as const)('%s: %#', (_what, before, now, expected) => {
  const verdict = compareMachines(before, now);
  const is = verdict.is === 'other' && verdict.late ? 'late' : verdict.is;
  expect(is).toBe(expected);
});

test('what differs is named', () => {
  expect(compareMachines(recorded, marks('m1', 'd2', 'x'))).toMatchObject({
    differs: ['the product UUID', 'every Ethernet address of its NICs'],
  });
});

test('the marks travel in the name of the instance, within its bounds', () => {
  const hashed = marks('aaaaaaaa', null, ...Array.from({ length: 9 }, (_, n) => `bbbbbbb${n}`));
  const instance = instanceOf('r'.repeat(22), hashed, true);
  expect(instance.length).toBeLessThanOrEqual(128);
  expect(marksOfInstance(instance)).toEqual({
    marks: { ...hashed, macs: hashed.macs.slice(0, 8) },
    accepted: true,
  });
  expect(marksOfInstance(instanceOf('r', marks(null, null), false))).toEqual({
    marks: marks(null, null),
    accepted: false,
  });
});

test.each(['', 'somebody-else', 'r.aaaaaaaa.-', 'r.aaaaaaaa.-.bbbbbbbb.later', 'r.short.-.bbbbbbbb'])(
  'an instance without marks has none: %s',
  (instance) => {
    expect(marksOfInstance(instance)).toBeUndefined();
  },
);
