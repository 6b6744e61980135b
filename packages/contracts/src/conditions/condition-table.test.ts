import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { conditionTable, sharedReasonTable, type ConditionName } from './condition-table.ts';

const root = new URL('../../../../', import.meta.url).pathname;

/** The source of server and agent, without tests. */
function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (entry.name.endsWith('.ts') && !/\.(test|fixture|fake|contract)\.ts$/.test(entry.name))
      yield readFileSync(path, 'utf8');
  }
}

const code = [...sources(join(root, 'apps/server/src')), ...sources(join(root, 'apps/agent/src'))].join('\n');
const isInCode = (word: string): boolean => code.includes(`'${word}'`);
const kinds = Object.entries(conditionTable);
const reasons = [
  ...kinds.flatMap(([type, kind]) =>
    Object.entries(kind.reasons).map(([reason, texts]) => ({ name: `${type} ${reason}`, reason, ...texts })),
  ),
  ...Object.entries(sharedReasonTable).map(([reason, texts]) => ({ name: reason, reason, ...texts })),
];

test('every condition type and reason of the table occurs in the code', () => {
  expect(kinds.map(([type]) => type).filter((type) => !isInCode(type))).toEqual([]);
  expect(reasons.filter(({ reason }) => !isInCode(reason)).map(({ name }) => name)).toEqual([]);
});

test.each(kinds)('%s says what it means, who reports it and on what', (_type, kind) => {
  expect(kind.means).toMatch(/^[A-Z].*\.$/);
  expect(kind.on).not.toEqual([]);
  expect(kind.reportedBy).not.toEqual([]);
  expect(kind.reasons).not.toEqual({});
});

test.each(reasons)('$name says in a sentence what it means and what to do', ({ means, remedy }) => {
  expect(means).toMatch(/^[A-Z].*\.$/);
  expect(remedy).toMatch(/^[A-Z].*\.$/);
});

test('a type or a reason that is not in the table does not compile', () => {
  const names: ConditionName[] = [
    { type: 'AddressPool', reason: 'PoolLow' },
    { type: 'Ready', reason: 'PoolLow' },
    { type: 'LinkReady', reason: 'ParentMissing' },
    { type: 'MtuReady', reason: 'HostOffline' },
    // @ts-expect-error There is no such type.
    { type: 'AddressBook', reason: 'PoolLow' },
    // @ts-expect-error There is no such reason.
    { type: 'AddressPool', reason: 'PoolEmpty' },
    // @ts-expect-error The reason is one of another type.
    { type: 'MtuReady', reason: 'ParentMissing' },
  ];
  expect(names).toHaveLength(7);
});
