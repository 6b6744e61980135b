import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandEnvironment } from './command.ts';
import type { OpenDialogue } from './resident-ip.ts';
import type { SpawnCommand, WatchTiming } from './watch-links.ts';

/** The real {@link SpawnCommand}: a clean environment as for short programs, standard error dropped. */
export function createProcessSpawner(options: { readonly path?: string } = {}): SpawnCommand {
  const env = commandEnvironment(options.path);
  return (file, argv) => {
    const child = spawn(file, argv, { env, stdio: ['ignore', 'pipe', 'ignore'] });
    // Without a listener, a program that is not installed would end the agent.
    child.on('error', (error) => child.stdout.destroy(error));
    return { output: child.stdout, stop: () => void child.kill('SIGKILL') };
  };
}

/**
 * The real {@link OpenDialogue}. The program's input closes with the agent, however it ends, and so the program ends too
 * when it reads to the end.
 */
export function createDialogueOpener(options: { readonly path?: string } = {}): OpenDialogue {
  const env = commandEnvironment(options.path);
  return (file, argv) => {
    const child = spawn(file, argv, { env, stdio: ['pipe', 'pipe', 'ignore'] });
    child.on('error', (error) => child.stdout.destroy(error));
    // A program that ended is noticed by its output; a line that it no longer reads is no error of its own.
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8');
    return {
      pid: child.pid,
      output: child.stdout,
      say: (line) => void child.stdin.write(`${line}\n`),
      stop: () => void child.kill('SIGKILL'),
    };
  };
}

/** Real time and real chance. */
export const realTiming: WatchTiming = {
  delay: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
  random: Math.random,
};
