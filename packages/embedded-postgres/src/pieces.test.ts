import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { restartDelay } from './keep-running.ts';
import { untilAnswers } from './postmaster.ts';
import { parseLogLine } from './postgres-log.ts';
import { permits } from './reachable.ts';
import { fitsSocket } from './socket-directory.ts';
import { findOrMakeDatabaseUser } from './system-user.ts';

describe('a line of the log of PostgreSQL', () => {
  it.each([
    ['postmaster|LOG:  database system is ready', 'info', 'postmaster', 'database system is ready'],
    ['autovacuum worker|WARNING:  oldest xmin is far', 'warn', 'autovacuum worker', 'oldest xmin is far'],
    ['checkpointer|ERROR:  could not fsync', 'error', 'checkpointer', 'could not fsync'],
    ['postmaster|FATAL:  could not create lock file', 'error', 'postmaster', 'could not create lock file'],
    ['client backend|ERROR:  duplicate key', 'debug', 'client backend', 'duplicate key'],
    ['client backend|PANIC:  could not write', 'error', 'client backend', 'could not write'],
    ['\tcontinued', 'debug', '', 'continued'],
  ])('%j is %s of the %s', (line, level, backend, text) => {
    expect(parseLogLine(line)).toEqual({ level, backend, text });
  });
});

describe('rights of a user', () => {
  const user = { uid: 101, gid: 104 };

  it.each([
    [{ uid: 101, gid: 0, mode: 0o100 }, 1, true],
    [{ uid: 101, gid: 104, mode: 0o077 }, 1, false],
    [{ uid: 0, gid: 104, mode: 0o050 }, 5, true],
    [{ uid: 0, gid: 0, mode: 0o700 }, 1, false],
    [{ uid: 0, gid: 0, mode: 0o40755 }, 5, true],
    [{ uid: 0, gid: 0, mode: 0o751 }, 5, false],
  ])('on %j: %s is %s', (permissions, rights, allowed) => {
    expect(permits(permissions, user, rights)).toBe(allowed);
  });
});

describe('restarts', () => {
  it('wait longer each time, up to a bound', () => {
    const backoff = { firstMs: 500, maxMs: 30_000, stableMs: 60_000 };
    expect([1, 2, 3, 7, 50].map((failures) => restartDelay(failures, backoff))).toEqual([
      500, 1000, 2000, 30_000, 30_000,
    ]);
  });
});

describe('the socket', () => {
  it('fits in 107 bytes of path', () => {
    expect(fitsSocket(`/${'x'.repeat(92)}`)).toBe(true);
    expect(fitsSocket(`/${'x'.repeat(93)}`)).toBe(false);
    expect(fitsSocket(`/${'ä'.repeat(47)}`)).toBe(false);
  });
});

/** A machine with these users. */
function machine(users: string[], canAdd = true) {
  const ran: string[] = [];
  const run = async (file: string, argv: readonly string[]) => {
    ran.push([file, ...argv].join(' '));
    const name = argv.at(-1) ?? '';
    if (file === 'useradd' && canAdd) users.push(name);
    const code = file === 'useradd' ? (canAdd ? 0 : 1) : users.includes(name) ? 0 : 2;
    const stdout =
      file === 'getent' && code === 0 ? `${name}:x:101:104::/nonexistent:/usr/sbin/nologin\n` : '';
    return { code, stdout, output: code === 1 ? 'cannot lock /etc/passwd' : '' };
  };
  return { run, ran };
}

describe('the user that PostgreSQL runs as', () => {
  it.each([
    [['postgres', 'trunkline'], 'trunkline'],
    [['postgres'], 'postgres'],
    [[], 'trunkline'],
  ])('of %j is %s', async (users, name) => {
    const { run, ran } = machine([...users]);
    expect(await findOrMakeDatabaseUser(run)).toEqual({ name, uid: 101, gid: 104 });
    expect(ran.some((line) => line.startsWith('useradd --system'))).toBe(users.length === 0);
  });

  it('is asked for with the reason when it cannot be made', async () => {
    await expect(findOrMakeDatabaseUser(machine([], false).run)).rejects.toThrow(
      /DATABASE_URL[^]*cannot lock/,
    );
  });
});

/** Takes connections as PostgreSQL does, each time so late. */
async function slowServer(afterMs: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-slow-'));
  const server = createServer((socket) => {
    socket.on('error', () => {});
    const answer = (): void => {
      // AuthenticationOk and ReadyForQuery.
      if (!socket.destroyed) socket.write(Buffer.from('5200000008000000005a0000000549', 'hex'));
    };
    socket.once('data', () => void setTimeout(answer, afterMs));
  });
  server.listen(join(folder, '.s.PGSQL.5432'));
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

const targetAt = (host: string) => ({ host, port: 5432, user: 'postgres', database: 'postgres' });

describe('a PostgreSQL that starts', () => {
  it('is given the time that a slow machine needs for one connection', async () => {
    const host = await slowServer(1300);
    expect(await untilAnswers(targetAt(host), 8_000, new AbortController().signal)).toBe(true);
  });

  it('is not waited for longer than its start may take, nor once it was given up', async () => {
    expect(await untilAnswers(targetAt('/nowhere'), 100, new AbortController().signal)).toBe(false);
    expect(await untilAnswers(targetAt('/nowhere'), 60_000, AbortSignal.abort())).toBe(false);
  });
});
