import type { HostFacts, InterfaceFacts } from '@trunkline/contracts';
import type { DockerEngine } from './docker-engine.ts';
import { DockerError } from './docker-errors.ts';
import type { Kernel } from './kernel.ts';
import type { Link, Links } from './links.ts';

/** What the facts are taken from. */
export interface FactsSources {
  readonly links: Pick<Links, 'list'>;
  readonly docker: Pick<DockerEngine, 'version'>;
  readonly kernel: Pick<Kernel, 'observe'>;
  /** Reads a text file; fails where it cannot. */
  readonly readFile: (path: string) => Promise<string>;
  readonly machine: {
    readonly hostname: () => string;
    readonly arch: () => string;
    readonly cpus: () => number;
    readonly memoryBytes: () => number;
  };
  readonly agentVersion: string;
}

/** The report's bound (`HostFacts.interfaces`). */
const maxInterfaces = 512;

/**
 * What this machine is, as of now. A part that cannot be read is reported as such (Docker not reachable, os `unknown`). Only the
 * links must be readable, since without them no report about the host would be true.
 *
 * Fails as `Links.list` does.
 */
export async function collectFacts(sources: FactsSources): Promise<HostFacts> {
  const [links, docker, kernel, bootId, osRelease] = await Promise.all([
    sources.links.list(),
    dockerFacts(sources.docker),
    sources.kernel.observe(),
    sources.readFile('/proc/sys/kernel/random/boot_id').catch(() => 'unknown'),
    sources.readFile('/etc/os-release').catch(() => ''),
  ]);
  return {
    hostname: sources.machine.hostname(),
    bootId: bootId.trim(),
    os: osPrettyName(osRelease) ?? 'unknown',
    kernel: kernel.release,
    architecture: sources.machine.arch(),
    cpus: sources.machine.cpus(),
    memoryBytes: String(sources.machine.memoryBytes()),
    agentVersion: sources.agentVersion,
    modules: {
      macvlan: kernel.modules.macvlan !== 'missing',
      vlan: kernel.modules['8021q'] !== 'missing',
    },
    forwarding: kernel.forwarding,
    docker,
    interfaces: await Promise.all(
      reportedLinks(links).map(async (link) => interfaceFacts(link, await speedOf(link, sources.readFile))),
    ),
  };
}

/**
 * The links worth reporting, at most 512: all but lo. Hardware comes first, then what is made on it, then veths (on a
 * busy host, one for each container on a bridge), so that what is cut off matters least.
 */
export function reportedLinks(links: readonly Link[]): readonly Link[] {
  return links
    .filter((link) => link.name !== 'lo')
    .toSorted((a, b) => rank(a) - rank(b) || a.ifindex - b.ifindex)
    .slice(0, maxInterfaces);
}

function rank(link: Link): number {
  if (link.kind === null) return 0;
  return link.kind === 'veth' ? 2 : 1;
}

/** `PRETTY_NAME` of an os-release file (os-release(5)), or undefined without one. */
export function osPrettyName(osRelease: string): string | undefined {
  const value = /^PRETTY_NAME=(.*)$/m.exec(osRelease)?.[1]?.trim();
  const bare = value?.replace(/^(["'])(.*)\1$/, '$2').replaceAll(/\\(["'$`\\])/g, '$1');
  return bare === '' ? undefined : bare;
}

/**
 * In Mbit/s. Only hardware and bonds have one; the kernel answers EINVAL, or -1, where it does not know
 * (Documentation/ABI/testing/sysfs-class-net).
 */
async function speedOf(link: Link, readFile: FactsSources['readFile']): Promise<number | null> {
  if (!link.carrier || (link.kind !== null && link.kind !== 'bond')) return null;
  const speed = Number(await readFile(`/sys/class/net/${link.name}/speed`).catch(() => ''));
  return Number.isInteger(speed) && speed > 0 ? speed : null;
}

function interfaceFacts(link: Link, speedMbps: number | null): InterfaceFacts {
  return {
    name: link.name,
    mac: link.mac,
    mtu: link.mtu,
    up: link.up,
    carrier: link.carrier,
    promiscuous: link.promiscuous || link.promiscuity > 0,
    speedMbps,
    kind: link.kind,
    vlan: link.vlanId,
    parent: link.parent,
    addresses: link.addresses.map((address) => `${address.address}/${address.prefixLength}`),
  };
}

async function dockerFacts(docker: Pick<DockerEngine, 'version'>): Promise<HostFacts['docker']> {
  try {
    const { version, apiVersion } = await docker.version();
    return { reachable: true, version, apiVersion };
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    return { reachable: false, version: null, apiVersion: null };
  }
}
