import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** Reads of /proc and of Docker's folder, at once: see `readText`. Each fails as the function of node:fs does. */
export interface SandboxFiles {
  readonly list: (folder: string) => readonly string[];
  readonly stat: (path: string) => { readonly dev: number; readonly ino: number };
  readonly link: (path: string) => string;
  readonly text: (path: string) => string;
}

/** Those of this machine. */
export const realFiles: SandboxFiles = {
  list: (folder) => readdirSync(folder),
  stat: (path) => statSync(path),
  link: (path) => readlinkSync(path),
  text: (path) => readFileSync(path, 'utf8'),
};

/** Names of all processes in /proc. */
export function processesIn(files: SandboxFiles): readonly string[] {
  return files.list('/proc').filter((name) => /^\d+$/.test(name));
}

/** Inode of the network namespace that a process is in; NaN where it ended. */
export function namespaceOf(pid: string, files: SandboxFiles): number {
  return Number(/^net:\[(\d+)\]$/.exec(attempt(() => files.link(`/proc/${pid}/ns/net`)) ?? '')?.[1]);
}

/** Any error reads as "gone": containers end while they are looked at. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
