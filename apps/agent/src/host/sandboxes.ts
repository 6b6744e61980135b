import { dirname, join } from 'node:path';
import { messageOf } from '@trunkline/log';
import { formatIp, tryParseIp } from '@trunkline/netaddr';
import { createSlots } from '../lib/slots.ts';
import type { RunCommand } from './command.ts';
import { parseLinks } from './ip-json.ts';
import { ipv4In, ipv6In } from './proc-net.ts';
import { attempt, namespaceOf, processesIn, realFiles, type SandboxFiles } from './sandbox-files.ts';
import { namespacesOfStrays, type KnownContainers } from './strays.ts';

/** The network namespace of a container, as Docker keeps it: one or more containers are in it, or one that has just ended. */
export interface Sandbox {
  /** Where Docker has it mounted. */
  readonly file: string;
  /** Identifies it among all of this machine while it exists. */
  readonly inode: number;
  /** Docker does not have it, and a process is in it. */
  readonly stray?: true;
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
   * Looks for processes of containers that Docker does not know to be live. A Docker that is killed while it starts a container
   * takes it for stopped when it comes back: it removes the sandbox and lets the process run (moby, `daemon.restore`), also
   * when the container is removed. Such sandboxes are part of each look from then on, whatever Docker lists later, until no
   * process is in them. Reads every process: not for each look. The first look does it by itself.
   */
  readonly seekStrays: (containers: KnownContainers) => void;
  /**
   * The macvlan interface that has an address in a sandbox; null where it is of another kind (a bridge of the same range) or
   * has gone. Costs a program. What cannot be found out counts as there. Never fails.
   */
  readonly macvlanWith: (sandbox: Sandbox, ip: string) => Promise<SandboxInterface | null>;
}

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
const programsAtOnce = 4;

/**
 * Looks into the namespaces that are mounted in `folder`, which is `<exec root>/netns` of the Docker Engine. A namespace is
 * read through a process that is in it; which one is found by the namespace's inode and remembered.
 */
export function createSandboxes(folder: string, run: RunCommand, files: SandboxFiles = realFiles): Sandboxes {
  const slot = createSlots(programsAtOnce);
  let pids: ReadonlyMap<number, number> = new Map();
  /** Inodes of the sandboxes that Docker no longer has and that processes were in. */
  let strays: ReadonlySet<number> = new Set();
  let sought = false;

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

  /** A process of each namespace that has one. */
  function processOfEach(inodes: readonly number[]): ReadonlyMap<number, number> {
    const found = new Map<number, number>();
    for (const inode of inodes) {
      const pid = pids.get(inode);
      if (pid !== undefined && isIn(pid, inode)) found.set(inode, pid);
    }
    const missing = new Set(inodes.filter((inode) => !found.has(inode)));
    if (missing.size === 0) return found;
    for (const name of processesIn(files)) {
      if (missing.size === 0) break;
      const inode = namespaceOf(name, files);
      if (missing.delete(inode)) found.set(inode, Number(name));
    }
    return found;
  }

  /** The sandboxes of Docker, and those that it no longer has as long as a process is in them; each with a process. */
  function all(): { readonly sandboxes: readonly Sandbox[]; readonly pids: ReadonlyMap<number, number> } {
    const there = mounted() ?? [];
    const inodes = there.map(({ inode }) => inode);
    const left = [...strays].filter((inode) => !inodes.includes(inode));
    const found = processOfEach([...inodes, ...left]);
    strays = new Set(left.filter((inode) => found.has(inode)));
    const unlisted = [...strays].map((inode) => straySandbox(inode, found.get(inode)));
    return { sandboxes: [...there, ...unlisted], pids: found };
  }

  /** The sandbox by another process that is in it, where what it was found by is gone; null where nobody is. */
  function another({ inode }: Sandbox): { readonly sandbox: Sandbox; readonly pid: number } | null {
    const pid = processOfEach([inode]).get(inode);
    return pid === undefined ? null : { sandbox: straySandbox(inode, pid), pid };
  }

  function seek(containers: KnownContainers): void {
    sought = true;
    const there = new Set((attempt(mounted) ?? []).map(({ inode }) => inode));
    const unlisted = namespacesOfStrays(containers, dirname(folder), files).filter(
      (inode) => !there.has(inode),
    );
    strays = new Set([...strays, ...unlisted]);
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
      if (isThere(sandbox)) throw error;
      const other = another(sandbox);
      return other === null ? [] : await addressesOf(other.sandbox, other.pid);
    }
  }

  return {
    look: async () => {
      try {
        if (!sought) seek({ live: new Set(), others: new Set() });
        const found = all();
        const { sandboxes } = found;
        pids = found.pids;
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
    seekStrays: seek,
    macvlanWith: async (sandbox, ip) => {
      try {
        const at = isThere(sandbox) ? sandbox : (another(sandbox)?.sandbox ?? sandbox);
        const link = (await linksIn(at)).find(({ addresses }) =>
          addresses.some(({ address }) => canonical(address).includes(ip)),
        );
        return link?.kind === 'macvlan' ? { mac: link.mac } : null;
      } catch {
        return isThere(sandbox) || another(sandbox) !== null ? { mac: null } : null;
      }
    },
  };
}

function straySandbox(inode: number, pid: number | undefined): Sandbox {
  return { file: `/proc/${pid}/ns/net`, inode, stray: true };
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
