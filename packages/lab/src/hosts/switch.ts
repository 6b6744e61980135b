import { mustRun, type Run } from './commands.ts';
import { SWITCH_ADDRESS, SWITCH_PREFIX, type LabNames } from './names.ts';

/** The bridge inside the switch's namespace. */
const BRIDGE = 'switch0';

/** One end of a cable that is not the switch's. */
export interface CableEnd {
  readonly netns: string;
  readonly name: string;
  readonly mac: string;
}

async function addLink(run: Run, argv: readonly string[], kind: string): Promise<void> {
  const result = await run(argv);
  if (result.code === 0) return;
  if (/Unknown device type|not supported/i.test(result.stderr)) {
    throw new Error(
      `this kernel cannot make ${kind} links: load or build its "${kind}" module (\`modprobe ${kind}\`)`,
    );
  }
  throw new Error(`\`${argv.join(' ')}\` failed: ${result.stderr.trim()}`);
}

/**
 * Makes the switch: a bridge in a namespace of its own, so that the machine's interfaces and routes stay
 * as they are and two labs may both be 172.16.1.0/24. The bridge leaves VLAN tags alone: each port is a
 * trunk. Throws when the kernel lacks bridge or macvlan.
 */
export async function createSwitch(run: Run, lab: LabNames): Promise<void> {
  const netns = lab.switchNetns;
  await mustRun(run, ['ip', 'netns', 'add', netns]);
  await mustRun(run, ['ip', '-n', netns, 'link', 'set', 'lo', 'up']);
  // mcast_snooping off: IPv6 neighbour discovery must not depend on a querier.
  const bridge = ['type', 'bridge', 'stp_state', '0', 'forward_delay', '0', 'mcast_snooping', '0'];
  await addLink(run, ['ip', '-n', netns, 'link', 'add', BRIDGE, ...bridge], 'bridge');
  await mustRun(run, [
    'ip',
    '-n',
    netns,
    'address',
    'add',
    `${SWITCH_ADDRESS}/${String(SWITCH_PREFIX)}`,
    'dev',
    BRIDGE,
  ]);
  await mustRun(run, ['ip', '-n', netns, 'link', 'set', BRIDGE, 'up']);
  const probe = ['link', BRIDGE, 'type', 'macvlan', 'mode', 'bridge'];
  await addLink(run, ['ip', '-n', netns, 'link', 'add', 'probe0', ...probe], 'macvlan');
  await mustRun(run, ['ip', '-n', netns, 'link', 'delete', 'probe0']);
}

/** Lays a cable from a new port of the switch, which carries every VLAN, into a namespace; the far end is still down. */
export async function plugIn(run: Run, lab: LabNames, port: string, end: CableEnd): Promise<void> {
  const netns = lab.switchNetns;
  const peer = ['peer', 'name', end.name, 'address', end.mac, 'netns', end.netns];
  await addLink(run, ['ip', '-n', netns, 'link', 'add', port, 'type', 'veth', ...peer], 'veth');
  await mustRun(run, ['ip', '-n', netns, 'link', 'set', port, 'master', BRIDGE, 'up']);
  if (await looksAtTags(run, netns)) await carryEveryVlan(run, netns, port);
}

/** Takes a cable away with both its ends; one that is not there is fine. */
export async function unplug(run: Run, lab: LabNames, port: string): Promise<void> {
  const result = await run(['ip', '-n', lab.switchNetns, 'link', 'delete', port]);
  if (result.code !== 0 && !/Cannot find device/.test(result.stderr)) {
    throw new Error(`cannot remove switch port ${port}: ${result.stderr.trim()}`);
  }
}

/** Switches a port on or off: off, the far end loses its carrier as with a pulled cable. */
export async function setPort(run: Run, lab: LabNames, port: string, state: 'up' | 'down'): Promise<void> {
  await mustRun(run, ['ip', '-n', lab.switchNetns, 'link', 'set', port, state]);
}

/**
 * Whether a port carries a VLAN, as on a switch whose trunks list what they carry. The first call makes the switch look at tags.
 * A port carries every VLAN that was never named for it.
 */
export async function setVlan(
  run: Run,
  lab: LabNames,
  port: string,
  vlan: number,
  state: 'carried' | 'missing',
): Promise<void> {
  const netns = lab.switchNetns;
  if (!(await looksAtTags(run, netns))) {
    for (const one of await portsOf(run, netns)) await carryEveryVlan(run, netns, one);
    await mustRun(run, ['ip', '-n', netns, 'link', 'set', BRIDGE, 'type', 'bridge', 'vlan_filtering', '1']);
  }
  const verb = state === 'carried' ? 'add' : 'delete';
  await mustRun(run, ['bridge', '-n', netns, 'vlan', verb, 'dev', port, 'vid', String(vlan)]);
}

interface SeenLink {
  readonly ifname: string;
  readonly linkinfo?: { readonly info_data?: { readonly vlan_filtering?: number } };
}

async function looksAtTags(run: Run, netns: string): Promise<boolean> {
  const shown = await mustRun(run, ['ip', '-n', netns, '-json', '-details', 'link', 'show', BRIDGE]);
  return (JSON.parse(shown) as SeenLink[]).some((link) => link.linkinfo?.info_data?.vlan_filtering === 1);
}

async function carryEveryVlan(run: Run, netns: string, port: string): Promise<void> {
  await mustRun(run, ['bridge', '-n', netns, 'vlan', 'add', 'dev', port, 'vid', '2-4094']);
}

async function portsOf(run: Run, netns: string): Promise<string[]> {
  const shown = await mustRun(run, ['ip', '-n', netns, '-json', 'link', 'show', 'master', BRIDGE]);
  return (JSON.parse(shown === '' ? '[]' : shown) as SeenLink[]).map(({ ifname }) => ifname);
}
