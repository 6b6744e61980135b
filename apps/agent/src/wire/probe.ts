import { createBatches, inOrder } from '@trunkline/batching';
import { formatIp, tryParseIp, type Ip } from '@trunkline/netaddr';
import type { RunCommand } from '../host/command.ts';
import type { Link, Links } from '../host/links.ts';
import type { OpenDialogue } from '../host/resident-ip.ts';
import type { AddressProbe, Ask, ProbeAnswer } from './address-probe.ts';
import type { Timing } from '../lib/timing.ts';
import { askQuickly, quickProbing, type QuickSettings } from './ask-quickly.ts';
import { askTogether, type AskSettings } from './ask-together.ts';
import { createProbeLinks, type HeldLink } from './probe-links.ts';
import { openProbeNamespace } from './probe-namespace.ts';
import { failureText } from './tools.ts';

/** How the wire is asked. */
export type ProbeSettings = AskSettings & {
  /**
   * The first probe is sent within this time (RFC 5227, PROBE_WAIT), so that hosts that start together do not ask
   * together, in milliseconds. What is asked for until then is asked for together.
   */
  readonly startWithinMs: number;
  /** Addresses that are asked for together, whatever interfaces they are on. */
  readonly together: number;
  /** How many times as many may be asked for at once; the others wait. */
  readonly atOnce: number;
  /** How long a probe link stays without use, in milliseconds. */
  readonly lingerMs: number;
  readonly quick: QuickSettings;
};

/** As RFC 5227 section 1.1 has it: 4 to 6 seconds an address. */
const usualProbing: ProbeSettings = {
  probes: 3,
  startWithinMs: 1000,
  listenMs: 2000,
  together: 256,
  atOnce: 2,
  lingerMs: 600_000,
  quick: quickProbing,
};

/** What is in use is asked for once, and heard for a second. */
const rechecking: AskSettings = { probes: 1, listenMs: 1000 };

/** What the wire is asked with. */
export interface ProbeDeps {
  readonly run: RunCommand;
  readonly open: OpenDialogue;
  readonly links: Pick<Links, 'list'>;
  readonly timing: Pick<Timing, 'delay' | 'random' | 'now'>;
  readonly settings?: ProbeSettings;
}

interface Asked {
  readonly link: string;
  readonly ip: Ip;
  readonly known: readonly string[];
}

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
    open: () => openProbeNamespace({ ...deps, solicitations: settings.probes }, ended.signal),
    signal: ended.signal,
    timing,
    lingerMs: settings.lingerMs,
  });
  let last = 0;
  const batches = (how: AskSettings, gather?: () => Promise<void>) =>
    createBatches<Asked, ProbeAnswer>({
      run: inOrder((asked) => askAll(asked, how)),
      ...(gather && { gather }),
      most: settings.together,
      atOnce: settings.atOnce,
    });
  const probing = batches(settings, () =>
    timing.delay(settings.startWithinMs * timing.random(), ended.signal),
  );
  const checking = batches(rechecking);

  /** On their links, all at once; those that cannot be asked for are answered with why. */
  async function askAll(asked: readonly Asked[], how: AskSettings): Promise<readonly ProbeAnswer[]> {
    const links = await deps.links.list();
    const places = asked.map((one) => placeOf(one, links));
    const parents = new Map(places.flatMap((place) => ('answer' in place ? [] : [[keyOf(place), place]])));
    const held = new Map<string, HeldLink | ProbeAnswer>();
    await Promise.all(
      [...parents].map(async ([key, parent]) => {
        held.set(key, await probeLinks.hold(parent).catch((error: unknown) => unknown(failureText(error))));
      }),
    );
    let failed = true;
    try {
      const rooms = places.map((place) =>
        'answer' in place ? place : (held.get(keyOf(place)) ?? unknown(givenUp)),
      );
      const questions = asked.flatMap(({ ip, known }, index) => {
        const room = rooms[index];
        return room !== undefined && 'link' in room ? [{ ...room, ip, known, index }] : [];
      });
      const [first] = questions;
      const answers = new Map<number, ProbeAnswer>();
      if (first !== undefined) {
        last += 1;
        const got = await askTogether(first.space, questions, last, how, timing.delay, ended.signal);
        got.forEach((answer, at) => answers.set(questions[at]?.index ?? -1, answer));
      }
      failed = false;
      return rooms.map((room, index) => ('answer' in room ? room : (answers.get(index) ?? unknown(givenUp))));
    } finally {
      for (const room of held.values()) if ('leave' in room) room.leave(failed);
    }
  }

  async function quickly(asked: Asked, signal: AbortSignal): Promise<ProbeAnswer> {
    const place = placeOf(asked, await deps.links.list());
    if ('answer' in place) return place;
    const held = await probeLinks.hold(place);
    const { ip, known } = asked;
    let failed = true;
    try {
      if (ip.family === 6 && !held.space.ipv6) return unknown('the kernel of this host has no IPv6');
      if (ip.family === 6) await held.readyForIpv6();
      const question = { link: held.link, ip, known };
      const answer = await askQuickly(held.space, question, settings.quick, timing, signal);
      failed = false;
      return answer;
    } finally {
      held.leave(failed && !signal.aborted);
    }
  }

  function asker(put: (asked: Asked, signal: AbortSignal) => Promise<ProbeAnswer>): Ask {
    return async ({ link, ip, known = [] }, signal) => {
      const parsed = tryParseIp(ip);
      if (parsed === undefined) return unknown(`${ip} is not an IP address`);
      if (signal.aborted || ended.signal.aborted) return unknown(givenUp);
      const over = Promise.withResolvers<ProbeAnswer>();
      const giveUp = () => over.resolve(unknown(givenUp));
      signal.addEventListener('abort', giveUp, { once: true });
      try {
        return await Promise.race([put({ link, ip: parsed, known }, signal), over.promise]);
      } catch (error) {
        return unknown(ended.signal.aborted ? givenUp : failureText(error));
      } finally {
        signal.removeEventListener('abort', giveUp);
      }
    };
  }

  return {
    probe: asker((asked) => probing.ask(asked)),
    ask: asker((asked, signal) => quickly(asked, AbortSignal.any([signal, ended.signal]))),
    recheck: asker((asked) => checking.ask(asked)),
    letGo: probeLinks.letGo,
    close: () => {
      ended.abort();
      probeLinks.close();
    },
  };
}

const givenUp = 'the probe was aborted';

const keyOf = ({ ifindex, name }: Link): string => `${ifindex}:${name}`;

/** Where to ask, or what is known without: the kernel shows what this host has itself. */
function placeOf({ link, ip }: Asked, links: readonly Link[]): Link | ProbeAnswer {
  const parent = links.find(({ name }) => name === link);
  if (parent === undefined) return unknown(`this host has no interface ${link}`);
  const deaf = whyDeaf(parent);
  if (deaf !== null) return unknown(deaf);
  const text = formatIp(ip);
  const own = links.find(({ addresses }) => addresses.some(({ address }) => address === text));
  if (own === undefined) return parent;
  return { answer: 'taken', mac: own.mac ?? parent.mac ?? '00:00:00:00:00:00' };
}

/** Why nothing can be heard on a link, or null. */
function whyDeaf({ name, up, carrier }: Link): string | null {
  if (!up) return `interface ${name} is down`;
  return carrier ? null : `interface ${name} has no carrier`;
}

function unknown(reason: string): ProbeAnswer {
  return { answer: 'unknown', reason };
}
