import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';

test('connections are made in client.ts and nowhere else: each has an error listener as long as it lives', async () => {
  const files = (await readdir(import.meta.dirname)).filter(
    (name) => name.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(name),
  );
  expect(files.length).toBeGreaterThan(10);
  const offenders: string[] = [];
  for (const name of files) {
    const text = await readFile(path.join(import.meta.dirname, name), 'utf8');
    if (/^import (?!type\b).*from '(pg|pg-pool)'/m.test(text)) offenders.push(name);
  }
  expect(offenders).toEqual(['client.ts']);
});
