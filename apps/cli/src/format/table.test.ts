import { expect, test } from 'vitest';
import { paintFor, unpainted } from './paint.ts';
import { orDash, tableLines } from './table.ts';

test('columns are as wide as their longest text, and no line ends with spaces', () => {
  const rows = [
    ['mac_net1', { text: 'yes', tone: 'good' as const }, ''],
    ['a', { text: 'no', tone: 'bad' as const }, 'x'],
  ];
  expect(tableLines(['NAME', 'READY', 'VLAN'], rows, unpainted)).toEqual([
    'NAME      READY  VLAN',
    'mac_net1  yes',
    'a         no     x',
  ]);
});

test('colours do not move columns, and are only there on a terminal without NO_COLOR', () => {
  const rows = [[{ text: 'yes', tone: 'good' as const }, 'b']];
  const lines = (isTerminal: boolean, env: Record<string, string>) =>
    tableLines(['A', 'B'], rows, paintFor({ isTerminal, env })).join('\n');
  expect(lines(true, {})).toContain('\u001b[32myes\u001b[39m  b');
  expect(lines(true, { NO_COLOR: '1' })).toBe('A    B\nyes  b');
  expect(lines(true, { TERM: 'dumb' })).toBe('A    B\nyes  b');
  expect(lines(false, {})).toBe('A    B\nyes  b');
});

test('a text that would move the cursor stays in its field', () => {
  expect(tableLines(['N', 'X'], [['a\u001b[2J\nb', 'c']], unpainted)[1]).toBe(String.raw`a\x1b[2J\nb  c`);
});

test('nothing is a dash, and 0 is something', () => {
  expect([null, undefined, '', 0, 'a'].map(orDash)).toEqual(['-', '-', '-', '0', 'a']);
});
