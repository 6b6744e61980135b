import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeEventData, eventTable, eventTypes } from './event-table.ts';

const root = new URL('../../../../', import.meta.url).pathname;

/** The source of the server and its SQL functions, without tests. */
function* sources(folder: string, ending: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path, ending);
    else if (entry.name.endsWith(ending) && !/\.(test|fixture|fake|contract)\.ts$/.test(entry.name))
      yield readFileSync(path, 'utf8');
  }
}

const typescript = [...sources(join(root, 'apps/server/src'), '.ts')].join('\n');
const sql = [...sources(join(root, 'prisma/functions'), '.sql')].join('\n');
/** Types that one template literal makes: the compiler checks that each is in the table. */
const made =
  /^(check|preflight)\.(running|done|failed)$|^container\.(started|restarted|stopped|changed|removed)$/;

test('every type of event in the table occurs in the code', () => {
  const unused = eventTypes.filter(
    (type) => !typescript.includes(`'${type}'`) && !sql.includes(`'${type}'`) && !made.test(type),
  );
  expect(unused).toEqual([]);
});

test('every event that a function of the database records is in the table', () => {
  const kinds = new Set(eventTypes.map((type) => type.split('.')[0]));
  const recorded = [...sql.matchAll(/'([a-z-]+)\.([a-z-]+)'/g)].filter(([, kind = '']) => kinds.has(kind));
  expect(recorded.length).toBeGreaterThan(10);
  const unknown = recorded
    .map(([text]) => text.slice(1, -1))
    .filter((type) => !Object.hasOwn(eventTable, type));
  expect(unknown).toEqual([]);
});

test.each(eventTypes)(
  '%s says in a sentence what it means, and of what each field of its data is',
  (type) => {
    expect(eventTable[type].means).toMatch(/^[A-Z].*\.$/);
    expect(eventTable[type].subject).not.toBe('');
    for (const { description } of describeEventData(type)) expect(description).toMatch(/^.+\.$/);
  },
);
