import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deleteOldEvents } from '../../apps/server/src/features/events/events.store.ts';
import { deleteTokensExpiredBefore } from '../../apps/server/src/features/tokens/tokens.store.ts';
import { deleteOldKeys } from '../../apps/server/src/platform/idempotency.ts';
import { tableRows } from '../docs/table-rows.ts';
import { createTestServer, type TestServer } from './server.ts';

const dayAgo = (): Date => new Date(Date.now() - 86_400_000);

let server: TestServer;
beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server?.close());

async function rows<T>(sql: string, values: unknown[] = []): Promise<T[]> {
  return (await server.platform.database.pool.query(sql, values)).rows as T[];
}

test('docs/operations.md says of every table how long its rows are kept', async () => {
  const text = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const [, chapter = ''] = /\n## What is kept, and how long\n([\s\S]*?)\n## /.exec(text) ?? [];
  const documented = tableRows(chapter).flatMap(([cell = '']) =>
    [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name),
  );
  const tables = await rows<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`,
  );
  expect(new Set(documented)).toEqual(new Set(tables.map(({ name }) => name)));
});

test('a key and its reply go after a day, whatever the reply holds', async () => {
  const made = await server.request(
    'POST',
    '/v1/tokens',
    { name: 'kept', role: 'viewer' },
    { 'idempotency-key': 'one' },
  );
  expect(made.status).toBe(201);
  const { prisma } = server.platform.database;
  expect(await deleteOldKeys(prisma, { before: dayAgo(), most: 10 })).toBe(0);
  await rows(`UPDATE idempotency_key SET created_at = now() - interval '25 hours' WHERE key = 'one'`);
  expect(await deleteOldKeys(prisma, { before: dayAgo(), most: 10 })).toBe(1);
  expect(await rows('SELECT key FROM idempotency_key')).toEqual([]);
});

test('of events the newest are kept, as many as are wanted', async () => {
  for (const name of ['a', 'b', 'c']) await server.request('POST', '/v1/tokens', { name, role: 'viewer' });
  const { prisma } = server.platform.database;
  const before = await rows<{ revision: string }>('SELECT revision FROM event ORDER BY revision');
  expect(before.length).toBeGreaterThan(2);
  const longAgo = new Date(0);
  await deleteOldEvents(prisma, { before: longAgo, keep: before.length, most: 100 });
  expect(await rows('SELECT revision FROM event ORDER BY revision')).toEqual(before);
  // The revision may have been raised by a restore: that makes no event older.
  await rows('UPDATE revision SET value = value + 1000000000');
  expect(await deleteOldEvents(prisma, { before: longAgo, keep: 2, most: 100 })).toBe(before.length - 2);
  expect(await rows('SELECT revision FROM event ORDER BY revision')).toEqual(before.slice(-2));
});

test('a token that expired long ago goes, one that works or expired a short while ago stays', async () => {
  for (const [name, days] of [
    ['long-ago', 31],
    ['lately', 2],
    ['works', -1],
  ] as const) {
    await server.request('POST', '/v1/tokens', { name, role: 'viewer' });
    await rows("UPDATE api_token SET expires_at = now() - $2 * interval '1 day' WHERE name = $1", [
      name,
      days,
    ]);
  }
  await deleteTokensExpiredBefore(server.platform.database.prisma, new Date(Date.now() - 30 * 86_400_000));
  const left = await rows<{ name: string }>(
    `SELECT name FROM api_token WHERE name IN ('long-ago', 'lately', 'works') ORDER BY name`,
  );
  expect(left.map(({ name }) => name)).toEqual(['lately', 'works']);
});
