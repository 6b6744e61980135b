import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { findPostgresPackage } from './binaries.ts';
import { DataDirectoryInUse, EmbeddedPostgresFailed, startEmbeddedPostgres } from './index.ts';
import type { EmbeddedPostgres, EmbeddedPostgresOptions, PostmasterExit } from './index.ts';

const asRoot = process.getuid?.() === 0;
/** A data directory for one test: open to all users unless `mode` says otherwise. */
async function temporaryDataDir(mode = 0o755): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'trunkline-pg-'));
  chmodSync(root, mode);
  const dataDir = join(root, 'data');
  onTestFinished(async () => {
    const pid = postmasterPid(dataDir);
    if (pid !== undefined && commandOf(pid).includes('postgres')) process.kill(pid, 'SIGQUIT');
    await vi.waitUntil(() => pid === undefined || !commandOf(pid).includes('postgres'), { timeout: 10_000 });
    await rm(root, { recursive: true, force: true });
  });
  return dataDir;
}

async function start(
  dataDir: string,
  options: Partial<EmbeddedPostgresOptions> = {},
): Promise<EmbeddedPostgres> {
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const postgres = await startEmbeddedPostgres({ dataDir, log, ...options });
  onTestFinished(() => postgres.stop());
  return postgres;
}

async function query(connectionString: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Starts a process that holds the data directory with a running PostgreSQL. */
async function startElsewhere(dataDir: string) {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('starter.fixture.ts', import.meta.url)), dataDir],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const [connectionString] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    pid: child.pid!,
    connectionString,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

function cluster(dataDir: string): string {
  return join(dataDir, 'postgresql', '18');
}

function postmasterPid(dataDir: string): number | undefined {
  const file = join(cluster(dataDir), 'postmaster.pid');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : undefined;
}

function commandOf(pid: number): string {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

describe('the embedded PostgreSQL', () => {
  it('makes a durable UTF-8 cluster at the first start, that only its own socket leads to', async () => {
    const dataDir = await temporaryDataDir();
    const postgres = await start(dataDir);
    const [row] = await query(
      postgres.connectionString,
      `SELECT current_database() AS database, current_setting('server_version') AS version,
              current_setting('fsync') AS fsync, current_setting('full_page_writes') AS pages,
              current_setting('data_checksums') AS checksums, current_setting('server_encoding') AS encoding,
              current_setting('listen_addresses') AS tcp, lower('Ä') AS lower`,
    );
    expect(row).toEqual({
      database: 'trunkline',
      version: expect.stringMatching(/^18\./),
      fsync: 'on',
      pages: 'on',
      checksums: 'on',
      encoding: 'UTF8',
      tcp: '',
      lower: 'ä',
    });
    await query(postgres.connectionString, 'CREATE EXTENSION btree_gist');
    expect(statSync(postgres.connection.host).mode & 0o777).toBe(0o700);
    expect(statSync(cluster(dataDir)).mode & 0o777).toBe(0o700);
  });

  it('keeps its data over a restart, and ends when it is stopped', async () => {
    const dataDir = await temporaryDataDir();
    const first = await start(dataDir);
    await query(first.connectionString, 'CREATE TABLE kept AS SELECT 7 AS number');
    const pid = postmasterPid(dataDir)!;
    await first.stop();
    expect(commandOf(pid)).toBe('');
    expect(existsSync(first.connection.host)).toBe(false);
    await expect(first.ready()).rejects.toThrow('stopped');
    const second = await start(dataDir);
    expect(await query(second.connectionString, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
  });

  it('loses nothing where it has no time to write everything down', async () => {
    const dataDir = await temporaryDataDir();
    const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const first = await start(dataDir, { log });
    await query(first.connectionString, 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n');
    await first.stop(0);
    expect(log.warn).toHaveBeenCalledWith(
      expect.objectContaining({ signal: 'SIGINT', ms: 0 }),
      'PostgreSQL did not end in time',
    );
    const second = await start(dataDir);
    expect(await query(second.connectionString, 'SELECT count(*)::int AS n FROM kept')).toEqual([
      { n: 1000 },
    ]);
    // What a shutdown would write can be written before, also where there is no database any more.
    await second.writeDown();
    await second.stop();
    await second.writeDown();
  });

  it('refuses a data directory that another process holds, and names the process', async () => {
    const dataDir = await temporaryDataDir();
    const holder = await startElsewhere(dataDir);
    const failure = await start(dataDir).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DataDirectoryInUse);
    expect(failure).toMatchObject({
      pid: holder.pid,
      message: expect.stringContaining('TRUNKLINE_DATA_DIR'),
    });
    expect(await query(holder.connectionString, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is started by exactly one of two that start at the same moment', async () => {
    const dataDir = await temporaryDataDir();
    const outcomes = await Promise.allSettled([start(dataDir), start(dataDir)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: expect.any(DataDirectoryInUse),
    });
  });

  it('comes back after kill -9 of the server that left PostgreSQL running', async () => {
    const dataDir = await temporaryDataDir();
    const killed = await startElsewhere(dataDir);
    await query(killed.connectionString, 'CREATE TABLE kept AS SELECT 8 AS number');
    const leftover = postmasterPid(dataDir)!;
    await killed.kill();
    expect(commandOf(leftover)).toContain('postgres');
    const postgres = await start(dataDir);
    expect(postmasterPid(dataDir)).not.toBe(leftover);
    expect(commandOf(leftover)).toBe('');
    expect(await query(postgres.connectionString, 'SELECT number FROM kept')).toEqual([{ number: 8 }]);
  });

  it('starts although the process number of a PostgreSQL long gone is in use by another program', async () => {
    const dataDir = await temporaryDataDir();
    await (await start(dataDir)).stop();
    // Of the same user: PostgreSQL itself takes a process that it may not signal for none of its own.
    const { uid, gid } = statSync(cluster(dataDir));
    const other = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore' });
    onTestFinished(() => {
      other.kill();
    });
    writeFileSync(join(cluster(dataDir), 'postmaster.pid'), `${other.pid}\n${cluster(dataDir)}\n`);
    const postgres = await start(dataDir);
    expect(await query(postgres.connectionString, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is started again when it dies by itself, and reports it', async () => {
    const dataDir = await temporaryDataDir();
    const exits: PostmasterExit[] = [];
    const postgres = await start(dataDir, {
      onExit: (exit) => exits.push(exit),
      backoff: { firstMs: 1, maxMs: 100, stableMs: 60_000 },
    });
    const before = postmasterPid(dataDir)!;
    process.kill(before, 'SIGKILL');
    await vi.waitFor(() => expect(exits).toMatchObject([{ signal: 'SIGKILL' }]), { timeout: 10_000 });
    await postgres.ready();
    expect(postmasterPid(dataDir)).not.toBe(before);
    expect(await query(postgres.connectionString, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('leaves no half-made cluster: what a killed first start left is removed', async () => {
    const dataDir = await temporaryDataDir();
    const unfinished = `${cluster(dataDir)}.initdb-killed`;
    mkdirSync(join(unfinished, 'base'), { recursive: true });
    writeFileSync(join(unfinished, 'PG_VERSION'), '18\n');
    await start(dataDir);
    expect(readdirSync(join(dataDir, 'postgresql')).filter((name) => name.includes('initdb'))).toEqual([]);
    expect(existsSync(join(cluster(dataDir), 'global', 'pg_control'))).toBe(true);
  });

  it('reports what PostgreSQL logged when it does not start, and leaves the data directory free', async () => {
    const dataDir = await temporaryDataDir();
    const failure = await start(dataDir, { settings: { max_connections: 'many' } }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(EmbeddedPostgresFailed);
    expect(failure).toMatchObject({ kind: 'start', output: expect.stringContaining('max_connections') });
    const postgres = await start(dataDir);
    expect(await query(postgres.connectionString, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('puts its socket elsewhere when the data directory has a very long path', async () => {
    const dataDir = join(await temporaryDataDir(), 'long'.repeat(25));
    const postgres = await start(dataDir);
    expect(postgres.connection.host.startsWith(dataDir)).toBe(false);
    expect(statSync(postgres.connection.host).mode & 0o777).toBe(0o700);
    expect(await query(postgres.connectionString, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await postgres.stop();
    expect(existsSync(postgres.connection.host)).toBe(false);
  });
});

describe.runIf(asRoot)('the embedded PostgreSQL of a server run by root', () => {
  it('does not run as root', async () => {
    const dataDir = await temporaryDataDir();
    await start(dataDir);
    expect(statSync(`/proc/${postmasterPid(dataDir)}`).uid).not.toBe(0);
    expect(statSync(cluster(dataDir)).uid).toBe(statSync(`/proc/${postmasterPid(dataDir)}`).uid);
  });

  it('works in a data directory that its user cannot enter, such as one under /root', async () => {
    const dataDir = await temporaryDataDir(0o700);
    const first = await start(dataDir);
    await query(first.connectionString, 'CREATE TABLE kept AS SELECT 9 AS number');
    await first.stop();
    const killed = await startElsewhere(dataDir);
    await killed.kill();
    const socket = realpathSync(join(dataDir, 'postgresql', 'run'));
    const second = await start(dataDir);
    expect(await query(second.connectionString, 'SELECT number FROM kept')).toEqual([{ number: 9 }]);
    expect(existsSync(socket)).toBe(false);
  });

  it('copies programs that its user cannot reach, with the links between libraries, once', async () => {
    const dataDir = await temporaryDataDir();
    const hidden = await mkdtemp(join(tmpdir(), 'trunkline-pg-hidden-'));
    onTestFinished(() => rm(hidden, { recursive: true, force: true }));
    const { native, version } = await findPostgresPackage();
    cpSync(native, join(hidden, 'native'), {
      recursive: true,
      filter: (path) => !/\.so\.\d+$/.test(path) || !path.includes('libpq'),
    });
    const options = { package: { native: join(hidden, 'native'), version } };
    await (await start(dataDir, options)).stop();
    const copy = join(dataDir, 'postgresql', `binaries-${version}`);
    expect(existsSync(join(copy, 'lib', 'libpq.so.5'))).toBe(true);
    const made = statSync(copy).ctimeMs;
    await start(dataDir, options);
    expect(statSync(copy).ctimeMs).toBe(made);
    expect(readFileSync(`/proc/${postmasterPid(dataDir)}/cmdline`, 'utf8')).toContain(copy);
  });

  it('reports that the disk is full when there is no room for the cluster, and leaves nothing half made', async () => {
    const dataDir = await temporaryDataDir();
    mkdirSync(dataDir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m,mode=0755', 'trunkline-test', dataDir]);
    onTestFinished(() => {
      execFileSync('umount', [dataDir]);
    });
    const failure = await start(dataDir).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: 'initdb', message: expect.stringContaining('The disk is full') });
    expect(readdirSync(join(dataDir, 'postgresql'))).toEqual([]);
  });
});
