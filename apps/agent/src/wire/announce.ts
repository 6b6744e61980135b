import type { RunCommand } from '../host/command.ts';
import { parseLinks } from '../host/ip-json.ts';
import type { Link } from '../host/links.ts';
import { inContainerNetwork } from '../host/namespace.ts';
import { failureText } from './tools.ts';

/** Announcements of one IPv4 address, a second apart; as many as Engine 28 sends by itself. */
const announcements = 3;

/**
 * Announces on the wire who has an address now, from inside the network of the container that took it, so that neighbours
 * which remember another MAC for it learn at once (moby 30238): gratuitous ARP (RFC 5227 section 2.3, ARP Announcement)
 * or an unsolicited neighbour advertisement (RFC 4861 section 7.2.6). Nothing of the container changes.
 *
 * Fails with `Error`, whose message has what to do; also where the container went away or has the address no more.
 */
export async function announceAddress(
  run: RunCommand,
  pid: number,
  ip: string,
  signal: AbortSignal,
): Promise<void> {
  const inside = inContainerNetwork(run, pid);
  try {
    const { stdout } = await inside('ip', ['-json', '-details', 'address', 'show'], { signal });
    const link = parseLinks(stdout).find(({ addresses }) => addresses.some(({ address }) => address === ip));
    if (link === undefined) throw new Error('the container no longer has the address');
    await (ip.includes(':') ? advertise(inside, link, signal) : announce(inside, link, ip, signal));
  } catch (error) {
    throw new Error(failureText(error), { cause: error });
  }
}

async function announce(inside: RunCommand, { name }: Link, ip: string, signal: AbortSignal): Promise<void> {
  // arping counts answers, and an announcement wants none: 1 is as good as 0.
  await inside('arping', ['-U', '-q', '-c', String(announcements), '-I', name, '-s', ip, ip], {
    acceptCodes: [0, 1],
    timeoutMs: (announcements + 5) * 1000,
    signal,
  });
}

/**
 * There is no program for it in every distribution, but the kernel does it when the MAC of an interface is set and
 * `ndisc_notify` is on (net/ipv6/ndisc.c, ndisc_netdev_event), also when it is set to what it is. The interface loses all its
 * neighbours by that, permanent ones too.
 */
async function advertise(inside: RunCommand, { name, mac }: Link, signal: AbortSignal): Promise<void> {
  if (mac === null) throw new Error(`interface ${name} of the container has no MAC`);
  const flag = `/proc/sys/net/ipv6/conf/${name}/ndisc_notify`;
  const { stdout: before } = await inside('cat', [flag], { signal });
  const set = (value: string) => inside('tee', [flag], { input: value });
  if (before.trim() !== '1') await set('1');
  try {
    await inside('ip', ['link', 'set', 'dev', name, 'address', mac], { signal });
  } finally {
    if (before.trim() !== '1') await set(before.trim()).catch(() => {});
  }
}
