import { parseMac } from '@trunkline/netaddr';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import { converse } from '../host/conversation.ts';
import { list, record, texts } from '../host/json-read.ts';
import type { Link } from '../host/links.ts';
import { inContainerNetwork } from '../host/namespace.ts';
import type { OpenDialogue } from '../host/resident-ip.ts';

/** What a station is made with. */
export interface StationDeps {
  readonly run: RunCommand;
  readonly open: OpenDialogue;
}

/** What one is. */
export interface StationSpec {
  readonly parent: Pick<Link, 'name'>;
  readonly mac: string;
  /** May be empty: then it is heard, and answers nobody. */
  readonly addresses: readonly { readonly ip: string; readonly prefix: number }[];
}

/**
 * A station of our own on the wire of a parent, as a container would be: a macvlan link in a network namespace, with addresses
 * that the kernel answers for.
 */
export interface Station {
  /** Runs a program in it. */
  readonly run: RunCommand;
  /** Sends one frame to everybody: an ARP request for an address that nobody has (RFC 5737), which claims nothing. */
  readonly callOut: () => Promise<void>;
  /** MACs from which frames arrived, in lower case; null where this kernel or its nft cannot count them. */
  readonly heard: () => Promise<ReadonlySet<string> | null>;
  /** Takes it away; the kernel does it a moment later. */
  readonly close: () => void;
}

const linkName = 'wire0';
const silenceMs = 5000;
/** For documentation only. */
const nobody = '192.0.2.1';
const anything = 'link show dev lo';

/** Notes the sender of every frame that arrives: of all protocols, before anything is decided about it (nft(8), netdev ingress). */
const listener = `
table netdev heard {
  set from { type ether_addr; flags dynamic; size 65535; }
  chain in {
    type filter hook ingress device "${linkName}" priority 0; policy accept;
    add @from { ether saddr }
  }
}
`;

/**
 * Makes one. Like a probe namespace it is held by an `ip` whose input ends with the agent, however that ends, so that
 * nothing is left behind.
 *
 * Fails with `CommandFailed` (also where the parent takes no macvlan), and with `Error` where there is no namespace.
 */
export async function openStation(
  deps: StationDeps,
  spec: StationSpec,
  signal: AbortSignal,
): Promise<Station> {
  const holder = deps.open('unshare', ['--net', '--', 'ip', '-json', '-force', '-batch', '-']);
  const talk = converse(holder, silenceMs);
  let last: Promise<unknown> = Promise.resolve();
  const ask = (lines: readonly string[]): Promise<void> => {
    const answer = last.then(async () => void (await talk.ask([...lines, anything].join('\n'))));
    last = answer.catch(() => {});
    return answer;
  };
  try {
    await ask([]).catch((cause: unknown) => {
      throw new Error('unshare created no network namespace: it requires root, util-linux and iproute2', {
        cause,
      });
    });
    const pid = holder.pid ?? 0;
    const run = inContainerNetwork(deps.run, pid);
    const where = ['link', spec.parent.name, 'name', linkName, 'netns', String(pid)];
    const how = ['address', spec.mac, 'type', 'macvlan', 'mode', 'bridge'];
    await deps.run('ip', ['link', 'add', ...where, ...how], { signal });
    const counts = await listens(run, signal);
    const addresses = spec.addresses.map(
      ({ ip, prefix }) => `address add ${ip}/${prefix} dev ${linkName} nodad`,
    );
    await ask([
      'link set dev lo up',
      `link set dev ${linkName} addrgenmode none`,
      ...addresses.filter((line) => !line.includes(':')),
      `link set dev ${linkName} up`,
      ...addresses.filter((line) => line.includes(':')),
    ]);
    return {
      run,
      callOut: () => ask([`neigh replace ${nobody} lladdr ff:ff:ff:ff:ff:ff nud probe dev ${linkName}`]),
      heard: async () =>
        counts
          ? readSenders(await run('nft', ['-j', 'list', 'set', 'netdev', 'heard', 'from'], { signal }))
          : null,
      close: talk.stop,
    };
  } catch (error) {
    talk.stop();
    throw error;
  }
}

async function listens(run: RunCommand, signal: AbortSignal): Promise<boolean> {
  try {
    await run('nft', ['-f', '-'], { input: listener, signal });
    return true;
  } catch (error) {
    if (error instanceof CommandFailed && (error.kind === 'exit' || error.kind === 'spawn')) return false;
    throw error;
  }
}

/** The elements of a set of MACs (libnftables-json(5)). */
function readSenders({ stdout }: { readonly stdout: string }): ReadonlySet<string> {
  const sets = list(record(JSON.parse(stdout))['nftables']).map((entry) => record(record(entry)['set']));
  return new Set(sets.flatMap((set) => texts(set['elem'])).map(parseMac));
}
