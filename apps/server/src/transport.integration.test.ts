/** A server as it is started: TLS outside loopback, and health checks that go on working. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { get } from 'node:https';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '@trunkline/test/integration/database.ts';
import { readConfig } from './config.ts';
import { startServer, type RunningServer } from './server.ts';

const lines: Record<string, unknown>[] = [];
const log = pino(
  { level: 'info' },
  { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
);
let dataDir: string;
let database: TestDatabase;
beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'trunkline-transport-'));
  database = await createTestDatabase();
});
afterAll(async () => {
  await database?.drop();
  await rm(dataDir, { recursive: true, force: true });
});

const environment = (change: Record<string, string>): Record<string, string> => ({
  TRUNKLINE_LISTEN: '0.0.0.0:0',
  TRUNKLINE_DATA_DIR: dataDir,
  TRUNKLINE_ADMIN_TOKEN: 'tl_test_of_the_transport_000000',
  DATABASE_URL: database.connectionString,
  ...change,
});

async function started(change: Record<string, string> = {}): Promise<RunningServer & { port: string }> {
  const server = await startServer({ config: readConfig(environment(change), false), log, version: '0.0.0' });
  return { ...server, port: new URL(server.url).port };
}

async function isWell(change: Record<string, string>): Promise<unknown> {
  const program = path.join(import.meta.dirname, 'health-check.ts');
  const [code] = (await once(
    spawn(process.execPath, [program], { env: environment(change) }),
    'exit',
  )) as unknown[];
  return code;
}

const statusOver = (url: string, ca: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get(url, { ca }, (answer) => resolve(answer.resume().statusCode)).on('error', reject);
  });

test('on an address that others reach it has a certificate, which its authority proves by name and address', async () => {
  const server = await started({ TRUNKLINE_PUBLIC_URL: 'https://localhost:7400' });
  try {
    const ca = await readFile(path.join(dataDir, 'tls/ca.pem'), 'utf8');
    const mine = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one?.family === 'IPv4' && !one.internal && !one.address.startsWith('169.254.'))
      .map((one) => one?.address ?? '');
    for (const host of ['localhost', '127.0.0.1', ...mine.slice(0, 2)])
      expect([host, await statusOver(`https://${host}:${server.port}/livez`, ca)]).toEqual([host, 200]);
    await expect(statusOver(`https://localhost:${server.port}/livez`, '')).rejects.toThrow(
      'self-signed certificate',
    );
    const listen = { TRUNKLINE_LISTEN: `0.0.0.0:${server.port}` };
    expect(await isWell(listen)).toBe(0);
    await server.stop();
    expect(await isWell(listen)).toBe(1);
  } finally {
    await server.stop();
  }
});

test('plain HTTP there is asked for by name, and the log warns of it', async () => {
  const server = await started({ TRUNKLINE_TLS: 'off' });
  try {
    expect((await fetch(`http://127.0.0.1:${server.port}/livez`)).status).toBe(200);
    expect(await isWell({ TRUNKLINE_TLS: 'off', TRUNKLINE_LISTEN: `0.0.0.0:${server.port}` })).toBe(0);
    expect(lines.filter(({ level }) => level === 40).map(({ msg }) => msg)).toContainEqual(
      expect.stringContaining('plain HTTP on an address that others reach'),
    );
  } finally {
    await server.stop();
  }
});
