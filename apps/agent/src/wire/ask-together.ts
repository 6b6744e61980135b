import { formatIp, type Ip } from '@trunkline/netaddr';
import type { ProbeAnswer } from '../ipam/address-probe.ts';
import type { Timing } from '../sync/timing.ts';
import { listenFor, readHeard, type Listener } from './listener.ts';
import { isProbeMac, type ProbeLink } from './probe-link.ts';
import { failureText } from './tools.ts';

/** How some addresses are asked for. */
export type AskSettings = {
  /** Probes for one address, a second apart (RFC 5227, PROBE_NUM, PROBE_MIN). */
  readonly probes: number;
  /** How long answers to the last probe are awaited (ANNOUNCE_WAIT), in milliseconds; at least a second. */
  readonly listenMs: number;
};

const secondMs = 1000;
/** Exit code of xargs when a program that it began did not end with 0, as an arping that is answered. */
const someFailed = 123;

/**
 * Asks the wire for some addresses together, from one probe link: they share the programs that make, read and end the
 * listener, which cost more than the probes do. Answers in the order of `ips`.
 *
 * Fails as the link's `run` does; then nothing is known of any.
 */
export async function askTogether(
  link: ProbeLink,
  ips: readonly Ip[],
  number: number,
  settings: AskSettings,
  delay: Timing['delay'],
  signal: AbortSignal,
): Promise<readonly ProbeAnswer[]> {
  const listener = listenFor(ips, number);
  const ipv4 = ips.filter(({ family }) => family === 4);
  const ipv6 = link.ipv6 ? ips.filter(({ family }) => family === 6) : [];
  await link.run('nft', ['-f', '-'], { input: listener.begin, signal });
  try {
    const [failure] = await Promise.all([
      sendArp(link, ipv4, settings, signal),
      solicit(link, ipv6, settings, delay, signal),
    ]);
    // The wait after the last probe began when it was sent, a second ago.
    await delay(Math.max(0, settings.listenMs - secondMs), signal);
    signal.throwIfAborted();
    const hears = await link.hears(signal);
    const heard = readHeard(await read(link, listener, signal));
    return ips.map(({ family }, index) => {
      const { speaks, asks } = heard(index);
      const mac = [...speaks, ...asks.filter((one) => !isProbeMac(one))].find((one) => one !== link.mac);
      if (mac !== undefined) return { answer: 'taken', mac };
      const why =
        (family === 4 ? failure : null) ??
        (hears ? null : 'the interface went down while it was asked') ??
        (family === 4 || link.ipv6 ? null : 'the kernel of this host has no IPv6');
      return why === null ? { answer: 'clear' } : { answer: 'unknown', reason: why };
    });
  } finally {
    await cleanUp(link, ipv6, listener).catch(() => {});
  }
}

/**
 * Ends a second after the last probe. Whoever answers is heard by the listener: what arping itself says is not all that was
 * said, it hears no other machine that asks (iputils, arping.c, recv_pack). Answers why it could not ask, or null.
 *
 * The programs are begun by xargs, which is small: to begin one holds up an agent, and whoever waits for an address
 * meanwhile, for some 10 ms each.
 */
async function sendArp(
  { run, name }: ProbeLink,
  ips: readonly Ip[],
  { probes }: AskSettings,
  signal: AbortSignal,
): Promise<string | null> {
  if (ips.length === 0) return null;
  const arping = ['arping', '-D', '-q', '-c', String(probes), '-I', name];
  try {
    const { stderr } = await run('xargs', ['-n', '1', '-P', String(ips.length), ...arping], {
      input: ips.map((ip) => `${formatIp(ip)}\n`).join(''),
      timeoutMs: (probes + 5) * secondMs,
      acceptCodes: [0, someFailed],
      signal,
    });
    return stderr.trim() === '' ? null : stderr.trim().slice(0, 500);
  } catch (error) {
    signal.throwIfAborted();
    return failureText(error);
  }
}

/** The kernel asks, the first time within a second (RFC 4862 section 5.4.2), and is done a second after the last. */
async function solicit(
  { run, name }: ProbeLink,
  ips: readonly Ip[],
  { probes }: AskSettings,
  delay: Timing['delay'],
  signal: AbortSignal,
): Promise<null> {
  if (ips.length === 0) return null;
  await run('ip', ['-6', '-batch', '-'], { input: addressLines('add', name, ips), signal });
  await delay((probes + 1) * secondMs, signal);
  signal.throwIfAborted();
  return null;
}

function addressLines(verb: 'add' | 'delete', link: string, ips: readonly Ip[]): string {
  return ips.map((ip) => `address ${verb} ${formatIp(ip)}/128 dev ${link}\n`).join('');
}

async function read({ run }: ProbeLink, { ask }: Listener, signal: AbortSignal): Promise<string[]> {
  return Promise.all(ask.map(async (argv) => (await run('nft', argv, { signal })).stdout));
}

async function cleanUp({ run, name }: ProbeLink, ipv6: readonly Ip[], { end }: Listener): Promise<void> {
  if (ipv6.length > 0) await run('ip', ['-6', '-batch', '-'], { input: addressLines('delete', name, ipv6) });
  await run('nft', ['-f', '-'], { input: end });
}
