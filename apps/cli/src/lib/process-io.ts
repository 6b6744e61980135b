import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { paintFor } from '../format/paint.ts';
import { plain } from '../format/plain.ts';
import { misuse } from './failure.ts';
import type { Io } from './io.ts';

/** Longest file or stdin that is read, in bytes: many times what a server takes at once. */
const maxInputBytes = 16 * 1024 * 1024;

/** The world of a real process; `onLost` learns of output that could not be written, such as to a full disk. */
export function createProcessIo(onLost: (error: Error) => void): Io {
  const { stdin, stdout, stderr, env } = process;
  const gone = new AbortController();
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that has enough ends a program as it does elsewhere: quietly.
    if (error.code !== 'EPIPE' && !gone.signal.aborted) onLost(error);
    gone.abort();
  });
  // A log that nobody reads is no reason to fail.
  stderr.on('error', () => undefined);
  let isProgressShown = false;
  const endProgress = (): void => {
    if (isProgressShown) stderr.write('\r\u001b[K');
    isProgressShown = false;
  };
  return {
    env,
    write: (text) => {
      if (!gone.signal.aborted) stdout.write(text);
    },
    note: (line) => {
      endProgress();
      stderr.write(`${line}\n`);
    },
    progress: (line) => {
      if (!stderr.isTTY || env['TERM'] === 'dumb') return;
      const shown = Array.from(plain(line)).slice(0, (stderr.columns > 0 ? stderr.columns : 80) - 1);
      stderr.write(`\r\u001b[K${shown.join('')}`);
      isProgressShown = true;
    },
    endProgress,
    paint: paintFor({ isTerminal: stdout.isTTY, env }),
    readerGone: gone.signal,
    stdinIsTerminal: stdin.isTTY,
    readStdin: () => readAll(stdin, 'stdin'),
    readFile: (path) => readAll(createReadStream(path), path),
    readSecret: (prompt) => readSecret(prompt),
    now: () => new Date(),
    sleep: (milliseconds) => sleep(milliseconds),
  };
}

async function readAll(stream: Readable, name: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxInputBytes) throw misuse(`${name} is longer than ${maxInputBytes / 1024 ** 2} MiB`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw misuse(`${name} cannot be read: ${error.message}`);
    throw error;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Reads keys in raw mode, which shows none of them. */
async function readSecret(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  // Before the prompt: what is typed at once is not shown either.
  stdin.setRawMode(true);
  stderr.write(prompt);
  stdin.setEncoding('utf8');
  let typed = '';
  try {
    for await (const keys of stdin as AsyncIterable<string>) {
      for (const key of keys) {
        if (key === '\r' || key === '\n' || key === '\u0004') return typed;
        if (key === '\u0003') {
          stdin.setRawMode(false);
          stderr.write('\n');
          process.kill(process.pid, 'SIGINT');
        } else if (key === '\u007f' || key === '\b') typed = typed.slice(0, -1);
        else typed += key;
      }
    }
    return typed;
  } finally {
    stdin.setRawMode(false);
    stderr.write('\n');
    stdin.pause();
  }
}
