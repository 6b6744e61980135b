import { CommandFailed, type RunCommand } from './command.ts';
import { assertInterfaceName } from './interface-name.ts';

/** A kernel module that the agent's work needs. */
export type KernelModule = 'macvlan' | '8021q';

/** `ready`: loaded or built in. `loadable`: modprobe(8) would find it. */
export type ModuleState = 'ready' | 'loadable' | 'missing';

/** What the kernel of the host has and does, as of one look. */
export interface KernelState {
  /** As `uname -r` prints it. */
  readonly release: string;
  readonly modules: Readonly<Record<KernelModule, ModuleState>>;
  /** Whether the host routes. */
  readonly forwarding: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** The host's own IPv4 routes of the main table, without default routes. */
  readonly routes: readonly HostRoute[];
  /** The links of the host's default routes in the main table: IPv4 before IPv6, the lowest metric first. */
  readonly defaultRoutes: readonly string[];
}

/** One route of the host. */
export interface HostRoute {
  readonly cidr: string;
  readonly link: string;
}

/** The kernel of one host. Every change is idempotent. */
export interface Kernel {
  /** Never fails: what cannot be read counts as not so. */
  observe(): Promise<KernelState>;
  /** Loads a module; fails with `CommandFailed` where the kernel has none. Fine when it is there. */
  loadModule(module: KernelModule): Promise<void>;
  /** Turns IPv4 forwarding on. There is no way to turn it off: others may rely on it. */
  enableForwarding(): Promise<void>;
  /**
   * Makes a shim take no address by itself, and drop what comes in by it and not from one of its routes (`rp_filter`): it gets each
   * broadcast of the wire that its parent gets. Fails as writing a file does. Nothing but this link is changed.
   */
  settleShim(name: string): Promise<void>;
}

/** What a kernel is looked at and changed with. */
export interface KernelDeps {
  readonly run: RunCommand;
  /** Reads a text file; fails where it cannot. */
  readonly readFile: (path: string) => Promise<string>;
  readonly writeFile: (path: string, text: string) => Promise<void>;
  readonly release: () => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const forwardingFile = {
  ipv4: '/proc/sys/net/ipv4/ip_forward',
  ipv6: '/proc/sys/net/ipv6/conf/all/forwarding',
};
/** IPv6 on a shim: routes work, and it has no address, not even a link-local one (kernel ip-sysctl, `addr_gen_mode` 1). */
const shimIpv6 = { addr_gen_mode: 1, accept_ra: 0, autoconf: 0, disable_ipv6: 0 };
/** A function that only this part of the kernel has (drivers/net/macvlan.c, net/8021q/vlan.c), for one that is built in. */
const symbol: Record<KernelModule, string> = {
  macvlan: 'macvlan_common_setup',
  '8021q': 'register_vlan_dev',
};
const modules: readonly KernelModule[] = ['macvlan', '8021q'];
/** A module that is not there is looked for again after this time: somebody may have installed it. */
const missingForMs = 60_000;

/** The real kernel, over `/proc` and modprobe(8). A module that is ready counts as ready for good. */
export function createKernel(deps: KernelDeps): Kernel {
  const ready = new Set<KernelModule>();
  const missingSince = new Map<KernelModule, number>();
  let builtInModules: Promise<ReadonlySet<KernelModule>> | null = null;

  async function look(module: KernelModule): Promise<ModuleState> {
    if (ready.has(module)) return 'ready';
    if ((await isLoaded(module)) || (await builtIn()).has(module)) {
      ready.add(module);
      return 'ready';
    }
    const since = missingSince.get(module);
    if (since !== undefined && deps.now() - since < missingForMs) return 'missing';
    if (await isLoadable(module)) return 'loadable';
    missingSince.set(module, deps.now());
    return 'missing';
  }

  async function isLoadable(module: KernelModule): Promise<boolean> {
    try {
      await deps.run('modprobe', ['--dry-run', '--quiet', module]);
      return true;
    } catch (error) {
      if (error instanceof CommandFailed) return false;
      throw error;
    }
  }

  async function isLoaded(module: KernelModule): Promise<boolean> {
    const loaded = await deps.readFile('/proc/modules').catch(() => '');
    return loaded.split('\n').some((line) => line.startsWith(`${module} `));
  }

  /** Found once: the table of symbols has megabytes, and what is built in never changes. */
  function builtIn(): Promise<ReadonlySet<KernelModule>> {
    return (builtInModules ??= deps
      .readFile('/proc/kallsyms')
      .catch(() => '')
      .then((symbols) => new Set(modules.filter((one) => symbols.includes(` ${symbol[one]}\n`)))));
  }

  return {
    async observe() {
      const flag = async (family: keyof typeof forwardingFile): Promise<boolean> =>
        (await deps.readFile(forwardingFile[family]).catch(() => '0')).trim() === '1';
      const [macvlan, vlan, ipv4, ipv6, routes, routes6] = await Promise.all([
        look('macvlan'),
        look('8021q'),
        flag('ipv4'),
        flag('ipv6'),
        deps.readFile('/proc/net/route').catch(() => ''),
        deps.readFile('/proc/net/ipv6_route').catch(() => ''),
      ]);
      return {
        release: deps.release(),
        modules: { macvlan, '8021q': vlan },
        forwarding: { ipv4, ipv6 },
        routes: parseRoutes(routes),
        defaultRoutes: [...parseDefaultRoutes(routes), ...parseDefaultRoutes6(routes6)],
      };
    },
    async loadModule(module) {
      await deps.run('modprobe', [module]);
      missingSince.delete(module);
    },
    async settleShim(name) {
      assertInterfaceName(name);
      await deps.writeFile(`/proc/sys/net/ipv4/conf/${name}/rp_filter`, '1\n');
      const ipv6 = `/proc/sys/net/ipv6/conf/${name}`;
      const hasIpv6 = await deps.readFile(`${ipv6}/addr_gen_mode`).then(
        () => true,
        () => false,
      );
      if (!hasIpv6) return;
      for (const [setting, value] of Object.entries(shimIpv6)) {
        await deps.writeFile(`${ipv6}/${setting}`, `${value}\n`);
      }
    },
    async enableForwarding() {
      await deps.writeFile(forwardingFile.ipv4, '1\n');
    },
  };
}

/**
 * Reads `/proc/net/route` (net/ipv4/fib_trie.c, fib_route_seq_show): addresses as hexadecimal words in the byte order of
 * the machine, which is little-endian on all that Docker runs on.
 */
export function parseRoutes(text: string): readonly HostRoute[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [link, destination, , , , , , mask] = line.trim().split(/\s+/);
      if (link === undefined || destination === undefined || mask === undefined) return [];
      const prefix = prefixLength(mask);
      if (prefix === null || prefix === 0) return [];
      const bytes = destination.match(/../g)?.toReversed();
      if (bytes?.length !== 4) return [];
      return [{ cidr: `${bytes.map((byte) => Number.parseInt(byte, 16)).join('.')}/${prefix}`, link }];
    });
}

/** The links of the default routes in `/proc/net/route`, the lowest metric first; those that refuse left out. */
export function parseDefaultRoutes(text: string): readonly string[] {
  const found = text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [link, destination, , flags, , , metric, mask] = line.trim().split(/\s+/);
      if (link === undefined || destination !== '00000000' || mask !== '00000000') return [];
      return isRejected(flags) ? [] : [{ link, metric: Number(metric) }];
    });
  return byMetric(found);
}

/** The same of `/proc/net/ipv6_route` (net/ipv6/route.c, rt6_info_route), which has no headline. */
export function parseDefaultRoutes6(text: string): readonly string[] {
  const found = text.split('\n').flatMap((line) => {
    const [destination, prefix, , , , metric, , , flags, link] = line.trim().split(/\s+/);
    if (link === undefined || prefix !== '00' || !/^0{32}$/.test(destination ?? '')) return [];
    return isRejected(flags) ? [] : [{ link, metric: Number.parseInt(metric ?? '', 16) }];
  });
  return byMetric(found);
}

/** RTF_REJECT of linux/route.h: what an unreachable, blackhole or prohibit route has. */
function isRejected(flags: string | undefined): boolean {
  return (Number.parseInt(flags ?? '', 16) & 0x200) !== 0;
}

function byMetric(routes: readonly { readonly link: string; readonly metric: number }[]): readonly string[] {
  return [...new Set(routes.toSorted((a, b) => a.metric - b.metric).map(({ link }) => link))];
}

function prefixLength(mask: string): number | null {
  const word = Number.parseInt(mask, 16);
  if (!/^[0-9A-F]{8}$/i.test(mask) || Number.isNaN(word)) return null;
  return word.toString(2).replaceAll('0', '').length;
}

/**
 * Whether a kernel of this release can do macvlan: 3.9 and later (Docker's own requirement; scenario S4). True for one
 * whose release is not readable.
 */
export function isKernelNewEnough(release: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  if (major === undefined || minor === undefined) return true;
  return Number(major) > 3 || (Number(major) === 3 && Number(minor) >= 9);
}
