import { execFile } from 'node:child_process';

/** How one program is to be run. */
export interface RunOptions {
  /** Time after which the program is killed, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
  /** Kills the program when aborted; the call then fails with kind `aborted`. */
  readonly signal?: AbortSignal;
  /** Written to the program's standard input, which is closed afterwards. */
  readonly input?: string;
  /** Exit codes that count as an answer and not as a failure. Default `[0]` (ping, for one, reports loss with 1). */
  readonly acceptCodes?: readonly number[];
}

/** What a program answered. `code` is always one of the accepted exit codes. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/**
 * Runs one program with an argument vector; there is no shell anywhere. The only way in which the agent starts
 * programs, so that tests can stand in for the host.
 *
 * Fails with {@link CommandFailed}.
 */
export type RunCommand = (
  file: string,
  argv: readonly string[],
  options?: RunOptions,
) => Promise<CommandResult>;

/**
 * Why a program gave no answer: it ended with another exit code (`exit`), a signal killed it (`signal`), it took too
 * long (`timeout`), printed too much (`output`), could not be started (`spawn`: not installed, not permitted), or the
 * caller gave up (`aborted`).
 */
export type CommandFailureKind = 'exit' | 'signal' | 'timeout' | 'output' | 'spawn' | 'aborted';

/** A program that failed, with all that is needed to run it again by hand. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly kind: CommandFailureKind;
  /** The program and its arguments. */
  readonly argv: readonly string[];
  /** The exit code, or null when it did not end by itself. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(failure: {
    readonly kind: CommandFailureKind;
    readonly argv: readonly string[];
    readonly code: number | null;
    readonly reason: string;
    readonly stdout: string;
    readonly stderr: string;
    readonly cause?: unknown;
  }) {
    const said = (failure.stderr.trim() || failure.stdout.trim()).slice(0, 2000);
    super(
      `${failure.argv.map(quoted).join(' ')}: ${failure.reason}${said === '' ? '' : `: ${said}`}`,
      failure.cause === undefined ? undefined : { cause: failure.cause },
    );
    this.kind = failure.kind;
    this.argv = failure.argv;
    this.code = failure.code;
    this.stdout = failure.stdout;
    this.stderr = failure.stderr;
  }
}

/** What the runner is made of. */
export interface CommandRunnerOptions {
  /** Where programs are looked for. Default: the system's folders, `sbin` included. */
  readonly path?: string;
  /** Bound of each output stream in bytes. Default 16 MiB (a host with thousands of links prints about 1 KiB per link). */
  readonly maxOutputBytes?: number;
  /** Bound in time where a call names none, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
}

/** Folders in which a distribution puts `ip`, `nsenter` and the like. */
const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The real thing. Programs get a clean environment (`PATH` and `LC_ALL=C` only): their words do not change with the
 * machine's language, and the agent's own settings, a join token among them, do not reach them.
 */
export function createCommandRunner(defaults: CommandRunnerOptions = {}): RunCommand {
  const env = commandEnvironment(defaults.path);
  const maxBuffer = defaults.maxOutputBytes ?? 16 * 1024 * 1024;
  return (file, argv, options = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
    const timeout = options.timeoutMs ?? defaults.timeoutMs ?? 10_000;
    const acceptCodes = options.acceptCodes ?? [0];
    const child = execFile(
      file,
      argv,
      {
        env,
        maxBuffer,
        timeout,
        killSignal: 'SIGKILL',
        encoding: 'utf8',
        windowsHide: true,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
        if (code !== null && acceptCodes.includes(code)) return resolve({ stdout, stderr, code });
        const { kind, reason } = failureOf(error, code, timeout, options.signal);
        reject(
          new CommandFailed({ kind, reason, argv: [file, ...argv], code, stdout, stderr, cause: error }),
        );
      },
    );
    // A program may end before it has read its input; that is not an error of its own.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
    return promise;
  };
}

/** The environment that programs run in. */
export function commandEnvironment(path: string = systemPath): { PATH: string; LC_ALL: string } {
  return { PATH: path, LC_ALL: 'C' };
}

function failureOf(
  error: NodeJS.ErrnoException | (Error & { killed?: boolean; signal?: string }) | null,
  code: number | null,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): { kind: CommandFailureKind; reason: string } {
  if (code !== null) return { kind: 'exit', reason: `exit code ${code}` };
  const errno = error !== null && 'code' in error ? error.code : undefined;
  if (signal?.aborted === true || errno === 'ABORT_ERR') return { kind: 'aborted', reason: 'given up' };
  if (errno === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return { kind: 'output', reason: 'too much output' };
  if (errno === 'ENOENT') return { kind: 'spawn', reason: 'not installed on this host (looked in PATH)' };
  if (typeof errno === 'string') return { kind: 'spawn', reason: `could not be started (${errno})` };
  if (error !== null && 'killed' in error && error.killed) {
    return { kind: 'timeout', reason: `no answer within ${timeoutMs} ms` };
  }
  const killedBy = error !== null && 'signal' in error ? error.signal : undefined;
  return { kind: 'signal', reason: `killed by ${killedBy ?? 'a signal'}` };
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
