import type { HostFinding } from '@trunkline/contracts';
import type { Examiner } from './examiner.ts';
import { undoneByIfcfg } from './files/ifcfg.ts';
import { undoneByIfupdown } from './files/ifupdown.ts';
import { undoneByNetplan } from './files/netplan.ts';
import { undoneByNetworkManager } from './files/network-manager.ts';
import { undoneByNetworkd } from './files/networkd.ts';
import { undoneByScripts } from './files/scripts.ts';
import type { HostFile, Undoing, WantedLink } from './files/undoing.ts';
import type { Scene } from './scene.ts';

/** Folders, those that count first, and the names of their files that count. */
interface Source {
  readonly folders: readonly string[];
  readonly name: RegExp;
  readonly undone: (files: readonly HostFile[], wanted: readonly WantedLink[]) => readonly Undoing[];
  /** In the order of their names, over all folders; one name hides the same in a later folder. */
  readonly byName?: true;
}

const sources: readonly Source[] = [
  { folders: ['/etc/sysconfig/network-scripts'], name: /^ifcfg-[^~]+$/, undone: undoneByIfcfg },
  {
    folders: ['/etc/NetworkManager', '/run/NetworkManager', '/usr/lib/NetworkManager'].map(
      (folder) => `${folder}/system-connections`,
    ),
    name: /^[^.].*[^~]$/,
    undone: undoneByNetworkManager,
  },
  {
    folders: ['/run/netplan', '/etc/netplan', '/usr/lib/netplan'],
    name: /\.yaml$/,
    undone: undoneByNetplan,
    byName: true,
  },
  {
    folders: ['/etc/network', '/etc/network/interfaces.d'],
    name: /^(?!interfaces\.)[\w.-]+$/,
    undone: undoneByIfupdown,
  },
  {
    folders: ['/etc/systemd/network', '/run/systemd/network', '/usr/lib/systemd/network'],
    name: /\.(?:network|netdev|link)$/,
    undone: undoneByNetworkd,
  },
  {
    folders: [
      '/etc/network',
      '/etc/network/interfaces.d',
      '/etc/network/if-pre-up.d',
      '/etc/network/if-up.d',
      '/etc/NetworkManager/dispatcher.d',
      '/etc/NetworkManager/dispatcher.d/pre-up.d',
      '/etc/networkd-dispatcher/configured.d',
      '/etc/networkd-dispatcher/routable.d',
      '/etc/systemd/system',
    ],
    name: /^[\w@.-]+(?<!\.wants|\.requires|\.d)$/,
    undone: undoneByScripts,
  },
  { folders: ['/etc', '/etc/rc.d'], name: /^rc\.local$/, undone: undoneByScripts },
];

/** Files that set up interfaces at boot, and undo ours. */
export const filesExaminer: Examiner = {
  area: 'files',
  begin: async (scene) => {
    const wanted = wantedLinks(scene);
    const looked = await Promise.all(
      sources.map(async (source) => {
        const files = await filesOf(source, scene);
        return { files, undone: source.undone(files, wanted) };
      }),
    );
    const paths = new Set(looked.flatMap(({ files }) => files.map(({ path }) => path)));
    return () => ({
      findings: looked.flatMap(({ undone }) => undone).map(findingOf),
      detail: `${paths.size} files of ifcfg, NetworkManager, netplan, ifupdown, systemd-networkd and scripts at boot`,
    });
  },
};

async function filesOf({ folders, name, byName }: Source, scene: Scene): Promise<readonly HostFile[]> {
  const listed = await Promise.all(
    folders.map(async (folder) =>
      (await scene.readFolder(folder))
        .filter((one) => name.test(one))
        .map((one) => ({ name: one, path: `${folder}/${one}` })),
    ),
  );
  const all = listed.flat();
  const counting =
    byName === true
      ? all
          .filter((one, at) => all.findIndex((other) => other.name === one.name) === at)
          .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      : all;
  const read = await Promise.all(
    counting.map(async ({ path }): Promise<HostFile[]> => {
      // A folder, say, or a link to what is not there.
      const text = await scene.readFile(path).catch(() => null);
      return text === null ? [] : [{ path, text }];
    }),
  );
  return read.flat();
}

/** The interfaces of the networks: each parent once, and the VLAN sub-interfaces. */
function wantedLinks({ networks, observed }: Scene): readonly WantedLink[] {
  const wanted = new Map<string, WantedLink>();
  const known = (name: string): Pick<WantedLink, 'mac' | 'master'> => {
    const link = observed.links.find((one) => one.name === name);
    return { mac: link?.mac ?? null, master: link?.master ?? null };
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

const findingOf = ({ path, line, text, link, does }: Undoing): HostFinding => ({
  code: 'undone-at-boot',
  subject: `${path} line ${line}`,
  message: `after the next boot, interface ${link} will ${does}, because of line ${line} of ${path}`,
  evidence: [`${path}, line ${line}: ${text}`],
  remedy: `change or remove line ${line} of ${path}`,
});
