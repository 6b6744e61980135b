import type { Scene } from '../scene.ts';
import { settingsToKnow } from './kernel-settings.ts';
import type { Wanted, WantedLink } from './undoing.ts';

/** Links by whose names hooks are called: not those of containers. */
const ownKinds = new Set<string | null>([null, 'bond', 'team', 'bridge', 'vlan']);
const maxNames = 32;

/** What the networks of a diagnosis need of this host. */
export async function wantedOf(scene: Scene): Promise<Wanted> {
  const links = wantedLinks(scene);
  const names = links.map(({ name }) => name);
  const others = scene.observed.links
    .filter(({ name, kind }) => ownKinds.has(kind) && name !== 'lo' && !/^(?:docker\d|br-)/.test(name))
    .map(({ name }) => name);
  const networks = scene.networks.map(({ network }) => network);
  return {
    links,
    names: [...new Set([...names, ...others])].slice(0, maxNames),
    modules: [
      ...(networks.length > 0 ? ['macvlan'] : []),
      ...(networks.some(({ vlan }) => vlan !== null) ? ['8021q'] : []),
    ],
    ipv6: networks.some(({ subnets }) => subnets.some(({ cidr }) => cidr.includes(':'))),
    forwarding: networks.some(({ forwarding }) => forwarding),
    settings: await settingsNow(names, scene),
  };
}

/** The interfaces of the networks: each parent once, and the VLAN sub-interfaces. */
function wantedLinks({ networks, observed }: Scene): readonly WantedLink[] {
  const wanted = new Map<string, WantedLink>();
  const known = (name: string): Pick<WantedLink, 'mac' | 'master' | 'mtuNow'> => {
    const link = observed.links.find((one) => one.name === name);
    return { mac: link?.mac ?? null, master: link?.master ?? null, mtuNow: link?.mtu ?? null };
  };
  for (const { network, linkName } of networks) {
    const parent = network.vlan === null ? linkName : (network.parent ?? observed.defaultRoute);
    if (parent === null) continue;
    const before = wanted.get(parent);
    const mtu = Math.max(before?.mtu ?? 0, network.mtu ?? 0);
    wanted.set(parent, {
      name: parent,
      ...known(parent),
      vlan: null,
      promiscuous: network.promiscuous || before?.promiscuous === true,
      mtu: mtu === 0 ? null : mtu,
    });
    if (network.vlan === null || linkName === null) continue;
    const vlan = { id: network.vlan, parent };
    wanted.set(linkName, { name: linkName, ...known(linkName), vlan, promiscuous: false, mtu: network.mtu });
  }
  return [...wanted.values()];
}

/** Settings of the kernel as they are now. Where they cannot be read, nothing is known of them. */
async function settingsNow(
  names: readonly string[],
  { run, signal }: Scene,
): Promise<ReadonlyMap<string, string>> {
  const root = '/proc/sys/';
  const paths = settingsToKnow(names).map((key) => `${root}${key}`);
  // /proc/sys/net shows the network of who reads it. 1 and 2: none of them, or not all, is there (grep(1)).
  const { stdout } = await run('grep', ['-Hs', '.', ...paths], { signal, acceptCodes: [0, 1, 2] }).catch(
    () => ({ stdout: '' }),
  );
  return new Map(
    stdout.split('\n').flatMap((line) => {
      const [, key, value] = /^\/proc\/sys\/(.+):(-?\d+)$/.exec(line) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value] as const];
    }),
  );
}
