import { readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgresFailed, errnoOf } from './errors.ts';
import type { Log } from './log.ts';

/** How long a PostgreSQL that is asked to end may take before it is forced more firmly, in milliseconds. */
export interface StopBounds {
  /** For SIGINT, the fast shutdown: connections are cut, the data is written. */
  readonly fastMs: number;
  /** For SIGQUIT, the immediate shutdown: the next start recovers from the log. */
  readonly immediateMs: number;
}

/**
 * Ends the PostgreSQL that a killed server left running on the cluster. Only while holding the data directory's lock:
 * then nobody else's server can be behind it.
 *
 * Fails with {@link EmbeddedPostgresFailed} (`leftover`).
 */
export async function stopLeftover(folder: string, bounds: StopBounds, log: Log): Promise<void> {
  const pid = await recordedPid(folder);
  if (pid === undefined) return;
  const found = await whatIs(pid, folder);
  if (found === 'nothing') return;
  if (found === 'another program') {
    // PostgreSQL only asks whether the number is in use, and would refuse to start for ever.
    log.warn(
      { pid, folder },
      'removing the postmaster.pid of a PostgreSQL that is gone; its number is in use again',
    );
    await rm(join(folder, 'postmaster.pid'), { force: true });
    return;
  }
  log.warn({ pid, folder }, 'stopping the PostgreSQL that an earlier server left behind');
  for (const [signal, bound] of [
    ['SIGINT', bounds.fastMs],
    ['SIGQUIT', bounds.immediateMs],
  ] as const) {
    signalProcess(pid, signal);
    const deadline = performance.now() + bound;
    while (performance.now() < deadline) {
      if ((await whatIs(pid, folder)) !== 'our postmaster') return;
      await delay(20);
    }
  }
  throw new EmbeddedPostgresFailed(
    'leftover',
    `PostgreSQL (process ${pid}) still runs on ${folder} from an earlier server and does not end. End it with kill ${pid}.`,
  );
}

/** The process is a postmaster of this cluster, something else that got the number, or not there. */
async function whatIs(
  pid: number,
  folder: string,
): Promise<'our postmaster' | 'another program' | 'nothing'> {
  try {
    const program = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')[0] ?? '';
    // A zombie has no command line: it holds nothing any more.
    if (program === '') return 'nothing';
    if (basename(program) !== 'postgres') return 'another program';
    // The postmaster works in its cluster: true also where its arguments do not name the folder (cluster.ts), or another name.
    const [place, ours] = await Promise.all([stat(`/proc/${pid}/cwd`), stat(folder)]);
    return place.dev === ours.dev && place.ino === ours.ino ? 'our postmaster' : 'another program';
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return 'another program';
    return 'nothing';
  }
}

async function recordedPid(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return pid > 1 ? pid : undefined;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}
