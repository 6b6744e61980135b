import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '@trunkline/log';
import { formatIp, tryParseIp } from '@trunkline/netaddr';
import { createSlots } from '../lib/slots.ts';
import type { RunCommand } from './command.ts';
import { parseLinks } from './ip-json.ts';
import { ipv4In, ipv6In } from './proc-net.ts';

/** The network namespace of a container, as Docker keeps it: one or more containers are in it, or one that has just ended. */
export interface Sandbox {
  /** Where Docker has it mounted. */
  readonly file: string;
  /** Identifies it among all of this machine while it exists. */
  readonly inode: number;
}

/** Which addresses the sandboxes of this host's Docker have. */
export type SandboxLook =
  | { readonly known: true; readonly having: ReadonlyMap<string, readonly Sandbox[]> }
  /** The addresses are not known: an absence proves nothing. */
  | { readonly known: false; readonly why: string };

/** An interface that a container has an address on. */
export interface SandboxInterface {
  readonly mac: string | null;
}

/**
 * The kernel inside the containers, asked without Docker: also while Docker is down, starts, or waits for us. Costs
 * milliseconds; a program only for a sandbox in which no process is left.
 */
export interface Sandboxes {
  /** The state at one moment within the call. Never fails: `known` is false where it could not be read. */
  readonly look: () => Promise<SandboxLook>;
  /**
   * Looks for processes of containers that Docker takes for stopped, by their ids. A Docker that is killed while it starts a
   * container does not know of it when it comes back: it removes the sandbox and lets the process run (moby, `daemon.restore`).
   * Such sandboxes are part of each look from then on, until their processes end. Reads every process: not for each look.
   */
  readonly seekStrays: (stopped: ReadonlySet<string>) => void;
  /**
   * The macvlan interface that has an address in a sandbox; null where it is of another kind (a bridge of the same range) or
   * has gone. Costs a program. What cannot be found out counts as there. Never fails.
   */
  readonly macvlanWith: (sandbox: Sandbox, ip: string) => Promise<SandboxInterface | null>;
}

/** Reads of /proc and of Docker's folder, at once: see `readText`. Each fails as the function of node:fs does. */
export interface SandboxFiles {
  readonly list: (folder: string) => readonly string[];
  readonly stat: (path: string) => { readonly dev: number; readonly ino: number };
  readonly link: (path: string) => string;
  readonly text: (path: string) => string;
}

const realFiles: SandboxFiles = {
  list: (folder) => readdirSync(folder),
  stat: (path) => statSync(path),
  link: (path) => readlinkSync(path),
  text: (path) => readFileSync(path, 'utf8'),
};

/** What a host without containers has; for tests and for agents that serve nobody. */
export const noSandboxes: Sandboxes = {
  look: () => Promise.resolve({ known: true, having: new Map() }),
  seekStrays: () => {},
  macvlanWith: () => Promise.resolve(null),
};

/** The host's own network, which Docker keeps for `--network host` (moby, libnetwork/osl). */
const hostsOwn = 'default';
/** Bound of one program, in milliseconds: Docker waits for the answer. */
const programMs = 2000;
/** Docker's id of a container: it is in the names of its cgroups (cgroups(7)), whatever manages them. */
const containerId = /[0-9a-f]{64}/g;
const programsAtOnce = 4;

/**
 * Looks into the namespaces that are mounted in `folder`, which is `<exec root>/netns` of the Docker Engine. A namespace is
 * read through a process that is in it; which one is found by the namespace's inode and remembered.
 */
export function createSandboxes(folder: string, run: RunCommand, files: SandboxFiles = realFiles): Sandboxes {
  const slot = createSlots(programsAtOnce);
  let pids: ReadonlyMap<number, number> = new Map();
  /** A process of each sandbox that Docker no longer has, by the inode of the sandbox. */
  let strays: ReadonlyMap<number, number> = new Map();

  /** Null where there is no such folder: Docker makes it with its first sandbox. */
  function mounted(): readonly Sandbox[] | null {
    const names = orNull(() => files.list(folder));
    if (names === null) return null;
    const { dev } = files.stat(folder);
    return names.flatMap((name) => {
      if (name === hostsOwn) return [];
      const file = join(folder, name);
      const found = attempt(() => files.stat(file));
      // A plain file is what is left of a namespace that was taken off.
      return found === undefined || found.dev === dev ? [] : [{ file, inode: found.ino }];
    });
  }

  function isIn(pid: number, inode: number): boolean {
    return attempt(() => files.link(`/proc/${pid}/ns/net`)) === `net:[${inode}]`;
  }

  const namespaceOf = (pid: string): number =>
    Number(/^net:\[(\d+)\]$/.exec(attempt(() => files.link(`/proc/${pid}/ns/net`)) ?? '')?.[1]);

  /** With those that Docker no longer has, as long as a process is in them. */
  function all(): readonly Sandbox[] {
    const there = mounted() ?? [];
    const left = [...strays].filter(
      ([inode, pid]) => isIn(pid, inode) && !there.some((one) => one.inode === inode),
    );
    return [...there, ...left.map(([inode, pid]) => ({ file: `/proc/${pid}/ns/net`, inode }))];
  }

  /** A process of each namespace that has one. */
  function processesIn(sandboxes: readonly Sandbox[]): ReadonlyMap<number, number> {
    const found = new Map<number, number>();
    for (const { inode } of sandboxes) {
      const pid = pids.get(inode);
      if (pid !== undefined && isIn(pid, inode)) found.set(inode, pid);
    }
    const missing = new Set(sandboxes.map(({ inode }) => inode).filter((inode) => !found.has(inode)));
    if (missing.size === 0) return found;
    for (const name of files.list('/proc')) {
      if (missing.size === 0) break;
      if (!/^\d+$/.test(name)) continue;
      const inode = namespaceOf(name);
      if (missing.delete(inode)) found.set(inode, Number(name));
    }
    return found;
  }

  /** Undefined where the process ended meanwhile. */
  function readThrough(pid: number, { inode }: Sandbox): readonly string[] | undefined {
    const fibTrie = attempt(() => files.text(`/proc/${pid}/net/fib_trie`));
    if (fibTrie === undefined) return undefined;
    // Not there in a kernel without IPv6.
    const ifInet6 = attempt(() => files.text(`/proc/${pid}/net/if_inet6`)) ?? '';
    // The number may have become another process's.
    return isIn(pid, inode) ? [...ipv4In(fibTrie), ...ipv6In(ifInet6)] : undefined;
  }

  function linksIn({ file }: Sandbox): Promise<ReturnType<typeof parseLinks>> {
    return slot(async () => {
      const argv = [`--net=${file}`, '--', 'ip', '-json', '-details', 'address', 'show'];
      return parseLinks((await run('nsenter', argv, { timeoutMs: programMs })).stdout);
    });
  }

  function isThere({ file, inode }: Sandbox): boolean {
    return attempt(() => files.stat(file))?.ino === inode;
  }

  async function addressesOf(sandbox: Sandbox, pid: number | undefined): Promise<readonly string[]> {
    const read = pid === undefined ? undefined : readThrough(pid, sandbox);
    if (read !== undefined) return read;
    try {
      return (await linksIn(sandbox)).flatMap(({ addresses }) =>
        addresses.filter(({ scope }) => scope === 'global').flatMap(({ address }) => canonical(address)),
      );
    } catch (error) {
      if (!isThere(sandbox)) return [];
      throw error;
    }
  }

  return {
    look: async () => {
      try {
        const sandboxes = all();
        pids = processesIn(sandboxes);
        const having = new Map<string, Sandbox[]>();
        await Promise.all(
          sandboxes.map(async (sandbox) => {
            for (const ip of await addressesOf(sandbox, pids.get(sandbox.inode))) {
              having.set(ip, [...(having.get(ip) ?? []), sandbox]);
            }
          }),
        );
        return { known: true, having };
      } catch (error) {
        const why = messageOf(error);
        return { known: false, why: `the networks of containers in ${folder} cannot be read: ${why}` };
      }
    },
    seekStrays: (stopped) => {
      const found = new Map<number, number>();
      const own = namespaceOf('self');
      for (const name of stopped.size === 0 ? [] : (attempt(() => files.list('/proc')) ?? [])) {
        if (!/^\d+$/.test(name)) continue;
        const cgroup = attempt(() => files.text(`/proc/${name}/cgroup`)) ?? '';
        if (!(cgroup.match(containerId) ?? []).some((id) => stopped.has(id))) continue;
        const inode = namespaceOf(name);
        if (!Number.isNaN(inode) && inode !== own) found.set(inode, Number(name));
      }
      strays = found;
    },
    macvlanWith: async (sandbox, ip) => {
      try {
        const link = (await linksIn(sandbox)).find(({ addresses }) =>
          addresses.some(({ address }) => canonical(address).includes(ip)),
        );
        return link?.kind === 'macvlan' ? { mac: link.mac } : null;
      } catch {
        return isThere(sandbox) ? { mac: null } : null;
      }
    },
  };
}

/** Any error reads as "gone": containers end while they are looked at. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function canonical(text: string): string[] {
  const ip = tryParseIp(text);
  return ip === undefined ? [] : [formatIp(ip)];
}
