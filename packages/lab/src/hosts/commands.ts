import { execFile } from 'node:child_process';
import { constants } from 'node:os';

/** What a command left behind. `code` is the exit code, or 128 + signal number when a signal ended it. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Settings of one command. */
export interface CommandOptions {
  /** Variables on top of this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds after which the command gets SIGKILL; none when left out. */
  readonly timeoutMs?: number;
}

/**
 * Runs one command to its end. Rejects only when it could not be started at all (not installed, no
 * permission); a non-zero exit code is a result.
 */
export type Run = (argv: readonly string[], options?: CommandOptions) => Promise<CommandResult>;

/** Daemons and `ip` live in sbin, which a user's PATH may lack. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** This process's environment with the system's own folders on PATH. */
export function commandEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const path = process.env['PATH'];
  return {
    ...process.env,
    PATH: path === undefined ? SYSTEM_PATH : `${path}:${SYSTEM_PATH}`,
    ...extra,
  };
}

/** Turns a signal name into the exit code that shells give it. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** The real {@link Run}. Output of up to 64 MiB is kept. */
export const run: Run = (argv, options = {}) =>
  new Promise((resolve, reject) => {
    const [file, ...args] = argv;
    if (file === undefined) {
      reject(new TypeError('a command needs at least its name'));
      return;
    }
    const settings = {
      // LC_ALL: output is read by programs.
      env: commandEnvironment({ LC_ALL: 'C', ...options.env }),
      encoding: 'utf8' as const,
      maxBuffer: 64 * 1024 * 1024,
      killSignal: 'SIGKILL' as const,
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    };
    execFile(file, args, settings, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
      else if (error.signal !== undefined && error.signal !== null)
        resolve({ code: exitCodeOfSignal(error.signal), stdout, stderr });
      else reject(new Error(`cannot run ${file}: ${error.message}`, { cause: error }));
    });
  });

/** Runs a command that has to succeed and returns its stdout. Throws with argv, exit code and output. */
export async function mustRun(
  runCommand: Run,
  argv: readonly string[],
  options?: CommandOptions,
): Promise<string> {
  const result = await runCommand(argv, options);
  if (result.code !== 0) {
    const output = (result.stderr + result.stdout).trim();
    throw new Error(`\`${argv.join(' ')}\` failed with exit code ${String(result.code)}: ${output}`);
  }
  return result.stdout;
}
