/** What a person types, and what is not understood. */
import { expect, test } from 'vitest';
import { commandWords, readCommand, UsageError } from './command-line.ts';

const settings = '/etc/trunkline/agent.env';

test('join takes a server and a token, and the token from standard input where it is not to be seen', () => {
  const joined = { do: 'join', server: 'https://s:7400', name: null, caFile: null, settings };
  expect(readCommand(['join', 'https://s:7400', 'tlj_a'])).toEqual({ ...joined, token: 'tlj_a' });
  expect(readCommand(['join', 'https://s:7400', '-', '--name', 'docker01'])).toEqual({
    ...joined,
    token: null,
    name: 'docker01',
  });
});

test('the others take options alone', () => {
  expect(readCommand(['leave', '--force'])).toEqual({ do: 'leave', force: true, settings });
  expect(readCommand(['status', '--json'])).toEqual({ do: 'status', json: true, settings });
  expect(readCommand(['doctor', '--settings', '/x'])).toEqual({ do: 'doctor', json: false, settings: '/x' });
});

test.each(commandWords)('%s --help says how it is used', (word) => {
  const asked = readCommand([word, '--help']);
  expect(asked.do === 'help' ? asked.text : '').toMatch(new RegExp(`^Usage: trunkline-agent ${word} `));
});

test.each([
  [['join'], 'join takes the URL of the server and a join token'],
  [['join', 'https://s'], 'join takes the URL of the server and a join token'],
  [['join', 'https://s', 'tlj_a', 'more'], 'join takes the URL'],
  [['join', 'https://s', 'tlj_a', '--nmae', 'x'], '--help shows what there is'],
  [['status', 'docker01'], 'status takes no argument "docker01"'],
  [['start'], '"start" is no command: write one of join, leave, status, doctor'],
])('%j is refused', (argv, why) => {
  expect(() => readCommand(argv)).toThrow(UsageError);
  expect(() => readCommand(argv)).toThrow(why);
});
