import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellWord } from './shell-word.ts';

test('a shell reads any text back as it was', () => {
  const texts = fc.sample(
    fc.string({ minLength: 1 }).filter((text) => !text.includes('\0')),
    { seed: 1, numRuns: 200 },
  );
  const script = `printf '%s\\0' ${texts.map(shellWord).join(' ')}`;
  expect(execFileSync('sh', ['-c', script]).toString().split('\0').slice(0, -1)).toEqual(texts);
});

test('a plain word stays as it is', () => {
  expect(shellWord('https://trunkline.example.net:7400')).toBe('https://trunkline.example.net:7400');
});
