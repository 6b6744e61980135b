import { execFile } from 'node:child_process';
import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { makeDataDirectory, removeDataDirectory } from '@trunkline/lab/fleet/data-directory.ts';
import { compileCache, repository } from '@trunkline/lab/fleet/server-process.ts';
import { makeNetwork, spawnServer, type SpawnedServer } from './spawned-server.ts';

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
});
const patientMs = 300_000;

async function dataDirectory(): Promise<string> {
  const dataDir = await makeDataDirectory();
  undo.push(() => removeDataDirectory(dataDir));
  return dataDir;
}

async function startServer(dataDir: string): Promise<SpawnedServer> {
  const server = await spawnServer({ dataDir });
  undo.push(() => server.program.stop(10_000));
  return server;
}

const main = path.join(repository, 'apps/server/src/main.ts');
/** Runs the command as an operator does; answers what it printed, or fails with it. */
async function command(dataDir: string, ...argv: string[]): Promise<string> {
  const env = { ...process.env, ...compileCache, TRUNKLINE_DATA_DIR: dataDir, DATABASE_URL: '' };
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...argv], { env });
  return stdout;
}

const reserve = async (server: SpawnedServer, network: string, owner: string): Promise<string> => {
  const made = await server.ask('POST', `/v1/networks/${network}/addresses`, { body: { owner } });
  expect(made.status).toBe(201);
  return (made.body as { address: string }).address;
};

const ownersOn = async (server: SpawnedServer, network: string): Promise<string[]> => {
  const answer = await server.ask('GET', `/v1/networks/${network}/addresses?limit=1000`);
  return (answer.body as { items: { owner: string | null }[] }).items.flatMap(({ owner }) => owner ?? []);
};

test(
  'a backup of a server that is writing holds what was answered before it began, is private, and restores on an empty machine',
  async () => {
    const dataDir = await dataDirectory();
    const server = await startServer(dataDir);
    const network = await makeNetwork(server);
    await reserve(server, network, 'before');

    const file = path.join(await dataDirectory(), 'fleet.tgz');
    const done = new AbortController();
    const backup = command(dataDir, 'backup', file).finally(() => done.abort());
    const meanwhile: string[] = [];
    for (let n = 0; !done.signal.aborted; n += 1) {
      await reserve(server, network, `meanwhile-${n}`);
      meanwhile.push(`meanwhile-${n}`);
    }
    expect(await backup).toContain('as the running server had it');
    await reserve(server, network, 'after');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(
      (await readdir(path.join(dataDir, 'postgresql'))).filter((name) => name.startsWith('backup-')),
    ).toEqual([]);

    const elsewhere = await dataDirectory();
    expect(await command(elsewhere, 'restore', file)).toContain('is restored');
    const restored = await startServer(elsewhere);
    const owners = await ownersOn(restored, network);
    expect(owners).toContain('before');
    expect(owners).not.toContain('after');
    // Nothing in between is missing: the backup is one moment of the database.
    const kept = meanwhile.filter((owner) => owners.includes(owner));
    expect(kept).toEqual(meanwhile.slice(0, kept.length));
    // The database of the past is recognised as that; without hosts there is nobody to wait for.
    const events = await restored.ask('GET', '/v1/events?type=recovery.started');
    expect((events.body as { items: unknown[] }).items).toHaveLength(1);
  },
  patientMs,
);

test(
  'a backup of a stopped server restores over a later state, which is kept',
  async () => {
    const dataDir = await dataDirectory();
    const first = await startServer(dataDir);
    const network = await makeNetwork(first);
    await reserve(first, network, 'before');
    await first.program.stop(10_000);
    const file = path.join(await dataDirectory(), 'fleet.tgz');
    await command(dataDir, 'backup', file);
    await expect(command(dataDir, 'backup', file)).rejects.toThrow('is there already');

    const second = await startServer(dataDir);
    await reserve(second, network, 'after');
    await expect(command(dataDir, 'restore', file)).rejects.toThrow('is in use by process');
    await second.program.stop(10_000);

    expect(await command(dataDir, 'restore', file)).toMatch(/What was there is in .*before-restore-/);
    const third = await startServer(dataDir);
    expect(await ownersOn(third, network)).toEqual(['before']);
  },
  patientMs,
);

test(
  'a restore that was killed between its moves keeps the server from beginning with an empty database, and is run again',
  async () => {
    const dataDir = await dataDirectory();
    const first = await startServer(dataDir);
    const network = await makeNetwork(first);
    await reserve(first, network, 'before');
    await first.program.stop(10_000);
    const file = path.join(await dataDirectory(), 'fleet.tgz');
    await command(dataDir, 'backup', file);

    // As a kill leaves it after what was there was moved away, and before what was unpacked took its place.
    await mkdir(path.join(dataDir, 'restore-unfinished'));
    await mkdir(path.join(dataDir, 'before-restore-x'));
    await rename(path.join(dataDir, 'postgresql'), path.join(dataDir, 'before-restore-x/postgresql'));
    await expect(startServer(dataDir)).rejects.toThrow('did not finish');
    await command(dataDir, 'restore', file);
    expect(await ownersOn(await startServer(dataDir), network)).toEqual(['before']);
  },
  patientMs,
);

test('a file that is no backup is refused, and nothing is touched', async () => {
  const dataDir = await dataDirectory();
  await expect(command(dataDir, 'restore', main)).rejects.toThrow(/tar could not work on|is no backup/);
  await expect(command(dataDir, 'restore', '/nowhere/fleet.tgz')).rejects.toThrow('cannot be read');
  await expect(command(dataDir, 'backup', path.join(dataDir, 'x.tgz'))).rejects.toThrow(
    'There is no database',
  );
  expect((await readdir(dataDir)).filter((name) => !name.startsWith('server.'))).toEqual([]);
});
