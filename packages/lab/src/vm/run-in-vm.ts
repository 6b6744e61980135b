/**
 * Runs one command in a virtual machine that has the distribution's kernel and this machine's files. Its own
 * writes go to its memory. Plain emulation: it works where no KVM does, and is some 50 times slower.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { commandEnvironment, mustRun, run } from '../hosts/commands.ts';
import type { Log } from '../hosts/install.ts';
import { PATIENCE_VARIABLE } from '../hosts/patience.ts';
import { packInitrd } from './initrd.ts';
import { prepareVm } from './kernel-package.ts';
import { safeProcessors } from './processors.ts';
import { qemuArguments } from './qemu-arguments.ts';
import { withNamelessFile } from './nameless-file.ts';

const MEMORY_MB = 5000;

/** Deadlines of lab and fleet are multiplied by it inside. */
const PATIENCE = '10';

/** Folders that are empty in the VM: what lies there belongs to processes that don't run in it. */
const EMPTY_FOLDERS = ['/tmp', '/var/tmp'];

/** It boots in seconds; on a loaded machine not. */
const BOOT_DEADLINE_MS = 180_000;
const TIME_LIMIT_MS = 3_600_000;

/** The last lines of kernel and qemu are shown when something went wrong. */
const KEPT_LINES = 40;

/** What shall run, and how long. */
export interface VmOptions {
  readonly argv: readonly string[];
  /** This process's own when left out. */
  readonly cwd?: string;
  /** On top of this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Take the command's output; this process's own when left out. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Takes progress, line by line. */
  readonly log?: Log;
  /** Ends the VM; `runInVm` then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds until the VM must have booted. */
  readonly bootDeadlineMs?: number;
  /** Milliseconds for all of it. */
  readonly timeLimitMs?: number;
  /** More for the kernel's command line. */
  readonly kernelArguments?: readonly string[];
}

/** Descriptors of qemu. 0 to 2 are nothing, the serial console and its own messages. */
const DESCRIPTORS = { stdout: 3, stderr: 4, control: 5, initrd: 6 } as const;

/** The request as guest/command.sh reads it. Throws for what a command line cannot hold. */
function packRequest(fields: readonly string[]): Buffer {
  const wrong = fields.find((field) => field.includes('\0'));
  if (wrong !== undefined)
    throw new TypeError(`a command line cannot hold a zero byte: ${JSON.stringify(wrong)}`);
  return Buffer.from(fields.map((field) => `${field}\0`).join(''));
}

function keepLines(streams: readonly Readable[]): string[] {
  const lines: string[] = [];
  for (const input of streams) {
    createInterface({ input }).on('line', (line) => {
      lines.push(line.trimEnd());
      lines.splice(0, Math.max(0, lines.length - KEPT_LINES));
    });
  }
  return lines;
}

/**
 * Follows the VM to its end: sends the request when it has booted, returns the exit code that it reports. Throws when
 * it ends without one, or too late.
 */
async function follow(child: ChildProcess, request: Buffer, options: VmOptions): Promise<number> {
  const { signal, log, bootDeadlineMs = BOOT_DEADLINE_MS, timeLimitMs = TIME_LIMIT_MS } = options;
  const [, console_, messages, , , control] = child.stdio as unknown as [
    null,
    Readable,
    Readable,
    Readable,
    Readable,
    Readable & Writable,
  ];
  const lines = keepLines([console_, messages]);
  const begun = performance.now();
  let code: number | undefined;
  let failure: string | undefined;
  const end = (why?: string): void => {
    failure ??= why;
    // Nothing in the VM outlives it: there is nothing to end in order.
    child.kill('SIGKILL');
  };
  const onAbort = (): void => end();
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted === true) end();
  const boot = setTimeout(
    () => end(`has not booted within ${String(bootDeadlineMs / 1000)} s`),
    bootDeadlineMs,
  );
  const limit = setTimeout(() => end(`ran longer than ${String(timeLimitMs / 1000)} s`), timeLimitMs);
  // Resets when qemu is killed
  control.on('error', () => undefined);
  createInterface({ input: control }).on('line', (line) => {
    if (line === 'up') {
      clearTimeout(boot);
      log?.(`the VM is up after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
      control.write(`${String(request.length)}\n`);
      control.write(request);
    } else if (line.startsWith('exit ')) {
      code = Number(line.slice('exit '.length));
      end();
    }
  });
  try {
    // `close` comes after the last byte of output.
    const [qemuCode, qemuSignal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    signal?.throwIfAborted();
    if (code !== undefined && failure === undefined) return code;
    const how = failure ?? `ended by itself (exit code ${String(qemuCode)}, signal ${String(qemuSignal)})`;
    throw new Error(`the VM ${how}; its last words:\n${lines.join('\n')}`);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(boot);
    clearTimeout(limit);
  }
}

/**
 * Boots a VM, runs `argv` in it and returns its exit code (127 when there is no such command). Installs and downloads
 * what is missing before. Throws when the VM panics, does not boot in time, runs too long or is killed. Nothing of it
 * stays, also when this process is killed: the kernel then ends qemu, which has no file but what it inherited.
 */
export async function runInVm(options: VmOptions): Promise<number> {
  const { argv, log = () => undefined, signal, cwd = process.cwd() } = options;
  const { stdout = process.stdout, stderr = process.stderr } = options;
  if (argv.length === 0) throw new TypeError('a command needs at least its name');
  const kernel = await prepareVm(log);
  signal?.throwIfAborted();
  const environment = commandEnvironment({ [PATIENCE_VARIABLE]: PATIENCE, ...options.env });
  const empty = EMPTY_FOLDERS.filter((folder) => !`${cwd}/`.startsWith(`${folder}/`));
  const request = packRequest([
    kernel.modules,
    cwd,
    String(empty.length),
    ...empty,
    ...Object.entries(environment).map(([name, value = '']) => `${name}=${value}`),
    ...argv,
  ]);
  const command = qemuArguments({
    kernel,
    initrd: DESCRIPTORS.initrd,
    processors: safeProcessors(
      await mustRun(run, ['qemu-system-x86_64', '--version']),
      availableParallelism(),
    ),
    memoryMb: MEMORY_MB,
    kernelArguments: options.kernelArguments ?? [],
    ports: { stdout: DESCRIPTORS.stdout, stderr: DESCRIPTORS.stderr, control: DESCRIPTORS.control },
  });
  log(`booting Linux ${kernel.version} in a VM without acceleration`);
  return await withNamelessFile(await packInitrd(kernel), async (initrd) => {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', initrd],
      env: commandEnvironment(),
      // Ctrl-C is for this process to answer.
      detached: true,
    });
    const [, , , out, error] = child.stdio as unknown as Readable[];
    out?.pipe(stdout, { end: false });
    error?.pipe(stderr, { end: false });
    return await follow(child, request, options);
  });
}
