import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readTransitions } from './address-transitions.fixture.ts';

const root = fileURLToPath(new URL('../../../../../', import.meta.url));
const home = 'prisma/functions/address-state.sql';
const write =
  /\b(insert\s+into|update|delete\s+from|merge\s+into|truncate(\s+table)?)\s+(only\s+)?"?address"?(?![\w"])/i;
const prismaWrite = /\.address\.(create|update|upsert|delete)/;

const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

test('only address-state.sql writes the table of addresses', () => {
  const files = globSync(['prisma/functions/*.sql', 'apps/*/src/**/*.ts', 'packages/*/src/**/*.ts'], {
    cwd: root,
  }).filter((path) => !/\.(test|fixture|fake|contract)\.ts$/.test(path));
  expect(files.length).toBeGreaterThan(100);
  const writers = files.filter((path) => write.test(read(path)) || prismaWrite.test(read(path)));
  expect(writers).toEqual([home]);
});

test('every function that writes it is in the table of states, or is a step that only its own file calls', () => {
  const functions = [...read(home).matchAll(/^CREATE FUNCTION (\w+)\(.*?\$\$;$/gms)];
  const writers = functions.filter(([text]) => write.test(text)).map(([, name = '']) => name);
  const listed = new Set(readTransitions(read(home)).map(({ by }) => by));
  const steps = writers.filter((name) => !listed.has(name));
  const others = globSync(['prisma/functions/*.sql', 'apps/server/src/**/*.ts'], { cwd: root }).filter(
    (path) => path !== home,
  );
  const called = steps.filter((name) => others.some((path) => new RegExp(`\\b${name}\\(`).test(read(path))));
  expect(called).toEqual([]);
  expect(steps).toEqual(['take_out', 'free_address']);
});
