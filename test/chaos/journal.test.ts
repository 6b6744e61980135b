import { expect, test } from 'vitest';
import { lineOf, storyOf, type Entry } from './journal.ts';

const entry = (at: number, text: string, about: Partial<Entry> = {}): Entry => ({
  at,
  text,
  containers: [],
  ips: [],
  ...about,
});

test('the story of a violation is what touched its address and its containers, and what befell the fleet meanwhile', () => {
  const entries = [
    entry(1_000, 'long ago: kill server'),
    entry(30_000, 'run c1', { containers: ['c1'], ips: ['10.213.0.2'] }),
    entry(60_000, 'shortly before: kill agent on docker01'),
    entry(70_000, 'run c2', { containers: ['c2'] }),
    entry(71_000, 'run c3, of no interest', { containers: ['c3'], ips: ['10.213.0.9'] }),
    entry(72_000, 'start agent on docker01'),
    entry(73_000, '10.213.0.2 appears', { containers: ['c2'], ips: ['10.213.0.2'] }),
    entry(80_000, 'later', { containers: ['c2'] }),
  ];
  const story = storyOf(entries, {
    kind: 'freed early',
    at: 73_500,
    ip: '10.213.0.2',
    hosts: ['docker01'],
    containers: ['c2'],
    text: '',
  });
  expect(story.map(({ text }) => text)).toEqual([
    'run c1',
    'shortly before: kill agent on docker01',
    'run c2',
    'start agent on docker01',
    '10.213.0.2 appears',
  ]);
});

test('a line begins with the time', () => {
  expect(lineOf(entry(1234, 'run c1'))).toBe('    1.23 s  run c1');
});
