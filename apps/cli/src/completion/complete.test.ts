import { expect, test } from 'vitest';
import type { Io } from '../lib/io.ts';
import { createProgram } from '../program.ts';
import { shapeOf } from '../program/shape.ts';
import { complete } from './complete.ts';

const program = shapeOf(createProgram({} as Io, () => undefined));
const at = (line: string) => complete(program, line.split(' '));

test.each([
  ['', ['login', 'get', 'apply', 'completion']],
  ['get p', ['placements']],
  ['get networks -o ', ['table', 'wide', 'json', 'yaml', 'name']],
  ['get networks --output=j', ['--output=json']],
  ['get networks --output = y', ['yaml']],
  ['get --ow', ['--owner']],
  ['context ', ['list', 'use', 'remove']],
  ['check m', ['matrix']],
  ['completion z', ['zsh']],
])('`trunkline %s` may go on with %j', (line, words) => {
  expect(at(line).words).toEqual(expect.arrayContaining(words));
});

test.each([
  ['get networks ', 'network'],
  ['get addresses --network ', 'network'],
  ['describe host ', 'host'],
  ['delete --wait container ', 'container'],
  ['delete container a b ', 'container'],
  ['events --host ', 'host'],
  ['check connectivity ', 'container'],
  ['check wire ', 'network'],
  ['get networks --context ', 'context'],
  ['context use ', 'context'],
])('`trunkline %s` asks for names of a %s', (line, ask) => {
  expect(at(line)).toEqual({ words: [], ask });
});

test('files where a file is meant, and nothing where nothing is known', () => {
  expect(at('apply -f ')).toEqual({ words: [], files: true });
  expect(at('login --ca-file ')).toEqual({ words: [], files: true });
  expect(at('get events ')).toEqual({ words: [] });
  expect(at('nonsense x ').words).not.toContain('x');
});

test('a flag that was given is not offered again, and hidden commands are not offered', () => {
  expect(at('get networks -o json --').words).not.toContain('--output');
  expect(at('').words).not.toContain('__complete');
});
