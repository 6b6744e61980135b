import { formatIp, tryParseIp, type Ip } from '@trunkline/netaddr';
import type { RunCommand } from '../host/command.ts';
import type { Link, Links } from '../host/links.ts';
import type { OpenDialogue } from '../host/resident-ip.ts';
import type { AddressProbe, ProbeAnswer } from '../ipam/address-probe.ts';
import type { Timing } from '../sync/timing.ts';
import { askTogether, type AskSettings } from './ask-together.ts';
import { createBatches } from './batches.ts';
import { openProbeLink } from './probe-link.ts';
import { createProbeLinks } from './probe-links.ts';
import { failureText } from './tools.ts';

/** How the wire is asked. */
export type ProbeSettings = AskSettings & {
  /**
   * The first probe is sent within this time (RFC 5227, PROBE_WAIT), so that hosts that start together do not ask
   * together, in milliseconds. What is asked for until then is asked for together.
   */
  readonly startWithinMs: number;
  /** Addresses that are asked for together. */
  readonly together: number;
  /** How many times as many may be asked for at once; the others wait. */
  readonly atOnce: number;
  /** How long a probe link stays without use, in milliseconds. */
  readonly lingerMs: number;
};

/** As RFC 5227 section 1.1 has it: 4 to 6 seconds an address. */
export const usualProbing: ProbeSettings = {
  probes: 3,
  startWithinMs: 1000,
  listenMs: 2000,
  together: 32,
  atOnce: 2,
  lingerMs: 10_000,
};

/** What the wire is asked with. */
export type ProbeDeps = {
  readonly run: RunCommand;
  readonly open: OpenDialogue;
  readonly links: Pick<Links, 'list'>;
  readonly timing: Pick<Timing, 'delay' | 'random'>;
  readonly settings?: ProbeSettings;
};

/**
 * Asks the wire who has an address: ARP probes (RFC 5227 section 2.1) or duplicate address detection (RFC 4862 section
 * 5.4) from a link of our own, and the kernel notes who answers, up to the end of the last wait, and who else asks.
 *
 * Containers of this host that are on the same parent are heard like anybody else (but not those of a `private` or
 * `vepa` network): the caller compares with what Docker has. Other agents that ask for the same address
 * are not: a lease that changes hosts is asked for by both. Not for the link of a `passthru` network, which has room for its one container only. An address that the host itself has on any link is taken; a probe link cannot hear its own parent.
 *
 * `unknown` where nobody could listen: a tool is missing, the link is not there, is down or has no carrier, or went
 * away meanwhile.
 */
export function createAddressProbe(deps: ProbeDeps): AddressProbe & { readonly close: () => void } {
  const { timing } = deps;
  const settings = deps.settings ?? usualProbing;
  const ended = new AbortController();
  const probeLinks = createProbeLinks({
    open: (parent) => openProbeLink({ ...deps, solicitations: settings.probes }, parent, ended.signal),
    timing,
    lingerMs: settings.lingerMs,
  });
  let last = 0;
  const batches = createBatches<Link, Ip, ProbeAnswer>({
    keyOf: ({ ifindex, name }) => `${ifindex}:${name}`,
    ask: (parent, ips) => {
      last += 1;
      const number = last;
      return probeLinks.use(parent, (link) =>
        askTogether(link, ips, number, settings, timing.delay, ended.signal),
      );
    },
    gather: () => timing.delay(settings.startWithinMs * timing.random(), ended.signal),
    most: settings.together,
    atOnce: settings.atOnce,
  });

  async function ask(link: string, ip: Ip): Promise<ProbeAnswer> {
    const links = await deps.links.list();
    const parent = links.find(({ name }) => name === link);
    if (parent === undefined) return unknown(`this host has no interface ${link}`);
    const deaf = whyDeaf(parent);
    if (deaf !== null) return unknown(deaf);
    const own = links.find(({ addresses }) => addresses.some(({ address }) => address === formatIp(ip)));
    if (own !== undefined) return { answer: 'taken', mac: own.mac ?? parent.mac ?? '00:00:00:00:00:00' };
    return batches.ask(parent, ip);
  }

  return {
    probe: async ({ link, ip }, signal) => {
      const parsed = tryParseIp(ip);
      if (parsed === undefined) return unknown(`${ip} is no IP address`);
      if (signal.aborted || ended.signal.aborted) return unknown(givenUp);
      const over = Promise.withResolvers<ProbeAnswer>();
      const giveUp = () => over.resolve(unknown(givenUp));
      signal.addEventListener('abort', giveUp, { once: true });
      try {
        return await Promise.race([ask(link, parsed), over.promise]);
      } catch (error) {
        return unknown(ended.signal.aborted ? givenUp : failureText(error));
      } finally {
        signal.removeEventListener('abort', giveUp);
      }
    },
    close: () => {
      ended.abort();
      probeLinks.close();
    },
  };
}

const givenUp = 'it was given up';

/** Why nothing can be heard on a link, or null. */
function whyDeaf({ name, up, carrier }: Link): string | null {
  if (!up) return `interface ${name} is down`;
  return carrier ? null : `interface ${name} has no carrier`;
}

function unknown(reason: string): ProbeAnswer {
  return { answer: 'unknown', reason };
}
