import { expect, test } from 'vitest';
import { parseDocuments, textField } from './parse-documents.ts';

test('several documents, empty ones between them, and lists', () => {
  const text = `# a comment
kind: network
name: a
---
---
- {kind: host, name: b}
- kind: container
  name: c
  restart: no
`;
  expect(parseDocuments(text, 'fleet.yaml')).toEqual([
    { kind: 'network', fields: { name: 'a' }, where: 'fleet.yaml:2' },
    { kind: 'host', fields: { name: 'b' }, where: 'fleet.yaml:6' },
    { kind: 'container', fields: { name: 'c', restart: 'no' }, where: 'fleet.yaml:6' },
  ]);
});

test('nothing is no document', () => {
  expect(parseDocuments('', 'x')).toEqual([]);
  expect(parseDocuments('# only this\n', 'x')).toEqual([]);
});

test('JSON is read as well', () => {
  expect(parseDocuments('[{"kind": "host", "name": "a", "labels": {}}]', 'x')).toHaveLength(1);
});

test.each([
  ['kind: network\nname: a\nname: b\n', 'x:3: '],
  ['kind: network\n---\nkind: planet\n', 'x:3: `kind: planet` cannot be written: it is one of host, network'],
  ['name: a\n', 'x:1: `kind` is missing'],
  ['just a text\n', 'x:1: a document has `kind`'],
  ['kind: [network\n', 'x:'],
  ['a: !!js/function x\n', 'x:1: '],
  [`a: &a [x, x]\nb: &b [*a, *a]\nc: &c [${'*b, '.repeat(200)}]\n`, 'x:1: '],
])('a mistake is said with its line: %j', (text, begins) => {
  expect(() => parseDocuments(text, 'x')).toThrow(begins);
});

test('a name that YAML reads as a number is named, with what to do', () => {
  const [document] = parseDocuments('kind: host\nname: 12\n', 'x');
  expect(() => textField(document!, 'name')).toThrow('x:1: `name` has to be a text: put it in quotes');
  expect(() => textField(document!, 'host')).toThrow('x:1: `host` is missing');
});
