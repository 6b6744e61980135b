import { readFile } from 'node:fs/promises';
import { afterEach, expect, test } from 'vitest';
import { startEmbeddedPostgres } from '@trunkline/embedded-postgres';
import {
  killPostmaster,
  makeDataDirectory,
  postmasterOf,
  removeDataDirectory,
} from '@trunkline/lab/fleet/data-directory.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { listAddresses, startLoad, type Load } from './load.ts';
import { makeNetwork, spawnServer, type SpawnedServer } from './spawned-server.ts';

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
});

async function dataDirectory(): Promise<string> {
  const dataDir = await makeDataDirectory();
  undo.push(() => removeDataDirectory(dataDir));
  return dataDir;
}

async function startServer(options: Parameters<typeof spawnServer>[0]): Promise<SpawnedServer> {
  const server = await spawnServer(options);
  undo.push(() => server.program.stop(10_000));
  return server;
}

function load(servers: () => readonly SpawnedServer[], network: string): Load {
  const started = startLoad({ servers, network, clients: 8 });
  // Without servers every client gives up by itself; a test that failed before has said so.
  undo.push(() => started.stop().catch(() => undefined));
  return started;
}

/** The load goes on: that many more addresses were acknowledged since now. */
async function moreAcknowledged({ seen }: Load, count: number): Promise<void> {
  const wanted = seen.acknowledged.size + count;
  await waitFor(`${count} more addresses`, async () => seen.acknowledged.size >= wanted, 90_000, 20);
}

/** Kills one backend with -9: PostgreSQL then breaks every connection and recovers. */
async function killBackend(dataDir: string): Promise<void> {
  const postmaster = await postmasterOf(dataDir);
  const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8');
  for (const pid of children.trim().split(' ').map(Number)) {
    const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!/trunkline trunkline \[local\]/.test(title.replaceAll('\0', ' '))) continue;
    process.kill(pid, 'SIGKILL');
    return;
  }
  throw new Error('no backend serves the server');
}

async function consistent(server: SpawnedServer, network: string, { seen }: Load): Promise<void> {
  expect(seen.wrong).toEqual([]);
  const listed = await listAddresses(server, network);
  const owners = [...listed.values()];
  // No owner twice, and every address that was acknowledged is its owner's.
  expect(owners.length).toBe(new Set(owners).size);
  expect([...seen.acknowledged].filter(([owner, address]) => listed.get(address) !== owner)).toEqual([]);
}

/** A start of server and database takes seconds, and much longer beside other tests. */
const patientMs = 300_000;

test(
  'its own PostgreSQL and the server killed under load, the one also while it recovers: 503 with a time to try again, back by itself, nothing acknowledged lost or given twice',
  async () => {
    const dataDir = await dataDirectory();
    let server = await startServer({ dataDir });
    const network = await makeNetwork(server);
    const clients = load(() => [server], network);
    await moreAcknowledged(clients, 20);
    const { pid } = server.program;
    for (const kill of [killPostmaster, killBackend, killPostmaster]) {
      await kill(dataDir);
      expect((await server.ask('GET', '/livez')).status).toBe(200);
      await moreAcknowledged(clients, 20);
    }
    for (let round = 0; round < 2; round += 1) {
      await killPostmaster(dataDir);
      // Killed again as soon as it is started: it is in the middle of its recovery.
      await waitFor(
        'PostgreSQL being started again',
        async () => (await postmasterOf(dataDir)) !== undefined,
        30_000,
        1,
      );
    }
    await moreAcknowledged(clients, 20);
    expect([server.program.running, server.program.pid]).toEqual([true, pid]);
    expect(clients.seen.statuses.get(503)).toBeGreaterThan(0);

    for (let round = 0; round < 2; round += 1) {
      await server.program.kill();
      server = await startServer({ dataDir, port: server.port });
      await moreAcknowledged(clients, 20);
    }
    await clients.stop();
    await consistent(server, network, clients);
  },
  patientMs,
);

test(
  'an external PostgreSQL killed under two replicas: both go on',
  async () => {
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const databaseDir = await dataDirectory();
    const postgres = await startEmbeddedPostgres({ dataDir: databaseDir, log });
    undo.push(() => postgres.stop());
    const replicas = [
      await startServer({ dataDir: await dataDirectory(), databaseUrl: postgres.connectionString }),
      await startServer({ dataDir: await dataDirectory(), databaseUrl: postgres.connectionString }),
    ] as const;
    const network = await makeNetwork(replicas[0]);
    const clients = load(() => replicas, network);
    await moreAcknowledged(clients, 20);
    for (const kill of [killPostmaster, killBackend, killPostmaster]) {
      await kill(databaseDir);
      for (const replica of replicas) expect((await replica.ask('GET', '/livez')).status).toBe(200);
      await moreAcknowledged(clients, 20);
    }
    await clients.stop();
    expect(replicas.map(({ program }) => program.running)).toEqual([true, true]);
    await consistent(replicas[0], network, clients);
  },
  patientMs,
);
