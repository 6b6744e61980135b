/** What a join writes into the settings, and what it leaves alone. */
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UnwritableSetting, withSettings } from './settings-file.ts';

const shipped = `# URL of the server.
TRUNKLINE_SERVER=

# Secret of a join token.
TRUNKLINE_JOIN_TOKEN=tlj_old
#TRUNKLINE_HOST_NAME=docker01
TRUNKLINE_LOG_LEVEL=debug
`;

test('values are changed where they stand, and comments and other settings stay', () => {
  const changed = withSettings(shipped, {
    TRUNKLINE_SERVER: 'https://trunkline.example.net:7400',
    TRUNKLINE_JOIN_TOKEN: null,
    TRUNKLINE_HOST_NAME: 'docker02',
  });
  expect(changed).toBe(`# URL of the server.
TRUNKLINE_SERVER=https://trunkline.example.net:7400

# Secret of a join token.
TRUNKLINE_JOIN_TOKEN=
#TRUNKLINE_HOST_NAME=docker01
TRUNKLINE_LOG_LEVEL=debug
TRUNKLINE_HOST_NAME=docker02
`);
});

test('a variable that is there twice is there once, where the last one was', () => {
  expect(withSettings('A=1\nB=2\nA=3\n', { A: '4' })).toBe('B=2\nA=4\n');
});

test('a file that is not there yet gets what is set', () => {
  expect(withSettings('', { A: 'x', B: null })).toBe('A=x\n');
});

test.each(["it's", 'a b', '$HOME', 'a\nB=1', '"x"', 'x#y', String.raw`a\b`])(
  '%j is not written, since systemd and Node may read it otherwise',
  (value) => {
    expect(() => withSettings('', { A: value })).toThrow(UnwritableSetting);
  },
);

test('what is written is read back, and nothing else changed', () => {
  const name = fc.constantFrom('A', 'B', 'C', 'D');
  const value = fc.stringMatching(/^[\w@%+=:,./[\]~-]{0,20}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), fc.dictionary(name, value), (before, change) => {
      const text = before.map(([key, content]) => `${key}=${content}\n`).join('');
      expect({ ...parseEnv(withSettings(text, change)) }).toEqual({ ...parseEnv(text), ...change });
    }),
  );
});
