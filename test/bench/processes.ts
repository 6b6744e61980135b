import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A program of ours in a process of its own. */
export interface Running {
  /** Its first line of output that holds a URL. */
  url: string;
  pid: number;
  stop(): Promise<void>;
}

const urlPattern = /https?:\/\/[\w.[\]:]+/;

/** Starts a TypeScript file with Node and waits until it prints where it listens. */
export async function startProgram(file: string, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  const url = await firstUrl(child, lines);
  // The rest is read and dropped, or the pipe fills and the program stands still.
  lines.on('line', () => undefined);
  return { url, pid: child.pid ?? 0, stop };
}

async function firstUrl(child: ChildProcess, lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) {
    const url = urlPattern.exec(line)?.[0];
    if (url !== undefined) return url;
  }
  throw new Error(`the program ended before it listened (exit code ${child.exitCode ?? 'none'})`);
}
