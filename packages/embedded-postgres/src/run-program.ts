import { execFile } from 'node:child_process';

/** How a program ended. `code` is null when it did not run or was killed; `output` is the end of what it printed. */
export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly output: string;
}

/** Where and as whom a program runs. */
export interface ProgramOptions {
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Killed after this many milliseconds. */
  readonly timeoutMs: number;
}

/** A clean environment: no setting of ours reaches the program, and it speaks English. */
export const programEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

/** Runs a program with an argument vector to its end. Never rejects: a program that cannot be started has code null. */
export function runProgram(
  file: string,
  argv: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  const { timeoutMs, ...where } = options;
  const { promise, resolve } = Promise.withResolvers<ProgramResult>();
  execFile(
    file,
    argv,
    {
      ...where,
      env: programEnvironment,
      encoding: 'utf8',
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: 4 << 20,
    },
    (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      const reason = error !== null && code === null ? error.message : '';
      resolve({ code, stdout, output: lastLines(`${stdout}${stderr}${reason}`) });
    },
  );
  return promise;
}

/** The last lines of a text, without the blank ones. */
function lastLines(text: string, count = 20): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .join('\n');
}
