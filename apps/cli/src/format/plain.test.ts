import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plain } from './plain.ts';

test.each([
  ['mac_net1', 'mac_net1'],
  ['\u001b[31mred\u001b[0m', String.raw`\x1b[31mred\x1b[0m`],
  ['a\nb\tc\rd', String.raw`a\nb\tc\x0dd`],
  ['\u009b2J', String.raw`\x9b2J`],
  ['\u202etxt.exe', String.raw`\u202etxt.exe`],
  ['\ud800', String.raw`\ud800`],
  ['\u{e0041}', String.raw`\u{e0041}`],
  ['Zürich 東京', 'Zürich 東京'],
])('%j goes to a terminal as %j', (text, shown) => {
  expect(plain(text)).toBe(shown);
});

test('nothing that a terminal acts on is left of any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(plain(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
    }),
  );
});
