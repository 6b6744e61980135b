import { createBatches, inOrder } from '@trunkline/batching';
import { converse } from '../host/conversation.ts';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import { list, number, record, text, texts, type JsonRecord } from '../host/json-read.ts';
import type { Link } from '../host/links.ts';
import { inContainerNetwork } from '../host/namespace.ts';
import type { OpenDialogue } from '../host/resident-ip.ts';
import type { Timing } from '../lib/timing.ts';
import { silence } from './listener.ts';
import { linkLocalOf, probeMac } from './probe-mac.ts';

/** What the namespace is made with. */
export interface ProbeNamespaceDeps {
  readonly run: RunCommand;
  readonly open: OpenDialogue;
  readonly timing: Pick<Timing, 'delay'>;
  /** Solicitations that the kernel sends for an IPv6 address, a second apart (RFC 4862, DupAddrDetectTransmits). */
  readonly solicitations: number;
}

/** A station of our own on the wire of a parent, to ask and to listen with; ADR 0023 has what it sends of its own. */
export interface ProbeLink {
  readonly name: string;
  readonly mac: string;
}

/** A network namespace of our own with a link on each parent that is asked, and an `ip` that stays in it. */
export interface ProbeNamespace {
  /** False where the kernel has no IPv6. */
  readonly ipv6: boolean;
  /**
   * Has `ip` carry out some lines, then answers a question (ip(8), `-batch`). A line that fails changes nothing and holds up
   * no other. Fails with `Error` when there is no `ip` any more; then the whole namespace is gone.
   */
  readonly ask: (lines: readonly string[], question: string) => Promise<readonly JsonRecord[]>;
  /** Runs a program in it. */
  readonly run: RunCommand;
  /** Fails with `CommandFailed` (also where the parent takes no macvlan, as under passthru), and with `Error` where nothing can be heard on it. */
  readonly addLink: (parent: Link, signal: AbortSignal) => Promise<ProbeLink>;
  readonly removeLink: (link: ProbeLink) => void;
  /** Names of the links on which frames are received now. */
  readonly hearing: () => Promise<ReadonlySet<string>>;
  /** Lets the kernel resolve IPv6 neighbours from a link: it needs a link-local address to ask from. */
  readonly prepareIpv6: (link: ProbeLink) => Promise<void>;
  readonly isGone: () => boolean;
  /** Takes it away; the kernel does it a moment later. */
  readonly close: () => void;
}

const patienceMs = 2000;
const pollMs = 50;
/** How long an `ip` that stays may take, on a machine that is busy, in milliseconds. */
const silenceMs = 5000;
/** Any link: it is queried only to know that the commands before have been carried out. */
const anything = 'link show dev lo';

/**
 * Makes the namespace. The host's addresses, routes and firewall are not touched. A macvlan link hears the containers of this host,
 * which its parent never does. An `ip` holds the namespace: its input ends with the agent, however that ends, and then the kernel
 * removes the namespace and its links.
 *
 * Fails with `Error`.
 */
export async function openProbeNamespace(
  deps: ProbeNamespaceDeps,
  signal: AbortSignal,
): Promise<ProbeNamespace> {
  const holder = deps.open('unshare', ['--net', '--', 'ip', '-json', '-force', '-batch', '-']);
  const talk = converse(holder, silenceMs);
  let last: Promise<unknown> = Promise.resolve();
  let gone = false;
  const close = (): void => {
    gone = true;
    talk.stop();
  };

  function ask(lines: readonly string[], question: string): Promise<readonly JsonRecord[]> {
    const answer = last.then(async () => {
      try {
        return list(JSON.parse(await talk.ask([...lines, question].join('\n')))).map(record);
      } catch (error) {
        close();
        throw error;
      }
    });
    last = answer.catch(() => {});
    return answer;
  }

  try {
    await ask([], anything).catch((cause: unknown) => {
      throw new Error('unshare created no network namespace: it requires root, util-linux and iproute2', {
        cause,
      });
    });
    const run = inContainerNetwork(deps.run, holder.pid ?? 0);
    const ipv6 = await prepare(run, deps.solicitations, signal);
    const show = async () => (await ask([], 'link show')).map(readLink);
    const added = createBatches<Link, CommandFailed | null>({
      run: inOrder((parents) => addLinks(deps.run, parents, holder.pid ?? 0, signal)),
      most: 64,
      atOnce: 1,
    });
    return {
      ipv6,
      ask,
      run,
      addLink: async (parent) => {
        // What was taken away just now has to be gone, or its name is taken.
        await ask([], anything);
        const failure = await added.ask(parent);
        if (failure !== null) throw failure;
        const name = nameOf(parent);
        await ask(wakeUp(name), anything);
        return awaitLink(name, parent, show, ask, deps.timing, signal);
      },
      removeLink: ({ name }) => {
        if (!gone) ask([`link delete dev ${name}`], anything).catch(() => {});
      },
      hearing: async () => new Set((await show()).filter(({ hears }) => hears).map(({ name }) => name)),
      prepareIpv6: async ({ name, mac }) => {
        // To multicast: an answer to what was sent to one station names no MAC (RFC 4861 section 7.2.4).
        const flag = `/proc/sys/net/ipv6/neigh/${name}/mcast_resolicit`;
        await run('tee', [flag], { input: '1', signal });
        await ask(
          [
            `ntable change name ndisc_cache dev ${name} ucast_probes 0 retrans 50`,
            `address add ${linkLocalOf(mac)}/64 dev ${name} nodad`,
          ],
          anything,
        );
      },
      isGone: () => gone,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

const nameOf = ({ ifindex }: Link): string => `probe${ifindex}`;

/**
 * One question on the wire for each time that is asked, with an answer to it taken at once (`locktime`, arp(7)). The kernel
 * asks from 0.0.0.0, since no link here has an address: that is an ARP probe.
 */
function wakeUp(name: string): readonly string[] {
  return [
    `link set dev ${name} addrgenmode none`,
    `ntable change name arp_cache dev ${name} ucast_probes 1 retrans 50 locktime 0`,
    `link set dev ${name} up`,
  ];
}

/** Makes all of them with one program; answers for each why it could not be made, or null. */
async function addLinks(
  run: RunCommand,
  parents: readonly Link[],
  pid: number,
  signal: AbortSignal,
): Promise<(CommandFailed | null)[]> {
  const wordsFor = (parent: Link): string[] => {
    const where = ['link', parent.name, 'name', nameOf(parent), 'netns', String(pid)];
    return ['link', 'add', ...where, 'address', probeMac(parent), 'type', 'macvlan', 'mode', 'bridge'];
  };
  const addOne = async (parent: Link): Promise<CommandFailed | null> => {
    try {
      await run('ip', wordsFor(parent), { signal });
      return null;
    } catch (error) {
      if (error instanceof CommandFailed) return error;
      throw error;
    }
  };
  if (parents.length > 1) {
    const input = parents.map((parent) => `${wordsFor(parent).join(' ')}\n`).join('');
    try {
      await run('ip', ['-batch', '-'], { input, signal });
      return parents.map(() => null);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
    }
  }
  // Which of them failed is known only one by one; those that are there already say so.
  const failures = await Promise.all(parents.map(addOne));
  return failures.map((failure) =>
    failure !== null && parents.length > 1 && failure.stderr.includes('File exists') ? null : failure,
  );
}

interface SeenLink {
  readonly name: string;
  readonly mac: string;
  readonly up: boolean;
  readonly hears: boolean;
}

function readLink(seen: JsonRecord): SeenLink {
  const flags = new Set(texts(seen['flags']));
  const up = flags.has('UP');
  return {
    name: text(seen['ifname']) ?? String(number(seen['ifindex'])),
    mac: text(seen['address']) ?? '',
    up,
    hears: up && flags.has('LOWER_UP'),
  };
}

async function awaitLink(
  name: string,
  parent: Link,
  show: () => Promise<readonly SeenLink[]>,
  ask: ProbeNamespace['ask'],
  timing: ProbeNamespaceDeps['timing'],
  signal: AbortSignal,
): Promise<ProbeLink> {
  for (let waited = 0; ; waited += pollMs) {
    const link = (await show()).find((one) => one.name === name);
    if (link?.hears === true) return { name, mac: link.mac };
    if (link === undefined || waited >= patienceMs || signal.aborted) {
      throw new Error('the probe link has no carrier');
    }
    if (!link.up) {
      // One that was closed just now may still hold the MAC.
      const second = probeMac(parent, 'second');
      await ask([`link set dev ${name} address ${second}`, `link set dev ${name} up`], anything);
    }
    await timing.delay(pollMs, signal);
  }
}

/** False where the kernel has no IPv6. What the room gets by itself, it does not use. */
async function prepare(run: RunCommand, solicitations: number, signal: AbortSignal): Promise<boolean> {
  try {
    await Promise.all([
      // /proc/sys/net is that of the namespace of whoever writes.
      run('tee', ['/proc/sys/net/ipv6/conf/default/dad_transmits'], { input: String(solicitations), signal }),
      run('nft', ['-f', '-'], { input: silence, signal }),
    ]);
    return true;
  } catch (error) {
    if (error instanceof CommandFailed && error.kind === 'exit' && error.argv.includes('tee')) return false;
    throw error;
  }
}
