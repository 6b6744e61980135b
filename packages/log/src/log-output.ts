import { writeSync } from 'node:fs';

/** Where a logger writes its lines; fits `pino`'s `DestinationStream`. */
export interface LogOutput {
  /** Writes a line, or drops it. Never fails and never waits. */
  write(line: string): void;
}

/** Writes bytes and answers how many were taken, as `fs.writeSync`; throws a system error. */
type WriteBytes = (bytes: Uint8Array) => number;

/** As a logger would write it itself; `pid` and `hostname` are left out, since the lines around it have them. */
const warnLevel = 40;

/**
 * A log that drops what it cannot write: a full disk (ENOSPC), a pipe that nobody reads (EAGAIN) or that is closed
 * (EPIPE). Whoever logs must not wait for it. When writing works again, one line counts those that were dropped, since when
 * and why.
 */
export function createLogOutput(write: WriteBytes, now: () => Date = () => new Date()): LogOutput {
  /** The end of a line whose beginning was written; nothing else may come before it. */
  let rest: Uint8Array | undefined;
  let dropped: { lines: number; since: Date; reason: string } | undefined;

  /** True when all of it was written, or will be before anything else. */
  const put = (bytes: Uint8Array): boolean => {
    for (let at = 0; at < bytes.length;) {
      try {
        at += write(at === 0 ? bytes : bytes.subarray(at));
      } catch (error) {
        const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
        dropped ??= { lines: 0, since: now(), reason };
        if (at > 0) rest = bytes.subarray(at);
        return at > 0;
      }
    }
    return true;
  };
  const putRest = (): boolean => {
    const bytes = rest;
    if (bytes === undefined) return true;
    rest = undefined;
    if (!put(bytes)) rest = bytes;
    return rest === undefined;
  };
  const putNote = (): boolean => {
    if (dropped === undefined || dropped.lines === 0) return true;
    const { lines, since, reason } = dropped;
    const note = {
      level: warnLevel,
      time: now().toISOString(),
      dropped: lines,
      since: since.toISOString(),
      reason,
      msg: 'log lines were dropped: they could not be written',
    };
    if (!put(Buffer.from(`${JSON.stringify(note)}\n`))) return false;
    dropped = undefined;
    return rest === undefined;
  };

  return {
    write(line) {
      if (putRest() && putNote() && put(Buffer.from(line))) {
        if (rest === undefined) dropped = undefined;
        return;
      }
      dropped ??= { lines: 0, since: now(), reason: 'blocked' };
      dropped.lines += 1;
    },
  };
}

/**
 * The log on standard output. Touching `process.stdout` makes a pipe or socket non-blocking (libuv's uv_pipe_open), so
 * that writing to one that nobody reads fails instead of stopping this process.
 */
export function openLogOutput(): LogOutput {
  const { stdout, stderr } = process;
  // What others write there, such as Node's own warnings, must not end the process either.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  return createLogOutput((bytes) => writeSync(stdout.fd, bytes));
}
