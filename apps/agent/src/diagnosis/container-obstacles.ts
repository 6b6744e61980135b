import type { HostFinding } from '@trunkline/contracts';
import { cidrContains, parseCidr, tryParseIp, type Ip } from '@trunkline/netaddr';
import { inContainerNetwork } from '../host/namespace.ts';
import type { Scene } from './scene.ts';

/** What somebody set inside a container that keeps packets from an address. */
export interface Obstacles {
  /** Routes, rules and IPsec policies that concern the address, each as its program shows it. */
  readonly blocks: readonly string[];
  /** The fixed neighbour entry of the address, or of the gateway to it; null: none. */
  readonly fixed: { readonly ip: string; readonly mac: string; readonly link: string } | null;
}

/** What keeps packets of a container from an address. `way`: as the kernel has it; null: there is none. */
type FindObstacles = (address: string, way: { readonly gateway: string | null } | null) => Promise<Obstacles>;

/** Looks into a container. What does not depend on the address is read once, when it is first needed. */
export function obstaclesIn(pid: number, scene: Scene): FindObstacles {
  const ask = (...argv: string[]): Promise<string> => shownBy(argv, pid, scene);
  let ofAll: Promise<readonly [string, string]> | undefined;
  return async (address, way) => {
    const ip = tryParseIp(address);
    if (ip === undefined) return { blocks: [], fixed: null };
    const family = `-${ip.family}`;
    ofAll ??= Promise.all([ask('xfrm', 'policy'), ask('-json', 'neigh', 'show', 'nud', 'permanent')]);
    // Where the kernel has a way, these concern something else.
    const [routes, rules, [policies, neighbours]] = await Promise.all([
      way === null ? ask('-json', family, 'route', 'show', 'table', 'all') : '',
      way === null ? ask('-json', family, 'rule', 'show') : '',
      ofAll,
    ]);
    return {
      blocks: [
        ...blockingRoutes(routes, ip),
        ...blockingRules(rules, ip),
        ...blockingPolicies(policies, ip).map((line) => `ip xfrm policy: ${line}`),
      ],
      fixed: fixedNeighbour(neighbours, way?.gateway ?? address),
    };
  };
}

/** Empty where the kernel or iproute2 does not know it. */
async function shownBy(argv: readonly string[], pid: number, { run, signal }: Scene): Promise<string> {
  try {
    return (await inContainerNetwork(run, pid)('ip', argv, { signal })).stdout;
  } catch {
    signal.throwIfAborted();
    return '';
  }
}

const blocking = /^(?:blackhole|unreachable|prohibit|throw)$/;
/** That of the route that the kernel itself has for what leads nowhere (linux/ipv6_route.h, IP6_RT_PRIO_MAX). */
const ofKernel = 4_294_967_295;

/** Routes of `ip -json route show table all` that lead nowhere, to a part of the LAN that has the address. Pure. */
function blockingRoutes(stdout: string, ip: Ip): string[] {
  return entriesOf(stdout).flatMap(({ type, dst, table, metric }) => {
    if (type === undefined || !blocking.test(type) || metric === ofKernel || !covers(dst, ip)) return [];
    const where = table === undefined ? '' : ` table ${table}`;
    return [`ip route show${where}: ${type} ${dst ?? 'default'}`];
  });
}

/** Rules of `ip -json rule show` that refuse packets to the address. Pure. */
function blockingRules(stdout: string, ip: Ip): string[] {
  return entriesOf(stdout).flatMap(({ action, priority, ...one }) => {
    const to = withLength(one.dst, one.dstlen);
    if (action === undefined || !blocking.test(action) || !covers(to, ip)) return [];
    const from = withLength(one.src, one.srclen) ?? 'all';
    return [`ip rule show: ${priority ?? 0}: from ${from}${to === undefined ? '' : ` to ${to}`} ${action}`];
  });
}

const withLength = (address: string | undefined, length: number | undefined): string | undefined =>
  address === undefined || length === undefined ? address : `${address}/${length}`;

/** Policies of `ip xfrm policy` that block packets to or from the address, each in one line. Pure. */
function blockingPolicies(stdout: string, ip: Ip): string[] {
  return stdout.split(/\n(?=src )/).flatMap((text) => {
    const [, src, dst] = /^src (\S+) dst (\S+)/.exec(text) ?? [];
    const isBlock = /\baction block\b/.test(text);
    return isBlock && (covers(src, ip) || covers(dst, ip)) ? [text.replace(/\s+/g, ' ').trim()] : [];
  });
}

/** The entry of `ip -json neigh show nud permanent` for an address. Pure. */
function fixedNeighbour(stdout: string, address: string): Obstacles['fixed'] {
  const found = entriesOf(stdout).find(({ dst, lladdr }) => dst === address && lladdr !== undefined);
  return found === undefined ? null : { ip: address, mac: found.lladdr ?? '', link: found.dev ?? '' };
}

interface Entry {
  readonly type?: string;
  readonly dst?: string;
  readonly dstlen?: number;
  readonly src?: string;
  readonly srclen?: number;
  readonly dev?: string;
  readonly table?: string | number;
  readonly metric?: number;
  readonly action?: string;
  readonly priority?: number;
  readonly lladdr?: string;
}

function entriesOf(stdout: string): readonly Entry[] {
  try {
    return JSON.parse(stdout.trim() || '[]') as Entry[];
  } catch {
    return [];
  }
}

/** Whether a selector of iproute2 (`default`, `all`, an address or a subnet; none: all) has an address. */
function covers(selector: string | undefined, ip: Ip): boolean {
  if (selector === undefined || selector === 'default' || selector === 'all') return true;
  try {
    return cidrContains(
      parseCidr(selector.includes('/') ? selector : `${selector}/${ip.family === 4 ? 32 : 128}`),
      ip,
    );
  } catch {
    return false;
  }
}

/** What the obstacles on the way to an address mean, where packets to it were lost. Pure. */
export function obstacleFindings(
  name: string,
  target: string,
  { blocks, fixed }: Obstacles,
): readonly HostFinding[] {
  return [
    ...(blocks.length === 0
      ? []
      : [
          {
            code: 'route-blocked' as const,
            subject: `container ${name}`,
            message: `inside container ${name} packets to ${target} are blocked: ${blocks[0]?.replace(/^[^:]*: /, '') ?? ''}`,
            evidence: blocks.slice(0, 16).map((line) => `${line} (inside ${name})`),
            remedy: `delete it inside ${name}, or docker restart ${name}; then look for what sets it`,
          },
        ]),
    ...(fixed === null
      ? []
      : [
          {
            code: 'neighbour-fixed' as const,
            subject: `container ${name}`,
            message: `container ${name} sends what is for ${fixed.ip} to ${fixed.mac}, as a neighbour entry says that was set by hand`,
            evidence: [
              `ip neigh show inside ${name}: ${fixed.ip} dev ${fixed.link} lladdr ${fixed.mac} PERMANENT`,
              `what ${name} sent to ${target} was lost`,
            ],
            remedy: `ip neigh delete ${fixed.ip} dev ${fixed.link} inside ${name}; then look for what sets it`,
          },
        ]),
  ];
}
