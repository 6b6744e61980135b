import { expect, test } from 'vitest';
import * as contracts from './index.ts';
import { unbounded } from './unbounded.fixture.ts';

interface Node {
  pattern?: string;
  'x-rule'?: string;
  patternProperties?: Record<string, unknown>;
  additionalProperties?: unknown;
  'x-key-rule'?: string;
  examples?: unknown[];
}

/** Every schema that is exported, and every one inside it, with the path that leads to it. */
function* nodes(value: unknown, path: string): Generator<{ path: string; node: Node }> {
  if (typeof value !== 'object' || value === null) return;
  yield { path, node: value };
  for (const [key, inner] of Object.entries(value))
    if (key !== 'examples') yield* nodes(inner, `${path}.${key}`);
}

const all = [...nodes(contracts, 'contracts')];

test('every text of a given form says the form in words', () => {
  const formed = all.filter(({ node }) => typeof node.pattern === 'string');
  expect(formed.length).toBeGreaterThan(20);
  expect(formed.filter(({ node }) => !node['x-rule']).map(({ path }) => path)).toEqual([]);
});

test('every map of free keys says what a key may be', () => {
  const keyed = all.filter(
    ({ node }) => node.patternProperties !== undefined && node.additionalProperties === false,
  );
  expect(keyed.length).toBeGreaterThan(5);
  expect(keyed.filter(({ node }) => !node['x-key-rule']).map(({ path }) => path)).toEqual([]);
});

test('every example of such a text has the form', () => {
  const wrong = all.filter(({ node: { pattern, examples = [] } }) =>
    examples.some(
      (example) =>
        typeof pattern === 'string' && typeof example === 'string' && !new RegExp(pattern).test(example),
    ),
  );
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

test('every text, list, number and map has an upper bound', () => {
  expect([...unbounded(contracts, 'contracts')]).toEqual([]);
});

test.each([
  [{ type: 'string' }],
  [{ type: ['string', 'null'], pattern: '^a+$' }],
  [{ type: 'string', pattern: 'a{3}' }],
  [{ type: 'array' }],
  [{ type: 'integer', minimum: 0 }],
  [{ type: 'object', patternProperties: { '^a$': {} } }],
])('%j is found to have none', (schema) => {
  expect([...unbounded({ inner: schema }, '')]).toHaveLength(1);
});
