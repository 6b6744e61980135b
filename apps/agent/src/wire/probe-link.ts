import { createHash } from 'node:crypto';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import { parseLinks } from '../host/ip-json.ts';
import type { Link } from '../host/links.ts';
import { inContainerNetwork } from '../host/namespace.ts';
import type { DialogueProcess, OpenDialogue } from '../host/resident-ip.ts';
import type { Timing } from '../sync/timing.ts';
import { silence } from './listener.ts';

/** What a probe link is made with. */
export type ProbeLinkDeps = {
  readonly run: RunCommand;
  readonly open: OpenDialogue;
  readonly timing: Pick<Timing, 'delay'>;
  /** Solicitations that the kernel sends for an IPv6 address, a second apart (RFC 4862, DupAddrDetectTransmits). */
  readonly solicitations: number;
};

/** A station of our own on the wire of a parent, to ask and to listen with; it has no address and says nothing of itself. */
export type ProbeLink = {
  readonly name: string;
  readonly mac: string;
  /** False where the kernel has no IPv6. */
  readonly ipv6: boolean;
  /** Runs a program in its namespace. */
  readonly run: RunCommand;
  /** Whether what is said on the wire can be heard here now. Fails as `run` does, also when the link is gone. */
  readonly hears: (signal: AbortSignal) => Promise<boolean>;
  /** Takes it away; the kernel does it a moment later. */
  readonly close: () => void;
};

const name = 'trunkline0';
const patienceMs = 2000;
const pollMs = 50;

/**
 * Puts a macvlan link of our own on a parent, in a network namespace of its own: the host's addresses, routes and
 * firewall are not touched, and a sibling hears what the parent itself never does, the containers of this host. The
 * namespace is held by a `cat` whose input ends with the agent, however it ends; then the kernel takes both away.
 *
 * The MAC is always the same for a parent, so that a switch that counts them learns one.
 *
 * Fails with `CommandFailed` (also where the parent takes no macvlan, as under passthru), and with `Error` where nothing
 * can be heard on the link.
 */
export async function openProbeLink(
  deps: ProbeLinkDeps,
  parent: Link,
  signal: AbortSignal,
): Promise<ProbeLink> {
  const holder = deps.open('unshare', ['--net', '--', 'cat']);
  try {
    const run = inContainerNetwork(deps.run, await namespaceOf(holder, deps.timing));
    await addLink(deps.run, parent, holder.pid ?? 0, signal);
    const ipv6 = await prepareIpv6(run, deps.solicitations, signal);
    if (ipv6) await run('nft', ['-f', '-'], { input: silence, signal });
    await run('ip', ['link', 'set', 'dev', name, 'up'], { signal });
    const hears = async (until: AbortSignal) => (await look(run, until)).hears;
    await waitForCarrier(hears, deps.timing, signal);
    const { mac } = await look(run, signal);
    return { name, mac, ipv6, run, hears, close: holder.stop };
  } catch (error) {
    holder.stop();
    throw error;
  }
}

/** The holder's process id, once it is in its namespace: `cat` repeats a line, `unshare` does not. */
async function namespaceOf(
  { pid, output, say }: DialogueProcess,
  timing: ProbeLinkDeps['timing'],
): Promise<number> {
  const heard = (async () => {
    for await (const piece of output) if (piece.includes('\n')) return true;
    return false;
  })().catch(() => false);
  say('there');
  const over = new AbortController();
  try {
    const late = timing.delay(patienceMs, over.signal).then(() => false);
    if ((await Promise.race([heard, late])) && pid !== undefined) return pid;
  } finally {
    over.abort();
  }
  throw new Error('unshare made no network namespace: it needs root and util-linux');
}

async function addLink(run: RunCommand, parent: Link, pid: number, signal: AbortSignal): Promise<void> {
  const add = (mac: string) => {
    const type = ['address', mac, 'type', 'macvlan', 'mode', 'bridge'];
    const where = ['link', parent.name, 'name', name, 'netns', String(pid)];
    return run('ip', ['link', 'add', ...where, ...type], { signal });
  };
  try {
    await add(probeMac(parent));
  } catch (error) {
    // One that was closed just now may still hold the MAC.
    if (!(error instanceof CommandFailed) || error.kind !== 'exit') throw error;
    await add(probeMac(parent, 'second'));
  }
}

/** What every MAC of a probe link begins with: unicast and locally administered (IEEE 802). */
const prefix = 'd6:4c';

/** Of a probe link: from the parent's own MAC, which no other host has. */
export function probeMac({ name: parent, mac }: Pick<Link, 'name' | 'mac'>, which = 'first'): string {
  const hash = createHash('sha256').update(`trunkline probe ${which} ${parent} ${mac ?? ''}`);
  const octets = hash.digest('hex').slice(0, 8).match(/../g) ?? [];
  return [prefix, ...octets].join(':');
}

/**
 * Whether a MAC is that of a probe link, of any host. Whoever asks with one does not take the address by having asked:
 * which host may give it is decided by the server, and a lease that changes hosts is asked for by both for a moment.
 */
export function isProbeMac(mac: string): boolean {
  return mac.startsWith(`${prefix}:`);
}

/** False where the kernel has no IPv6. Without a link-local address it sends no router solicitations either. */
async function prepareIpv6(run: RunCommand, solicitations: number, signal: AbortSignal): Promise<boolean> {
  try {
    await run('ip', ['link', 'set', 'dev', name, 'addrgenmode', 'none'], { signal });
    // /proc/sys/net is that of the namespace of whoever writes.
    await run('tee', [`/proc/sys/net/ipv6/conf/${name}/dad_transmits`], {
      input: String(solicitations),
      signal,
    });
    return true;
  } catch (error) {
    if (error instanceof CommandFailed && error.kind === 'exit') return false;
    throw error;
  }
}

async function look(run: RunCommand, signal: AbortSignal): Promise<{ mac: string; hears: boolean }> {
  const { stdout } = await run('ip', ['-json', '-details', 'address', 'show', 'dev', name], { signal });
  const [link] = parseLinks(stdout);
  return { mac: link?.mac ?? '', hears: link?.up === true && link.carrier };
}

async function waitForCarrier(
  hears: ProbeLink['hears'],
  timing: ProbeLinkDeps['timing'],
  signal: AbortSignal,
): Promise<void> {
  for (let waited = 0; !(await hears(signal)); waited += pollMs) {
    if (waited >= patienceMs || signal.aborted) throw new Error('the probe link has no carrier');
    await timing.delay(pollMs, signal);
  }
}
