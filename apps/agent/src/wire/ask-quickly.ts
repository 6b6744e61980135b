import { formatIp } from '@trunkline/netaddr';
import type { ProbeAnswer } from './address-probe.ts';
import type { Timing } from '../lib/timing.ts';
import type { Question } from './ask-together.ts';
import { askLine, forgetLines, stationOf } from './neighbour.ts';
import type { ProbeNamespace } from './probe-namespace.ts';

/** How an address is asked for that a container waits for. */
export interface QuickSettings {
  /** When the probes are sent, in milliseconds from the first. */
  readonly sendAt: readonly number[];
  /** When it is looked whether somebody answered; the last of them ends it. */
  readonly lookAt: readonly number[];
}

/**
 * The probes of RFC 5227 shortened: a station on a LAN answers within milliseconds, one on a radio link that sleeps within
 * a tenth of a second or two. Whoever answers later is found afterwards.
 */
export const quickProbing: QuickSettings = {
  sendAt: [0, 80, 160],
  lookAt: [10, 40, 80, 120, 160, 200, 260],
};

/**
 * Asks the wire whether somebody has an address, with nothing but the kernel's own neighbour table: no program is started,
 * so that it costs a container some 0.26 s, and less where somebody answers. IPv4: ARP probes. IPv6: neighbour solicitations
 * (RFC 4861 section 7.2.2) from the link-local address of the link.
 *
 * Fails as the namespace's `ask` does.
 */
export async function askQuickly(
  space: ProbeNamespace,
  question: Question,
  settings: QuickSettings,
  timing: Pick<Timing, 'delay' | 'now'>,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const { link, ip, known } = question;
  const dst = formatIp(ip);
  const began = timing.now();
  const moments = [...new Set([...settings.sendAt, ...settings.lookAt])].toSorted((a, b) => a - b);
  let hasAsked = false;
  let isThere = false;
  try {
    for (const moment of moments) {
      await timing.delay(Math.max(0, moment - (timing.now() - began)), signal);
      signal.throwIfAborted();
      // Looked at before it is asked again: asking forgets who answered. What is there before the first question is an answer to an
      // earlier one, from a container that may have ended since.
      if (hasAsked) {
        const entry = (await space.ask([], 'neigh show')).find(
          (one) => one['dst'] === dst && one['dev'] === link.name,
        );
        const mac = stationOf(entry?.['lladdr']);
        if (mac !== null && mac !== link.mac && !known.includes(mac)) return { answer: 'taken', mac };
        if (entry !== undefined) isThere = true;
      }
      if (settings.sendAt.includes(moment)) {
        await space.ask([askLine(question)], 'link show dev lo');
        hasAsked = true;
      }
    }
    if (!isThere) return { answer: 'unknown', reason: 'the kernel did not probe it' };
    if (!(await space.hearing()).has(link.name)) {
      return { answer: 'unknown', reason: 'the interface went down during the probe' };
    }
    return { answer: 'clear' };
  } finally {
    space.ask(forgetLines(question), 'link show dev lo').catch(() => {});
  }
}
