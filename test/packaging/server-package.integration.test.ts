/** The server as its package brings it: on a PostgreSQL, with its SQL and its pages. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../integration/database.ts';
import { architectureHere } from '../../scripts/package/node-binary.ts';
import { serverFiles } from '../../scripts/package/server.ts';
import { writeTree } from '../../scripts/package/tree.ts';

const root = path.resolve(import.meta.dirname, '../..');
let work: string;
let database: TestDatabase;
let server: ChildProcess;
let url: string;

beforeAll(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'trunkline-server-'));
  await writeTree(work, await serverFiles({ root, version: '7.8.9', architecture: architectureHere }));
  database = await createTestDatabase({ migrated: false });
  const running = spawn(path.join(work, 'usr/sbin/trunkline-server'), [], {
    env: {
      PATH: '/usr/bin:/bin',
      NODE_COMPILE_CACHE: path.join(work, 'compiled'),
      DATABASE_URL: database.connectionString,
      TRUNKLINE_DATA_DIR: path.join(work, 'data'),
      TRUNKLINE_LISTEN: '127.0.0.1:0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  server = running;
  url = await urlOf(running.stdout);
}, 60_000);

afterAll(async () => {
  server.kill('SIGKILL');
  await database.drop();
  await rm(work, { recursive: true, force: true });
});

async function urlOf(stdout: NodeJS.ReadableStream): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: stdout })) {
    lines.push(line);
    const { msg, url: found } = JSON.parse(line) as { msg: string; url?: string };
    if (msg === 'trunkline server is ready' && found !== undefined) {
      stdout.resume();
      return found;
    }
  }
  throw new Error(`the server ended:\n${lines.join('\n')}`);
}

test('it makes its tables, shows its pages, and keeps a network', async () => {
  const statusOf = async (page: string): Promise<number> => (await fetch(`${url}${page}`)).status;
  for (const page of ['/livez', '/docs/', '/docs/static/swagger-ui.css', '/openapi.json'])
    expect([page, await statusOf(page)]).toEqual([page, 200]);
  const token = (await readFile(path.join(work, 'data/admin-token'), 'utf8')).trim();
  const made = await fetch(`${url}/v1/networks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: 'packaged',
      parent: 'ens33',
      subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
    }),
  });
  expect(made.status).toBe(201);
});

test('it ends in order', async () => {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
