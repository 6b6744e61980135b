import { randomBytes } from 'node:crypto';
import { vi } from 'vitest';
import type { Ping } from '@trunkline/contracts';
import { pingAddress } from '../checks/ping.ts';
import { createCommandRunner, type RunCommand } from '../host/command.ts';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import { createLinks } from '../host/ip-links.ts';
import { readText } from '../host/read-text.ts';
import { createProcessSpawner } from '../host/spawn.ts';
import type { Observed } from '../observation/observed.ts';
import { network } from '../reconcile/subjects.fixture.ts';
import { noProbe } from '../wire/address-probe.ts';
import type { Examined, Examiner, Traffic } from './examiner.ts';
import type { Scene } from './scene.ts';

const run = createCommandRunner();
const spawn = createProcessSpawner();
export const isRoot = process.getuid?.() === 0;

/** Addresses on the wire: the container `box1`, and a station of somebody else. */
const boxIp = '172.16.100.10';
const stationIp = '172.16.100.20';

/** A host with a container on `ens33`, and a station on the same wire, all in namespaces of their own. */
export interface RealScene {
  readonly onHost: RunCommand;
  readonly inBox: RunCommand;
  readonly atStation: RunCommand;
  /** A process inside the container. */
  readonly pid: number;
  /** The scene as it is now. */
  readonly look: () => Promise<Scene>;
  /** Pings both ways while the examiner waits, and answers what it found. */
  readonly examine: (examiner: Examiner) => Promise<Examined & { readonly isLost: boolean }>;
  /** Runs a line of shell on the host, as an operator does. */
  readonly type: (line: string) => Promise<void>;
  /** Has both forget who has which address, as they would by themselves in a while. */
  readonly forget: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Has `ip` carry out a line in a namespace. */
async function ip({ inside }: { readonly inside: RunCommand }, line: string): Promise<void> {
  await inside('ip', line.split(' '));
}

/** Needs root. `parent` is what the container hangs on; `prepare` makes it. */
export async function openRealScene(
  parent = 'ens33',
  prepare: (onHost: RunCommand) => Promise<void> = async () => {},
): Promise<RealScene> {
  const made: string[] = [];
  const namespace = async (): Promise<{ name: string; inside: RunCommand }> => {
    const name = `tlt-${randomBytes(4).toString('hex')}`;
    await run('ip', ['netns', 'add', name]);
    made.push(name);
    return {
      name,
      inside: (file, argv, options) => run('ip', ['netns', 'exec', name, file, ...argv], options),
    };
  };
  const close = async (): Promise<void> => {
    await Promise.allSettled(made.splice(0).map((name) => run('ip', ['netns', 'delete', name])));
  };
  try {
    const [host, station, box] = [await namespace(), await namespace(), await namespace()];
    await ip(host, `link add ens33 type veth peer name eth0 netns ${station.name}`);
    await ip(host, 'link set ens33 up');
    await ip(station, 'link set eth0 up');
    await ip(station, `address add ${stationIp}/24 dev eth0`);
    await prepare(host.inside);
    await ip(host, `link add link ${parent} name box type macvlan mode bridge`);
    await ip(host, `link set box netns ${box.name} name eth0`);
    await ip(box, `address add ${boxIp}/24 dev eth0`);
    await ip(box, 'link set lo up');
    await ip(box, 'link set eth0 up');
    const container = spawn('ip', ['netns', 'exec', box.name, 'sleep', 'infinity']);
    const stop = async (): Promise<void> => {
      container.stop();
      await close();
    };
    const pid = await vi.waitFor(async () => {
      const found = Number((await run('ip', ['netns', 'pids', box.name])).stdout);
      if (found === 0) throw new Error('the process is not in its namespace yet');
      return found;
    }, 5000);
    const { signal } = new AbortController();
    const look = async (): Promise<Scene> => {
      const links = await createLinks(host.inside).list();
      const detail = {
        name: 'box1',
        pid,
        networkMode: 'mac_net1',
        endpoints: [{ networkName: 'mac_net1', ipv4: boxIp, ipv4PrefixLength: 24, ipv6: null, mac: null }],
      };
      return {
        networks: [
          { network: network(), linkName: parent, link: links.find(({ name }) => name === parent) ?? null },
        ],
        containers: [{ name: 'box1', detail: detail as unknown as DockerContainerDetail }],
        observed: { links } as unknown as Observed,
        inspect: async () => null,
        recheck: noProbe.recheck,
        run: host.inside,
        // /proc/sys and /proc/net show the network of who reads them.
        readFile: async (path) =>
          /^\/(?:proc\/(?:sys|net)|sys)\//.test(path)
            ? (await host.inside('cat', [path])).stdout
            : await readText(path),
        readFolder: async () => [],
        signal,
      };
    };
    const tryBoth = async (): Promise<Traffic> => {
      const [there, back]: [Ping, Ping] = await Promise.all([
        pingAddress(stationIp, 2, box.inside, signal),
        pingAddress(boxIp, 2, station.inside, signal),
      ]);
      const pings = [
        { from: 'box1', to: 'station', ping: there, size: null },
        { from: 'station', to: 'box1', ping: back, size: null },
      ];
      return {
        pings,
        hostPings: [],
        wire: null,
        isLost: pings.some(({ ping }) => ping.received < ping.sent),
      };
    };
    return {
      onHost: host.inside,
      inBox: box.inside,
      atStation: station.inside,
      pid,
      look,
      examine: async (examiner) => {
        const end = await examiner.begin(await look());
        const traffic = await tryBoth();
        return { ...(await end(traffic)), isLost: traffic.isLost };
      },
      type: async (line) => {
        await host.inside('sh', ['-c', line]);
      },
      forget: async () => {
        for (const { inside } of [box, station]) await inside('ip', ['neigh', 'flush', 'all']);
      },
      close: stop,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
