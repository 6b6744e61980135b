import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tableRows } from './table-rows.ts';

interface Override {
  readonly files: readonly string[];
  readonly rules: {
    readonly 'no-restricted-imports'?: readonly [
      string,
      { readonly patterns: readonly { readonly message: string }[] },
    ];
  };
}

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const { overrides } = JSON.parse(read('.oxlintrc.json')) as { readonly overrides: readonly Override[] };

/** What lint lets a room of the agent import, as its message has it, by room. */
const linted = new Map(
  overrides
    .flatMap(({ rules }) => rules['no-restricted-imports']?.[1].patterns ?? [])
    .flatMap(({ message }) => {
      const [, room, list] = /^(\S+) imports (.+) \(docs\/architecture\.md\)$/.exec(message) ?? [];
      return room === undefined || list === undefined ? [] : [[room, list] as const];
    }),
);

test('the map of the agent names each room that lint holds, with what it may import', () => {
  const mapped = new Map(
    tableRows(read('docs/architecture.md')).flatMap((cells) => {
      const [, room] = /^`apps\/agent\/src\/(\S+)`$/.exec(cells[0] ?? '') ?? [];
      return room === undefined || room.endsWith('.ts') ? [] : [[room, cells.at(-1)]];
    }),
  );
  expect(linted.size).toBeGreaterThan(10);
  expect(mapped).toEqual(linted);
});
