import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import type { Lab } from '@trunkline/lab/hosts/lab.ts';
import { NETNS_DIRECTORY } from '@trunkline/lab/hosts/machine-marks.ts';
import { hostNames, labNames, STATE_ROOT } from '@trunkline/lab/hosts/names.ts';
import { namespaceOfFile } from '@trunkline/lab/hosts/processes.ts';
import type { Live } from './observation.ts';
import { addressesIn, interfacesIn } from './proc-net.ts';

/** A container with a live process, as the kernel knows it. */
export interface LiveContainer {
  readonly host: string;
  readonly container: string;
  /** A process of it, on this machine. */
  readonly pid: number;
}

/** The containers of a lab as the kernel has them, without Docker and without the product. */
export interface KernelView {
  containers(): readonly LiveContainer[];
  /** Addresses that containers held at one moment, which lies within the call. */
  live(): readonly Live[];
  /** Its name, which Docker wrote to the disk of its host when it made it; the id when that is gone. */
  nameOf(container: string): string;
}

/** Any error reads as "gone": containers end while they are looked at. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Where cgroups are: the root of version 2, or one hierarchy of version 1 that Docker puts every container into. */
function hierarchy(): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const pids = mounts.find(
    ([, , type, options]) => type === 'cgroup' && options?.split(',').includes('pids'),
  );
  const root = pids ?? mounts.find(([, , type]) => type === 'cgroup2');
  const found = root?.[1];
  if (found === undefined)
    throw new Error('no cgroups are mounted: containers cannot be distinguished from their hosts');
  return found;
}

const networkOf = (pid: number): string | undefined =>
  attempt(() => readlinkSync(`/proc/${String(pid)}/ns/net`));

function addressesOf({ host, container, pid }: LiveContainer): readonly Live[] {
  const network = networkOf(pid);
  const read = (file: string): string => readFileSync(`/proc/${String(pid)}/net/${file}`, 'utf8');
  const igmp = attempt(() => read('igmp'));
  const trie = attempt(() => read('fib_trie'));
  // The number may have become another process's meanwhile.
  if (network === undefined || igmp === undefined || trie === undefined || networkOf(pid) !== network)
    return [];
  const sandbox = [network, ...interfacesIn(igmp)].join('/');
  return addressesIn(trie).map((ip) => ({ host, container, sandbox, ip }));
}

/** Reads cgroups and /proc, on the machine that runs the lab. */
export function kernelView(lab: Pick<Lab, 'name' | 'id' | 'hosts'>): KernelView {
  const names = labNames(STATE_ROOT, lab.name, lab.id);
  const root = hierarchy();
  const hosts = lab.hosts.map(({ name, netns }, index) => {
    const { cgroup, diskDirectory } = hostNames(names, index + 1);
    return {
      name,
      netns: path.join(NETNS_DIRECTORY, netns),
      folder: path.join(root, cgroup),
      records: path.join(diskDirectory, 'var/lib/docker/containers'),
    };
  });
  const known = new Map<string, string>();
  const own = networkOf(process.pid);

  function containers(): readonly LiveContainer[] {
    return hosts.flatMap(({ name: host, folder }) =>
      (attempt(() => readdirSync(folder, { withFileTypes: true })) ?? [])
        .filter((entry) => entry.isDirectory())
        .flatMap(({ name: container }) => {
          const procs = attempt(() => readFileSync(path.join(folder, container, 'cgroup.procs'), 'utf8'));
          const pid = Number.parseInt(procs ?? '', 10);
          return pid > 0 ? [{ host, container, pid }] : [];
        }),
    );
  }

  function readName(container: string): string | undefined {
    for (const { records } of hosts) {
      const record = attempt(
        () =>
          JSON.parse(readFileSync(path.join(records, container, 'config.v2.json'), 'utf8')) as {
            Name: string;
          },
      );
      if (record !== undefined) return record.Name.replace(/^\//, '');
    }
    return undefined;
  }

  return {
    containers,
    nameOf(container) {
      const name = known.get(container) ?? readName(container);
      if (name !== undefined) known.set(container, name);
      return name ?? container;
    },
    live() {
      // A container that is being made is still in the network of its host.
      const elsewhere = new Set([own, ...hosts.map(({ netns }) => namespaceOfFile(netns))]);
      const look = (): Map<string, Live> =>
        new Map(
          containers()
            .filter(({ pid }) => !elsewhere.has(networkOf(pid)))
            .flatMap(addressesOf)
            .map((one) => [JSON.stringify(one), one]),
        );
      // Who has an address in two rounds had it between them: all of them at that one moment.
      const first = look();
      return [...look()].flatMap(([key, one]) => (first.has(key) ? [one] : []));
    },
  };
}
