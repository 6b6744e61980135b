import type { RunCommand } from './command.ts';
import { inContainerNetwork } from './namespace.ts';

/** A default route in a container's network namespace, as the kernel has it. */
export interface ContainerRoute {
  readonly family: 4 | 6;
  /** In canonical form for IPv4, in full (eight groups) for IPv6: compare with `parseIp`. */
  readonly gateway: string;
  /** Name of the interface inside. */
  readonly link: string;
}

/**
 * The default routes in the network namespace of a process, the best of each family, from `/proc/<pid>/net/route` and
 * `ipv6_route` (net/ipv4/fib_trie.c, net/ipv6/route.c): small files, where entering the namespace would cost a program.
 * Null when the process is gone.
 */
export async function containerRoutes(
  pid: number,
  readFile: (path: string) => Promise<string>,
): Promise<readonly ContainerRoute[] | null> {
  const [ipv4, ipv6] = await Promise.all([
    readFile(`/proc/${pid}/net/route`).catch(() => null),
    readFile(`/proc/${pid}/net/ipv6_route`).catch(() => ''),
  ]);
  if (ipv4 === null) return null;
  return [...bestOf(readIpv4(ipv4)), ...bestOf(readIpv6(ipv6))];
}

/**
 * Every IPv4 gateway in the network namespace of a process, of default and of other routes, in canonical form. Null when the process
 * is gone.
 */
export async function containerGateways(
  pid: number,
  readFile: (path: string) => Promise<string>,
): Promise<readonly string[] | null> {
  const text = await readFile(`/proc/${pid}/net/route`).catch(() => null);
  if (text === null) return null;
  const found = text
    .split('\n')
    .slice(1)
    .flatMap((line) => gatewayOf(line.trim().split(/\s+/)[2]) ?? []);
  return [...new Set(found)];
}

type Found = ContainerRoute & { readonly metric: number };

function bestOf(routes: readonly Found[]): readonly ContainerRoute[] {
  const [best] = routes.toSorted((a, b) => a.metric - b.metric);
  return best === undefined ? [] : [{ family: best.family, gateway: best.gateway, link: best.link }];
}

/** Addresses are hexadecimal words in the byte order of the machine, little-endian on all that Docker runs on. */
function readIpv4(text: string): readonly Found[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [link, destination, gateway, , , , metric, mask] = line.trim().split(/\s+/);
      if (link === undefined || destination !== '00000000' || mask !== '00000000') return [];
      const address = gatewayOf(gateway);
      if (address === null) return [];
      return [{ family: 4 as const, gateway: address, link, metric: Number(metric) }];
    });
}

/** Null for a route without a gateway. */
function gatewayOf(hex: string | undefined): string | null {
  const bytes = hex?.match(/../g)?.toReversed();
  if (bytes?.length !== 4 || hex === '00000000') return null;
  return bytes.map((byte) => Number.parseInt(byte, 16)).join('.');
}

function readIpv6(text: string): readonly Found[] {
  return text.split('\n').flatMap((line) => {
    const [destination, prefix, , , gateway, metric, , , , link] = line.trim().split(/\s+/);
    if (link === undefined || prefix !== '00' || !isZero(destination) || isZero(gateway)) return [];
    const groups = gateway?.match(/.{4}/g);
    if (groups?.length !== 8) return [];
    const written = Number.parseInt(metric ?? '', 16);
    return [{ family: 6 as const, gateway: groups.join(':'), link, metric: written }];
  });
}

function isZero(hex: string | undefined): boolean {
  return hex !== undefined && /^0{32}$/.test(hex);
}

/**
 * Makes `gateway` the default route in the network namespace of a process, in place of the one that Docker made. The kernel
 * finds the interface by the gateway. Fails as `run` does, also when the process is gone.
 */
export async function setDefaultRoute(
  run: RunCommand,
  pid: number,
  family: 4 | 6,
  gateway: string,
): Promise<void> {
  const argv = [`-${family}`, 'route', 'replace', 'default', 'via', gateway];
  await inContainerNetwork(run, pid)('ip', argv);
}

/** Takes a default route away there. Fails as `run` does, also when there is none. */
export async function removeDefaultRoute(
  run: RunCommand,
  pid: number,
  { family, gateway, link }: ContainerRoute,
): Promise<void> {
  const argv = [`-${family}`, 'route', 'del', 'default', 'via', gateway, 'dev', link];
  await inContainerNetwork(run, pid)('ip', argv);
}
