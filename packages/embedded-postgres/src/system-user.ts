import { EmbeddedPostgresFailed } from './errors.ts';
import { runProgram, type ProgramResult } from './run-program.ts';

/** A user of the machine. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

type Run = (file: string, argv: readonly string[]) => Promise<ProgramResult>;

const run: Run = (file, argv) => runProgram(file, argv, { timeoutMs: 30_000 });

/**
 * The unprivileged user that root runs PostgreSQL as (PostgreSQL refuses root): `trunkline`, else `postgres`, else a
 * `trunkline` made now.
 *
 * Fails with {@link EmbeddedPostgresFailed} (`user`).
 */
export async function findOrMakeDatabaseUser(runCommand: Run = run): Promise<SystemUser> {
  const existing = (await findUser('trunkline', runCommand)) ?? (await findUser('postgres', runCommand));
  if (existing !== undefined) return existing;
  const made = await runCommand('useradd', [
    '--system',
    '--user-group',
    '--no-create-home',
    '--home-dir',
    '/nonexistent',
    '--shell',
    '/usr/sbin/nologin',
    '--comment',
    'Trunkline database',
    'trunkline',
  ]);
  // Whoever made it: another server that starts at the same time is as good.
  const user = await findUser('trunkline', runCommand);
  if (user !== undefined) return user;
  throw new EmbeddedPostgresFailed(
    'user',
    'PostgreSQL does not run as root, and the system user "trunkline" for it could not be made. Make it ' +
      '(useradd --system trunkline), run the server as an ordinary user, or set DATABASE_URL.',
    { output: made.output },
  );
}

async function findUser(name: string, runCommand: Run): Promise<SystemUser | undefined> {
  const { code, stdout } = await runCommand('getent', ['passwd', name]);
  const [, , uid, gid] = stdout.trim().split(':');
  if (code !== 0 || uid === undefined || gid === undefined || Number(uid) === 0) return undefined;
  return { name, uid: Number(uid), gid: Number(gid) };
}
