import { formatIp, type Ip } from '@trunkline/netaddr';
import type { ProbeAnswer } from './address-probe.ts';
import type { Timing } from '../lib/timing.ts';
import { listenFor, readHeard, type Listener } from './listener.ts';
import { askLine, forgetLines } from './neighbour.ts';
import { isProbeMac } from './probe-mac.ts';
import type { ProbeLink, ProbeNamespace } from './probe-namespace.ts';

/** How some addresses are asked for. */
export interface AskSettings {
  /** Probes for one address, a second apart (RFC 5227, PROBE_NUM, PROBE_MIN). */
  readonly probes: number;
  /** How long answers to the last probe are awaited (ANNOUNCE_WAIT), in milliseconds; at least a second. */
  readonly listenMs: number;
}

/** One question: who has an address on the wire of a link. */
export interface Question {
  readonly link: ProbeLink;
  readonly ip: Ip;
  /** MACs in lower case whose answers do not count. */
  readonly known: readonly string[];
}

const secondMs = 1000;

/**
 * Asks the wires of several links for some addresses together: they share the programs that make, read and end the listener,
 * which cost more than the probes do. Answers in the order of the questions.
 *
 * Fails as the namespace's `run` and `ask` do; then nothing is known of any.
 */
export async function askTogether(
  space: ProbeNamespace,
  questions: readonly Question[],
  listenerNumber: number,
  settings: AskSettings,
  delay: Timing['delay'],
  signal: AbortSignal,
): Promise<readonly ProbeAnswer[]> {
  const entries = questions.map(({ link, ip }) => ({ link: link.name, ip }));
  const listener = listenFor(entries, listenerNumber);
  const arp = questions.filter(({ ip }) => ip.family === 4);
  const detected = space.ipv6 ? questions.filter(({ ip }) => ip.family === 6) : [];
  await space.run('nft', ['-f', '-'], { input: listener.begin, signal });
  try {
    const failed = (
      await Promise.all([
        sendArp(space, arp, settings, delay, signal),
        solicit(space, detected, settings, delay, signal),
      ])
    ).flat();
    // The wait after the last probe began when it was sent, a second ago.
    await delay(Math.max(0, settings.listenMs - secondMs), signal);
    signal.throwIfAborted();
    const hearing = await space.hearing();
    const heard = readHeard(entries, await read(space, listener, signal));
    return questions.map((question, index): ProbeAnswer => {
      const { speaks, asks } = heard(index);
      const { link, ip, known } = question;
      const mac = [...speaks, ...asks.filter((one) => !isProbeMac(one))].find(
        (one) => one !== link.mac && !known.includes(one),
      );
      if (mac !== undefined) return { answer: 'taken', mac };
      const why =
        (failed.includes(question) ? 'the kernel did not probe it' : null) ??
        (hearing.has(link.name) ? null : 'the interface went down during the probe') ??
        (ip.family === 4 || space.ipv6 ? null : 'the kernel of this host has no IPv6');
      return why === null ? { answer: 'clear' } : { answer: 'unknown', reason: why };
    });
  } finally {
    await cleanUp(space, arp, detected, listener).catch(() => {});
  }
}

/** Ends a second after the last probe. Answers the questions that the kernel did not put. */
async function sendArp(
  { ask }: ProbeNamespace,
  questions: readonly Question[],
  { probes }: AskSettings,
  delay: Timing['delay'],
  signal: AbortSignal,
): Promise<readonly Question[]> {
  if (questions.length === 0) return [];
  const asked = new Set<string>();
  for (let probe = 0; probe < probes; probe += 1) {
    signal.throwIfAborted();
    const shown = await ask(questions.map(askLine), 'neigh show');
    for (const { dst, dev } of shown) asked.add(`${String(dev)} ${String(dst)}`);
    await delay(secondMs, signal);
  }
  return questions.filter(({ link, ip }) => !asked.has(`${link.name} ${formatIp(ip)}`));
}

/** The kernel asks, the first time within a second (RFC 4862 section 5.4.2), and is done a second after the last. */
async function solicit(
  { ask }: ProbeNamespace,
  questions: readonly Question[],
  { probes }: AskSettings,
  delay: Timing['delay'],
  signal: AbortSignal,
): Promise<readonly Question[]> {
  if (questions.length === 0) return [];
  const shown = await ask(questions.map(addressLine('add')), 'address show');
  const there = new Set(
    shown.flatMap(({ ifname, addr_info: infos }) =>
      (Array.isArray(infos) ? infos : []).map(
        ({ local }: { local?: unknown }) => `${String(ifname)} ${String(local)}`,
      ),
    ),
  );
  await delay((probes + 1) * secondMs, signal);
  signal.throwIfAborted();
  return questions.filter(({ link, ip }) => !there.has(`${link.name} ${formatIp(ip)}`));
}

const addressLine =
  (verb: 'add' | 'delete') =>
  ({ link, ip }: Question): string =>
    `address ${verb} ${formatIp(ip)}/128 dev ${link.name}`;

async function read({ run }: ProbeNamespace, { ask }: Listener, signal: AbortSignal): Promise<string[]> {
  return Promise.all(ask.map(async (argv) => (await run('nft', argv, { signal })).stdout));
}

async function cleanUp(
  space: ProbeNamespace,
  arp: readonly Question[],
  detected: readonly Question[],
  { end }: Listener,
): Promise<void> {
  await Promise.all([
    space.ask([...arp.flatMap(forgetLines), ...detected.map(addressLine('delete'))], 'link show dev lo'),
    space.run('nft', ['-f', '-'], { input: end }),
  ]);
}
