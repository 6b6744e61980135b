import { setImmediate } from 'node:timers/promises';
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
  const ipv6 = link.ipv6 ? ips.filter(({ family }) => family === 6) : [];
  await link.run('nft', ['-f', '-'], { input: listener.begin, signal });
  try {
    const failures = await Promise.all([
      ...inTurns(ips, (ip) => (ip.family === 4 ? sendArp(link, ip, settings, signal) : null)),
      solicit(link, ipv6, settings, delay, signal),
    ]);
    // The wait after the last probe began when it was sent, a second ago.
    await delay(Math.max(0, settings.listenMs - secondMs), signal);
    signal.throwIfAborted();
    const hears = await link.hears(signal);
    const heard = readHeard(await read(link, listener, signal));
    return ips.map((ip, index) => {
      const { speaks, asks } = heard(index);
      const mac = [...speaks, ...asks.filter((one) => !isProbeMac(one))].find((one) => one !== link.mac);
      if (mac !== undefined) return { answer: 'taken', mac };
      const why =
        failures[index] ??
        (hears ? null : 'the interface went down while it was asked') ??
        (ip.family === 4 || link.ipv6 ? null : 'the kernel of this host has no IPv6');
      return why === null ? { answer: 'clear' } : { answer: 'unknown', reason: why };
    });
  } finally {
    await cleanUp(link, ipv6, listener).catch(() => {});
  }
}

/**
 * Begins each work in a turn of the event loop of its own: to start a program holds up the agent for milliseconds, and
 * Docker may be waiting for an address meanwhile.
 */
function inTurns<T, R>(items: readonly T[], work: (item: T) => R): Promise<Awaited<R>>[] {
  let turn = Promise.resolve();
  return items.map((item) => {
    const mine = turn.then(() => work(item));
    turn = turn.then(() => setImmediate());
    return mine as Promise<Awaited<R>>;
  });
}

/**
 * Ends a second after the last probe, or with the first answer. What arping itself says is not all that was said: it
 * hears no other machine that asks (iputils, arping.c, recv_pack). Answers why it could not ask, or null.
 */
async function sendArp(
  { run, name }: ProbeLink,
  ip: Ip,
  { probes }: AskSettings,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    await run('arping', ['-D', '-q', '-c', String(probes), '-I', name, formatIp(ip)], {
      timeoutMs: (probes + 5) * secondMs,
      acceptCodes: [0, 1],
      signal,
    });
    return null;
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
