import { isKernelsOwn } from './container-interfaces.ts';

/**
 * How many frames with the mark `multicast` each interface has received, out of `/proc/net/dev` (proc_pid_net(5)): two lines of
 * heads, then `name:` and its counters, of which the eighth is meant. What it counts is up to the driver: hardware mostly
 * multicast alone, a VLAN link multicast alone (net/8021q/vlan_core.c), a macvlan interface broadcast as well
 * (drivers/net/macvlan.c, macvlan_broadcast), a veth nothing. Interfaces that the kernel makes by itself are left out. Pure.
 */
export function multicastCounters(procNetDev: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const line of procNetDev.split('\n').slice(2)) {
    const [, name, counters = ''] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    const count = Number(counters.trim().split(/\s+/)[7]);
    if (name !== undefined && !isKernelsOwn(name) && Number.isSafeInteger(count)) found.set(name, count);
  }
  return found;
}
