import { formatIp, tryParseIp, type Ip } from '@trunkline/netaddr';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import type { Link, Links } from '../host/links.ts';
import type { OpenDialogue } from '../host/resident-ip.ts';
import type { AddressProbe, ProbeAnswer } from '../ipam/address-probe.ts';
import type { Timing } from '../sync/timing.ts';
import { heardSet, listenerFor, listenerTable, parseHeard, type Listener } from './listener.ts';
import { openProbeLink, type ProbeLink } from './probe-link.ts';
import { createProbeLinks } from './probe-links.ts';
import { createSlots } from './slots.ts';
import { adviceFor } from './tools.ts';

/** How the wire is asked. */
export type ProbeSettings = {
  /** Probes for one address, a second apart (RFC 5227, PROBE_NUM, PROBE_MIN). */
  readonly probes: number;
  /** A probe begins within this time, so that hosts that start together do not ask together (PROBE_WAIT), in milliseconds. */
  readonly startWithinMs: number;
  /** How long answers to the last probe are awaited (ANNOUNCE_WAIT), in milliseconds. */
  readonly listenMs: number;
  /** Addresses that are asked for at once; the others wait. */
  readonly atOnce: number;
  /** How long a probe link stays without use, in milliseconds. */
  readonly lingerMs: number;
};

/** As RFC 5227 section 1.1 has it: 4 to 5 seconds an address. */
export const usualProbing: ProbeSettings = {
  probes: 3,
  startWithinMs: 1000,
  listenMs: 2000,
  atOnce: 32,
  lingerMs: 10_000,
};

/** What the wire is asked with. */
export type ProbeDeps = {
  readonly run: RunCommand;
  readonly open: OpenDialogue;
  readonly links: Pick<Links, 'list'>;
  /** Why nothing of ours may be put on a link, or null: under a passthru network there is room for its container only. */
  readonly refuses?: (link: string) => string | null;
  readonly timing: Pick<Timing, 'delay' | 'random'>;
  readonly settings?: ProbeSettings;
};

const secondMs = 1000;

/**
 * Asks the wire who has an address: ARP probes (RFC 5227 section 2.1) or duplicate address detection (RFC 4862 section
 * 5.4) from a link of our own, and the kernel notes who answers, up to the end of the last wait, and who else asks.
 *
 * Containers of this host that are on the same parent are heard like anybody else (but not those of a `private` or
 * `vepa` network): the caller compares with what Docker has. Two hosts that probe one address at the same time hear
 * each other. An address that the host itself has on any link is taken; a probe link cannot hear its own parent.
 *
 * `unknown` where nobody could listen: a tool is missing, the link is not there, is down or has no carrier, or went
 * away meanwhile.
 */
export function createAddressProbe(deps: ProbeDeps): AddressProbe & { readonly close: () => void } {
  const settings = deps.settings ?? usualProbing;
  const slot = createSlots(settings.atOnce);
  const ended = new AbortController();
  const probeLinks = createProbeLinks({
    open: (parent) => openProbeLink({ ...deps, solicitations: settings.probes }, parent, ended.signal),
    timing: deps.timing,
    lingerMs: settings.lingerMs,
  });
  let last = 0;

  async function ask(link: string, ip: Ip, signal: AbortSignal): Promise<ProbeAnswer> {
    const links = await deps.links.list();
    const parent = links.find(({ name }) => name === link);
    if (parent === undefined) return unknown(`this host has no interface ${link}`);
    const deaf = whyDeaf(parent);
    if (deaf !== null) return unknown(deaf);
    const own = links.find(({ addresses }) => addresses.some(({ address }) => address === formatIp(ip)));
    if (own !== undefined) return { answer: 'taken', mac: own.mac ?? parent.mac ?? '00:00:00:00:00:00' };
    const refusal = deps.refuses?.(link) ?? null;
    if (refusal !== null) return unknown(refusal);
    await deps.timing.delay(settings.startWithinMs * deps.timing.random(), signal);
    last += 1;
    const listener = listenerFor(ip, last);
    return probeLinks.use(parent, (probeLink) => askOn(probeLink, ip, listener, signal));
  }

  async function askOn(
    probeLink: ProbeLink,
    ip: Ip,
    listener: Listener,
    signal: AbortSignal,
  ): Promise<ProbeAnswer> {
    const { run } = probeLink;
    if (ip.family === 6 && !probeLink.ipv6) return unknown('the kernel of this host has no IPv6');
    const { family, table } = listener;
    await run('nft', ['-f', '-'], { input: listenerTable(ip, listener), signal });
    try {
      const heard = async () => {
        const { stdout } = await run('nft', ['-j', 'list', 'set', family, table, heardSet], { signal });
        return parseHeard(stdout).find((mac) => mac !== probeLink.mac);
      };
      await (ip.family === 4 ? sendArp : sendSolicitations)(probeLink, ip, signal);
      const early = await heard();
      if (early !== undefined) return { answer: 'taken', mac: early };
      // The wait after the last probe began when it was sent, a second ago.
      await deps.timing.delay(Math.max(0, settings.listenMs - secondMs), signal);
      signal.throwIfAborted();
      const late = await heard();
      if (late !== undefined) return { answer: 'taken', mac: late };
      if (!(await probeLink.hears(signal))) return unknown('the interface went down while it was asked');
      return { answer: 'clear' };
    } finally {
      await cleanUp(probeLink, ip, listener).catch(() => {});
    }
  }

  /** Ends a second after the last probe, or with the first answer. What arping itself says is not all that was said. */
  async function sendArp({ run, name }: ProbeLink, ip: Ip, signal: AbortSignal): Promise<void> {
    await run('arping', ['-D', '-q', '-c', String(settings.probes), '-I', name, formatIp(ip)], {
      timeoutMs: (settings.probes + 5) * secondMs,
      acceptCodes: [0, 1],
      signal,
    });
  }

  /** The kernel sends them, the first within a second (RFC 4862 section 5.4.2), and ends a second after the last. */
  async function sendSolicitations({ run, name }: ProbeLink, ip: Ip, signal: AbortSignal): Promise<void> {
    await run('ip', ['-6', 'address', 'add', `${formatIp(ip)}/128`, 'dev', name], { signal });
    await deps.timing.delay((settings.probes + 1) * secondMs, signal);
    signal.throwIfAborted();
  }

  return {
    probe: async ({ link, ip }, signal) => {
      const parsed = tryParseIp(ip);
      if (parsed === undefined) return unknown(`${ip} is no IP address`);
      const until = AbortSignal.any([signal, ended.signal]);
      try {
        return await slot(() => {
          until.throwIfAborted();
          return ask(link, parsed, until);
        });
      } catch (error) {
        return unknown(until.aborted ? 'it was given up' : failureText(error));
      }
    },
    close: () => {
      ended.abort();
      probeLinks.close();
    },
  };
}

async function cleanUp({ run, name }: ProbeLink, ip: Ip, { family, table }: Listener): Promise<void> {
  if (ip.family === 6) await run('ip', ['-6', 'address', 'delete', `${formatIp(ip)}/128`, 'dev', name]);
  await run('nft', ['delete', 'table', family, table]);
}

/** Why nothing can be heard on a link, or null. */
function whyDeaf({ name, up, carrier }: Link): string | null {
  if (!up) return `interface ${name} is down`;
  return carrier ? null : `interface ${name} has no carrier`;
}

function unknown(reason: string): ProbeAnswer {
  return { answer: 'unknown', reason };
}

function failureText(error: unknown): string {
  const message = error instanceof Error ? error.message.slice(0, 500) : String(error);
  if (!(error instanceof CommandFailed)) return message;
  const advice = adviceFor(error);
  return advice === null ? message : `${message}; ${advice}`;
}
