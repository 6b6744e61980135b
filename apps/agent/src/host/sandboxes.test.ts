/** The kernel inside the containers, read from a /proc and a folder of namespaces in memory. */
import { describe, expect, test } from 'vitest';
import { CommandFailed, type RunCommand } from './command.ts';
import type { SandboxFiles } from './sandbox-files.ts';
import { createSandboxes, type Sandboxes } from './sandboxes.ts';

const folder = '/var/run/docker/netns';
const folderDev = 20;
const namespaceDev = 4;
/** The namespace of the host, which the agent is in. */
const ownInode = 400;

const fibTrie = (...ips: string[]): string =>
  [
    'Main:',
    '  +-- 0.0.0.0/0 3 0 5',
    '     |-- 0.0.0.0',
    '        /0 universe UNICAST',
    'Local:',
    '  +-- 0.0.0.0/0 2 0 2',
    '        |-- 127.0.0.1',
    '           /32 host LOCAL',
    ...ips.flatMap((ip) => [`           |-- ${ip}`, '              /32 host LOCAL']),
    '           |-- 172.16.100.255',
    '              /32 link BROADCAST',
  ].join('\n');
const ifInet6 =
  '00000000000000000000000000000001 01 80 10 80       lo\n' +
  'fd000000000000000000000000000008 0c 40 00 80     eth0\n' +
  'fe80000000000000004200fffeac1064 0c 40 20 80     eth0\n';

/** As `ip -json -details address show` tells a macvlan, or a link of another kind. */
const linksOf = (ip: string, kind: string): string =>
  JSON.stringify([
    {
      ifindex: 12,
      ifname: 'eth0',
      flags: ['UP', 'LOWER_UP'],
      mtu: 1500,
      operstate: 'UP',
      link_type: 'ether',
      address: '02:42:AC:10:64:08',
      linkinfo: { info_kind: kind },
      addr_info: [{ family: 'inet', local: ip, prefixlen: 24, scope: 'global' }],
    },
  ]);

interface Machine {
  /** Inodes of the namespaces by their names in Docker's folder; null: a plain file. */
  readonly mounts: Record<string, number | null>;
  /** The namespace of each process, and what it says of its addresses. */
  readonly processes: Record<
    number,
    {
      readonly inode: number;
      readonly ips?: string[];
      readonly ipv6?: string;
      readonly cgroup?: string;
      readonly argv?: readonly string[];
    }
  >;
  /** Inodes of folders as processes see them, by the whole path. */
  readonly folders?: Record<string, number>;
  /** What `nsenter` answers for a namespace. */
  readonly programs?: Record<string, string>;
}

const missing = (path: string): Error => Object.assign(new Error(`ENOENT ${path}`), { code: 'ENOENT' });

function machine({ mounts, processes, programs = {}, folders = {} }: Machine) {
  const reads: string[] = [];
  const files: SandboxFiles = {
    list: (path) => {
      reads.push(path);
      return path === '/proc' ? ['self', 'net', ...Object.keys(processes)] : Object.keys(mounts);
    },
    stat: (path) => {
      if (path === folder) return { dev: folderDev, ino: 1 };
      if (folders[path] !== undefined) return { dev: folderDev, ino: folders[path] };
      if (path.endsWith('/ns/net')) {
        const inode = processes[Number(path.split('/')[2])]?.inode;
        if (inode === undefined) throw missing(path);
        return { dev: namespaceDev, ino: inode };
      }
      const inode = mounts[path.slice(folder.length + 1)];
      if (inode === undefined) throw missing(path);
      return inode === null ? { dev: folderDev, ino: 7 } : { dev: namespaceDev, ino: inode };
    },
    link: (path) => {
      const inode = path.startsWith('/proc/self/') ? ownInode : processes[Number(path.split('/')[2])]?.inode;
      if (inode === undefined) throw missing(path);
      return `net:[${inode}]`;
    },
    text: (path) => {
      reads.push(path);
      const process = processes[Number(path.split('/')[2])];
      if (path.endsWith('/cgroup')) return process?.cgroup ?? '0::/init.scope\n';
      if (path.endsWith('/cmdline')) return (process?.argv ?? ['sleep', '1000']).join('\0');
      if (process?.ips === undefined) throw missing(path);
      if (path.endsWith('fib_trie')) return fibTrie(...process.ips);
      if (process.ipv6 === undefined) throw missing(path);
      return process.ipv6;
    },
  };
  const ran: string[] = [];
  const run: RunCommand = async (file, argv) => {
    ran.push([file, ...argv].join(' '));
    const stdout = programs[argv[0]?.split('/').at(-1) ?? ''] ?? programs[argv[0] ?? ''];
    if (stdout !== undefined) return { stdout, stderr: '', code: 0 };
    throw new CommandFailed({
      kind: 'exit',
      argv: [file, ...argv],
      code: 1,
      reason: 'exit code 1',
      stdout: '',
      stderr: '',
    });
  };
  return { sandboxes: createSandboxes(folder, run, files), ran, reads };
}

async function addressesOf(one: Machine) {
  const { sandboxes, ran } = machine(one);
  const look = await sandboxes.look();
  return { addresses: look.known ? [...look.having.keys()] : look.why, ran };
}

test('addresses are read through a process of each namespace, without a program', async () => {
  const { addresses, ran } = await addressesOf({
    mounts: { '1a2b': 401, default: 400 },
    processes: {
      1: { inode: 400, ips: ['10.0.0.1'] },
      77: { inode: 401, ips: ['172.16.100.8'], ipv6: ifInet6 },
    },
  });
  expect(addresses).toEqual(['172.16.100.8', 'fd00::8']);
  expect(ran).toEqual([]);
});

test.each<[string, Machine, string[]]>([
  [
    'of other Dockers of this machine count for nothing',
    { mounts: {}, processes: { 77: { inode: 401, ips: ['172.16.100.8'] } } },
    [],
  ],
  ['in a namespace that was taken off count for nothing', { mounts: { '1a2b': null }, processes: {} }, []],
  [
    'of a kernel without IPv6',
    { mounts: { '1a2b': 401 }, processes: { 77: { inode: 401, ips: ['172.16.100.8'] } } },
    ['172.16.100.8'],
  ],
])('addresses %s', async (_, one, expected) => {
  expect((await addressesOf(one)).addresses).toEqual(expected);
});

test('a namespace without a process, or with one that went, is asked with a program', async () => {
  const programs = { '1a2b': linksOf('172.16.100.8', 'macvlan') };
  for (const processes of [{}, { 77: { inode: 401 } }]) {
    const { addresses, ran } = await addressesOf({ mounts: { '1a2b': 401 }, processes, programs });
    expect(addresses).toEqual(['172.16.100.8']);
    expect(ran).toEqual([`nsenter --net=${folder}/1a2b -- ip -json -details address show`]);
  }
});

test('what cannot be read is not taken for free', async () => {
  const { addresses } = await addressesOf({ mounts: { '1a2b': 401 }, processes: {} });
  expect(addresses).toContain('cannot be read');
});

const notCalled: RunCommand = () => Promise.reject(new Error('not called'));

test('a Docker that has not made a namespace yet has no addresses', async () => {
  const noFolder: SandboxFiles = {
    list: () => {
      throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    },
    stat: () => ({ dev: 0, ino: 0 }),
    link: () => '',
    text: () => '',
  };
  expect(await createSandboxes(folder, notCalled, noFolder).look()).toEqual({
    known: true,
    having: new Map(),
  });
});

test('the process of a namespace is looked for once', async () => {
  const { sandboxes, reads } = machine({
    mounts: { '1a2b': 401 },
    processes: { 77: { inode: 401, ips: ['172.16.100.8'] } },
  });
  await sandboxes.look();
  const before = reads.length;
  await sandboxes.look();
  expect(reads.slice(before)).toContain('/proc/77/net/fib_trie');
  expect(reads.slice(before)).not.toContain('/proc');
});

test.each([
  ['a macvlan', linksOf('172.16.100.8', 'macvlan'), { mac: '02:42:ac:10:64:08' }],
  ['a bridge of the same range', linksOf('172.16.100.8', 'veth'), null],
  ['one that has another address by now', linksOf('172.16.100.9', 'macvlan'), null],
])('who has an address: %s', async (_, said, expected) => {
  const { sandboxes } = machine({ mounts: { '1a2b': 401 }, processes: {}, programs: { '1a2b': said } });
  expect(await sandboxes.macvlanWith({ file: `${folder}/1a2b`, inode: 401 }, '172.16.100.8')).toEqual(
    expected,
  );
});

test('what nobody can tell of a namespace counts as there, until the namespace is gone', async () => {
  const { sandboxes } = machine({ mounts: { '1a2b': 401 }, processes: {} });
  const there = { file: `${folder}/1a2b`, inode: 401 };
  expect(await sandboxes.macvlanWith(there, '172.16.100.8')).toEqual({ mac: null });
  expect(await sandboxes.macvlanWith({ ...there, inode: 402 }, '172.16.100.8')).toBeNull();
});

/** The addresses that a look shows. */
async function shown(sandboxes: Pick<Sandboxes, 'look'>): Promise<string[]> {
  const look = await sandboxes.look();
  return look.known ? [...look.having.keys()] : [look.why];
}

describe('a container that runs and that Docker does not know to be live', () => {
  const lost = 'c0ffee'.padEnd(64, '0');
  const address = '172.16.100.8';
  const stray = { inode: 401, ips: [address], cgroup: `0::/system.slice/docker-${lost}.scope\n` };
  const none: ReadonlySet<string> = new Set();

  /** What looks show after Docker was asked which containers it has. */
  async function after(one: Machine, others: readonly string[], live: readonly string[] = []) {
    const { sandboxes } = machine(one);
    sandboxes.seekStrays({ live: new Set(live), others: new Set(others) });
    return await shown(sandboxes);
  }

  test('has its address, although its sandbox is no longer mounted', async () => {
    expect(await after({ mounts: {}, processes: { 77: stray } }, [lost])).toEqual([address]);
  });

  test('is none that another Docker has, none that Docker knows, and none in the network of the host', async () => {
    const one = { mounts: {}, processes: { 77: stray } };
    expect(await after(one, ['f'.repeat(64)])).toEqual([]);
    expect(await after(one, [])).toEqual([]);
    expect(await after(one, [lost], [lost])).toEqual([]);
    const inHost = { ...stray, inode: ownInode };
    expect(await after({ mounts: {}, processes: { 77: inHost } }, [lost])).toEqual([]);
  });

  test('has it until no process is in its sandbox, whatever Docker lists later', async () => {
    const processes: Record<number, Machine['processes'][number]> = { 77: stray };
    const { sandboxes } = machine({
      mounts: {},
      processes,
      programs: { '--net=/proc/88/ns/net': linksOf(address, 'macvlan') },
    });
    sandboxes.seekStrays({ live: none, others: new Set([lost]) });
    // Removed: Docker lists it no more.
    sandboxes.seekStrays({ live: none, others: none });
    expect(await shown(sandboxes)).toEqual([address]);
    const before = { file: '/proc/77/ns/net', inode: 401 };
    delete processes[77];
    processes[88] = { inode: 401, ips: [address] };
    expect(await sandboxes.macvlanWith(before, address)).toEqual({ mac: '02:42:ac:10:64:08' });
    expect(await shown(sandboxes)).toEqual([address]);
    delete processes[88];
    expect(await shown(sandboxes)).toEqual([]);
    // The number of the namespace may be another one's by now.
    processes[99] = { inode: 401, ips: [address] };
    expect(await shown(sandboxes)).toEqual([]);
  });

  const shim = (socket: string, namespace = 'moby') => ({
    inode: ownInode,
    argv: ['/usr/bin/containerd-shim-runc-v2', '-namespace', namespace, '-id', lost, '-address', socket],
  });

  test.each<[string, Pick<Machine, 'folders'> & { readonly shim: ReturnType<typeof shim> }, string[]]>([
    [
      'by the containerd that Docker started',
      {
        shim: shim('/var/run/docker/containerd/containerd.sock'),
        folders: { '/var/run/docker/containerd': 9, '/proc/70/root/var/run/docker/containerd': 9 },
      },
      [address],
    ],
    [
      'by the containerd of the machine',
      {
        shim: shim('/run/containerd/containerd.sock'),
        folders: { '/run/containerd': 9, '/proc/70/root/run/containerd': 9 },
      },
      [address],
    ],
    [
      'by that of another Docker, which has its files elsewhere',
      {
        shim: shim('/var/run/docker/containerd/containerd.sock'),
        folders: { '/var/run/docker/containerd': 9, '/proc/70/root/var/run/docker/containerd': 10 },
      },
      [],
    ],
    [
      'by Kubernetes',
      {
        shim: shim('/run/containerd/containerd.sock', 'k8s.io'),
        folders: { '/run/containerd': 9, '/proc/70/root/run/containerd': 9 },
      },
      [],
    ],
  ])('is found by an agent that never heard of it, where it was started %s', async (_, one, expected) => {
    const { folders = {} } = one;
    const { sandboxes } = machine({ mounts: {}, processes: { 70: one.shim, 77: stray }, folders });
    expect(await shown(sandboxes)).toEqual(expected);
  });
});
