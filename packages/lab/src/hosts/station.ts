import { readdir } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { mustRun, type Run } from './commands.ts';
import { NETNS_DIRECTORY } from './machine-marks.ts';
import type { LabNames } from './names.ts';
import { plugIn, unplug } from './switch.ts';

/** A foreign machine on the switch, with an address that nobody gave it. */
export interface Station {
  readonly name: string;
  readonly netns: string;
  readonly ip: string;
  readonly mac: string;
}

/** What a station shall be. `prefix` is its subnet's length: 24, or 64 for IPv6, when left out. */
export interface StationOptions {
  readonly ip: string;
  readonly mac: string;
  readonly prefix?: number;
}

const NIC = 'eth0';

const portOf = (name: string): string => name.replace('-', '');

/** Plugs a station into the switch; it answers ARP (or neighbour discovery) and ping when this returns. */
export async function addStation(run: Run, lab: LabNames, options: StationOptions): Promise<Station> {
  const stem = `${lab.netnsPrefix}station-`;
  const numbers = (await readdir(NETNS_DIRECTORY))
    .filter((entry) => entry.startsWith(stem))
    .map((entry) => Number(entry.slice(stem.length)));
  const name = `station-${String(Math.max(0, ...numbers) + 1)}`;
  const netns = `${lab.netnsPrefix}${name}`;
  const ip = async (...argv: string[]): Promise<string> => await mustRun(run, ['ip', '-n', netns, ...argv]);
  const version6 = isIPv6(options.ip);
  const prefix = options.prefix ?? (version6 ? 64 : 24);
  await mustRun(run, ['ip', 'netns', 'add', netns]);
  try {
    await plugIn(run, lab, portOf(name), { netns, name: NIC, mac: options.mac });
    // nodad: a station is there to be in somebody's way, not to give way.
    const flags = version6 ? ['nodad'] : [];
    await ip('address', 'add', `${options.ip}/${String(prefix)}`, 'dev', NIC, ...flags);
    await ip('link', 'set', 'lo', 'up');
    await ip('link', 'set', NIC, 'up');
    // Without a way back Linux does not answer askers of other subnets.
    await ip(...(version6 ? ['-6'] : []), 'route', 'add', 'default', 'dev', NIC);
  } catch (error) {
    await removeStation(run, lab, name);
    throw error;
  }
  return { name, netns, ip: options.ip, mac: options.mac };
}

/** Takes a station away; one that is not there is fine. */
export async function removeStation(run: Run, lab: LabNames, name: string): Promise<void> {
  await unplug(run, lab, portOf(name));
  const removed = await run(['ip', 'netns', 'delete', `${lab.netnsPrefix}${name}`]);
  if (removed.code !== 0 && !/No such file/.test(removed.stderr)) {
    throw new Error(`cannot remove station ${name}: ${removed.stderr.trim()}`);
  }
}
