import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { openClient } from './client.ts';
import type { ClusterAccess } from './cluster.ts';
import { advice, EmbeddedPostgresFailed } from './errors.ts';
import type { StopBounds } from './leftover.ts';
import type { Log } from './log.ts';
import { logLinePrefix, parseLogLine } from './postgres-log.ts';
import { programEnvironment } from './run-program.ts';
import type { SystemUser } from './system-user.ts';

/** How PostgreSQL ended, and the end of its log. */
export interface PostmasterExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** A PostgreSQL that takes connections. */
export interface Postmaster {
  readonly pid: number;
  /** Resolves when it has ended, for whatever reason; never rejects. */
  readonly exited: Promise<PostmasterExit>;
  /**
   * Ends it: fast shutdown, after a bound immediate shutdown, after another kill. Resolves when it is gone. `fastMs`: instead of
   * the bound that it was started with.
   */
  stop(fastMs?: number): Promise<void>;
}

/** Where a client reaches the database; fits `pg`'s `PoolConfig`. */
export interface ConnectionTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** What one PostgreSQL is started with. */
export interface PostmasterOptions {
  readonly binaries: string;
  readonly access: ClusterAccess;
  /** Whom it runs as, or null: as ourselves. */
  readonly user: SystemUser | null;
  /** Where it puts its socket, and how to ask whether it is up. */
  readonly target: ConnectionTarget;
  /** Server settings beyond ours, by name. */
  readonly settings: Readonly<Record<string, string>>;
  readonly log: Log;
  /** How long it may take until it takes connections, recovery after a crash included. */
  readonly startMs: number;
  readonly stopBounds: StopBounds;
  /** Gives up the start and ends what was started. */
  readonly signal: AbortSignal;
  /** Called with the process as soon as there is one, before it takes connections. */
  readonly onSpawn?: (child: ChildProcess) => void;
}

/**
 * Starts PostgreSQL and resolves when it takes connections.
 *
 * Fails with {@link EmbeddedPostgresFailed} (`start`); nothing is left running then.
 */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { access, binaries, user, log, signal, startMs, stopBounds, target } = options;
  const child = spawn(join(binaries, 'bin', 'postgres'), serverArguments(options), {
    cwd: access.folder,
    env: programEnvironment,
    // A session of its own: Ctrl-C at the terminal must reach the server only, which ends its work before the database.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
  });
  options.onSpawn?.(child);
  const postmaster = watched(child, log, stopBounds);
  const ended = new AbortController();
  const exit = postmaster.exited.then((how) => {
    ended.abort();
    return how;
  });
  if (await untilAnswers(target, startMs, AbortSignal.any([signal, ended.signal]))) return postmaster;
  const diedByItself = ended.signal.aborted;
  await postmaster.stop();
  const { output } = await exit;
  const what = diedByItself
    ? 'ended while starting'
    : signal.aborted
      ? 'was stopped while starting'
      : `took longer than ${startMs} ms to start`;
  throw new EmbeddedPostgresFailed('start', `PostgreSQL on ${access.folder} ${what}.${advice(output)}`, {
    output,
  });
}

function serverArguments({ access, target, settings }: PostmasterOptions): string[] {
  const all: Record<string, string> = {
    listen_addresses: '',
    port: String(target.port),
    unix_socket_directories: target.host,
    unix_socket_permissions: '0700',
    fsync: 'on',
    full_page_writes: 'on',
    shared_buffers: '128MB',
    max_connections: '100',
    timezone: 'UTC',
    lc_messages: 'C',
    log_destination: 'stderr',
    logging_collector: 'off',
    log_line_prefix: logLinePrefix,
    log_checkpoints: 'off',
    // Values of users do not belong into our log.
    log_min_error_statement: 'panic',
    ...settings,
  };
  return ['-D', access.path, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

function watched(child: ChildProcess, log: Log, bounds: StopBounds): Postmaster {
  const tail: string[] = [];
  const keep = (line: string): void => {
    tail.push(line);
    if (tail.length > 30) tail.shift();
  };
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      if (line.trim() === '') return;
      const { level, backend, text } = parseLogLine(line);
      if (backend !== 'client backend') keep(text);
      log[level]({ backend, text }, 'PostgreSQL says');
    });
  }
  const exited = Promise.withResolvers<PostmasterExit>();
  child.on('error', (error) => {
    if (child.pid !== undefined) return;
    exited.resolve({ code: null, signal: null, output: error.message });
  });
  // `close` and not `exit`: its last words are in.
  child.once('close', (code, signal) => exited.resolve({ code, signal, output: tail.join('\n') }));
  return {
    pid: child.pid ?? 0,
    exited: exited.promise,
    async stop(fastMs = bounds.fastMs) {
      for (const [signal, bound] of [
        ['SIGINT', fastMs],
        ['SIGQUIT', bounds.immediateMs],
      ] as const) {
        child.kill(signal);
        if (await within(exited.promise, bound)) return;
        log.warn({ pid: child.pid, signal, ms: bound }, 'PostgreSQL did not end in time');
      }
      child.kill('SIGKILL');
      await exited.promise;
    },
  };
}

async function within(done: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(ms, false, { signal: timer.signal }).catch(() => false);
  const inTime = await Promise.race([done.then(() => true), late]);
  timer.abort();
  return inTime;
}

/** What an answer may take at first, in milliseconds. One that was given up is given twice the time next: a machine may be that slow. */
const firstAnswerMs = 1000;
const maxAnswerMs = 60_000;

/** Whether a database answers within the time. */
export async function untilAnswers(
  target: ConnectionTarget,
  withinMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (let boundMs = firstAnswerMs; !signal.aborted && performance.now() < deadline;) {
    const began = performance.now();
    if (await answers(target, boundMs)) return true;
    // An immediate refusal is no measure of how fast it is.
    if (performance.now() - began >= boundMs) boundMs = Math.min(boundMs * 2, maxAnswerMs);
    await delay(25, undefined, { signal }).catch(() => {});
  }
  return false;
}

async function answers(target: ConnectionTarget, boundMs: number): Promise<boolean> {
  const client = openClient({ ...target, database: 'postgres', connectionTimeoutMillis: boundMs });
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    // Not awaited: the goodbye of a connection that never came about may take for ever.
    client.end().catch(() => {});
  }
}
