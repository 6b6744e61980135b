/** What can be seen without asking the product: Docker's own client, `ip`, and the wire. */
import { run } from '@trunkline/lab/hosts/commands.ts';
import type { Lab, LabHost, Station } from '@trunkline/lab/hosts/lab.ts';

/** Runs a command inside the host; throws with its output when it fails. */
export async function must(host: LabHost, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.exec(argv);
  if (code !== 0) throw new Error(`${host.name}: ${argv.join(' ')}: ${String(code)} ${stderr}${stdout}`);
  return stdout.trim();
}

/** `docker …` on the host. */
export async function docker(host: LabHost, ...argv: string[]): Promise<string> {
  return await must(host, 'docker', ...argv);
}

/** Major version of the host's Docker Engine, for what Engines do differently. */
export async function engineMajor(host: LabHost): Promise<number> {
  return Number.parseInt(await docker(host, 'version', '--format', '{{.Server.Version}}'), 10);
}

/**
 * Removes a network that no container has. Where an Engine before 28.1 lost count of its endpoints, which it can when many
 * containers start at once, it is started again first: it counts them then (moby issue 42119).
 */
export async function removeNetwork(lab: Lab, host: LabHost, name: string): Promise<void> {
  const { code, stderr } = await host.exec(['docker', 'network', 'rm', name]);
  if (code === 0) return;
  const attached = await docker(host, 'network', 'inspect', '-f', '{{len .Containers}}', name);
  if (attached !== '0' || !stderr.includes('has active endpoints')) throw new Error(stderr);
  await lab.stopDockerd(host.name);
  await lab.startDockerd(host.name);
  await docker(host, 'network', 'rm', name);
}

/** Whether every one of three pings from a container is answered. */
export async function pings(host: LabHost, container: string, address: string): Promise<boolean> {
  const ping = ['docker', 'exec', container, 'ping', '-c', '3', '-W', '2', '-i', '0.2', address];
  const { code, stdout } = await host.exec(ping);
  return code === 0 && / 0% packet loss/.test(stdout);
}

/** As `ip -json address show` shows a link, as far as tests ask. */
export interface LinkSeen {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address: string;
  readonly ifalias?: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

/** Every link of the host. */
export async function linksOf(host: LabHost): Promise<readonly LinkSeen[]> {
  return JSON.parse(await must(host, 'ip', '-json', 'address', 'show')) as LinkSeen[];
}

/** As `docker network inspect` shows it, as far as tests ask. */
export interface NetworkSeen {
  readonly Id: string;
  readonly Driver: string;
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string; readonly Gateway?: string }[] };
  readonly Options: Readonly<Record<string, string>>;
  readonly Labels: Readonly<Record<string, string>>;
}

/** Docker's networks of a name on the host, in full. */
export async function networksNamed(host: LabHost, name: string): Promise<readonly NetworkSeen[]> {
  const ids = await docker(host, 'network', 'ls', '--no-trunc', '-q', '--filter', `name=^${name}$`);
  if (ids === '') return [];
  return JSON.parse(await docker(host, 'network', 'inspect', ...ids.split('\n'))) as NetworkSeen[];
}

/** As `docker inspect` shows a container, as far as tests ask. */
export interface ContainerSeen {
  readonly Id: string;
  readonly State: { readonly Running: boolean; readonly StartedAt: string };
  readonly NetworkSettings: {
    readonly Networks: Readonly<
      Record<string, { readonly NetworkID: string; readonly IPAddress: string; readonly MacAddress: string }>
    >;
  };
}

/** One container; undefined when the host has none of that name, or its Docker does not answer. */
export async function containerNamed(host: LabHost, name: string): Promise<ContainerSeen | undefined> {
  const { code, stdout } = await host.exec(['docker', 'container', 'inspect', name]);
  return code === 0 ? (JSON.parse(stdout) as ContainerSeen[])[0] : undefined;
}

/** Names of all containers on the host, running or not. */
export async function containerNames(host: LabHost): Promise<readonly string[]> {
  const names = await docker(host, 'ps', '-a', '--format', '{{.Names}}');
  return names === '' ? [] : names.split('\n').sort();
}

/** Names of the networks on the host that Docker did not bring along. */
export async function networkNames(host: LabHost): Promise<readonly string[]> {
  const names = await docker(host, 'network', 'ls', '--filter', 'type=custom', '--format', '{{.Name}}');
  return names === '' ? [] : names.split('\n').sort();
}

/** Every MAC that answers ARP for an address, as a foreign station on the switch hears it. */
export async function macsOnTheWire(station: Station, address: string): Promise<readonly string[]> {
  const ask = ['arping', '-c', '2', '-w', '3', '-I', 'eth0', '-s', station.ip, address];
  const { stdout } = await run(['nsenter', `--net=/run/netns/${station.netns}`, '--', ...ask]);
  return [
    ...new Set([...stdout.matchAll(/\[([0-9A-Fa-f:]{17})\]/g)].map(([, mac = '']) => mac.toLowerCase())),
  ];
}
