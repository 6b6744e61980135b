import { undoneByCron } from './cron.ts';
import { given, undoneByHooks, type Given } from './hooks.ts';
import { undoneByIfcfg } from './ifcfg.ts';
import { undoneByIfupdown } from './ifupdown.ts';
import { undoneBySysctl } from './kernel-settings.ts';
import type { Scripts } from './last-word.ts';
import { undoneByModprobe } from './modprobe.ts';
import { undoneByNetplan } from './netplan.ts';
import { undoneByNetworkManager } from './network-manager.ts';
import { undoneByNetworkd } from './networkd.ts';
import type { Group } from './read.ts';
import { undoneByUdev } from './udev.ts';
import { undoneByUnits } from './units.ts';
import type { HostFile, Undoing, Wanted } from './undoing.ts';

/** What files of a kind are judged with. */
interface Judging {
  readonly wanted: Wanted;
  /** Scripts that files name by their path. */
  readonly scripts: Scripts;
  /** Files of every kind. */
  readonly all: readonly HostFile[];
}

/** A kind of files that the boot of a host reads or runs. */
interface Source {
  /** In a list of what was looked at. */
  readonly words: string;
  readonly groups: readonly Group[];
  /** What the files of the groups, in their order, undo. */
  readonly undone: (files: readonly (readonly HostFile[])[], judging: Judging) => readonly Undoing[];
}

/** A name as run-parts(8) takes it. */
const runParts = /^[\w-]+$/;
/** A name that is not a copy that an editor or a package left. */
const noCopy = /^(?![.#])(?!.*(?:~|\.(?:rpm\w+|dpkg-\w+|ucf-\w+|bak|orig|old|swp|disabled|placeholder))$).+$/;

/** Folders of hooks of one name for all, with what they are called with. */
interface Hooks {
  readonly folders: readonly string[];
  readonly name: RegExp;
  readonly given: Given;
}

/** Of hooks of one name in two folders, the first runs. */
const ofHooks = (words: string, kinds: readonly Hooks[]): Source => ({
  words,
  groups: kinds.map(({ folders, name }) => ({ folders, name, byName: true })),
  undone: (files, { wanted, scripts }) =>
    kinds.flatMap((kind, at) => undoneByHooks(files[at] ?? [], kind.given, wanted, scripts)),
});

const inEtcAndLib = (folder: string): readonly string[] => [`/etc/${folder}`, `/usr/lib/${folder}`];
const states = ['carrier', 'degraded', 'configuring', 'configured', 'routable'];

/**
 * Every kind of files that sets up interfaces at the boot of Debian, Ubuntu, RHEL or SUSE, or changes them after it.
 *
 * | kind             | what counts in it                                              | when                                                       |
 * | ---------------- | -------------------------------------------------------------- | ---------------------------------------------------------- |
 * | ifcfg            | PROMISC, ONBOOT, STARTMODE, MTU, bridge, bond, VLAN, HWADDR    | at boot                                                    |
 * | NetworkManager   | connections: promiscuous mode, MTU, autoconnect, master, VLAN  | when it starts                                             |
 * | netplan          | MTU, activation mode, ports, VLAN, `set-name`                  | at boot                                                    |
 * | ifupdown         | MTU, ports, VLAN, rename, no `auto`; commands of hooks         | at boot, of interfaces that are `auto`; hooks of `up` only |
 * | systemd-networkd | .network, .netdev, .link with their drop-ins                   | at boot; .link when the kernel finds the interface         |
 * | other hooks      | commands, as they run when an interface comes up               | with each interface                                        |
 * | systemd units    | commands, those that run at the start                          | at boot, or by a timer                                     |
 * | rc.local         | commands                                                       | at the end of the boot                                     |
 * | cron             | commands                                                       | at boot (`@reboot`), or by the clock                       |
 * | udev             | NAME, ATTR{mtu}, commands of RUN                               | when the kernel adds the interface                         |
 * | modprobe.d       | `install`, `blacklist`, `alias … off` of macvlan and 8021q     | when the module is asked for                               |
 * | sysctl.d         | settings by which nothing answers, or this host does not route | at boot                                                    |
 *
 * A command counts when it sets an interface of ours down, removes or renames it, makes it a port of another, or takes its MTU or its
 * promiscuous mode; in scripts also sysctl(8) and modprobe(8). The last word counts. Scripts of the operator's own that such a file calls
 * by their path are read with it.
 */
export const sources: readonly Source[] = [
  {
    words: 'ifcfg',
    groups: [
      { folders: ['/etc/sysconfig/network-scripts', '/etc/sysconfig/network'], name: /^ifcfg-[^~]+$/ },
    ],
    undone: ([files = []], { wanted }) => undoneByIfcfg(files, wanted.links),
  },
  {
    words: 'NetworkManager',
    groups: [
      {
        folders: ['/etc', '/run', '/usr/lib'].map((root) => `${root}/NetworkManager/system-connections`),
        name: /^[^.].*[^~]$/,
      },
    ],
    undone: ([files = []], { wanted }) => undoneByNetworkManager(files, wanted.links),
  },
  {
    words: 'netplan',
    groups: [
      { folders: ['/run/netplan', '/etc/netplan', '/usr/lib/netplan'], name: /\.yaml$/, byName: true },
    ],
    undone: ([files = []], { wanted }) => undoneByNetplan(files, wanted.links),
  },
  {
    words: 'ifupdown',
    groups: [
      { folders: ['/etc/network'], name: /^interfaces$/ },
      { folders: ['/etc/network/interfaces.d'], name: /^[\w.-]+$/ },
      { folders: ['/etc/network/if-pre-up.d'], name: runParts },
      { folders: ['/etc/network/if-up.d'], name: runParts },
    ],
    undone: ([main = [], more = [], before = [], after = []], { wanted, scripts, all }) =>
      undoneByIfupdown({ interfaces: [...main, ...more], before, after }, wanted, scripts, (name) =>
        isOfAnother(name, all),
      ),
  },
  {
    words: 'systemd-networkd',
    groups: [
      {
        folders: ['/etc', '/run', '/usr/local/lib', '/usr/lib'].map((root) => `${root}/systemd/network`),
        name: /\.(?:network|netdev|link)$/,
        dropIns: /\.(?:network|netdev|link)\.d$/,
      },
    ],
    undone: ([files = []], { wanted }) => undoneByNetworkd(files, wanted.links),
  },
  ofHooks('hooks of NetworkManager, networkd-dispatcher, dhclient and initscripts', [
    { folders: inEtcAndLib('NetworkManager/dispatcher.d'), name: noCopy, given: given.networkManager },
    {
      folders: inEtcAndLib('NetworkManager/dispatcher.d/pre-up.d'),
      name: noCopy,
      given: given.networkManagerBefore,
    },
    ...states.map((state) => ({
      folders: inEtcAndLib(`networkd-dispatcher/${state}.d`),
      name: noCopy,
      given: given.networkd,
    })),
    { folders: ['/etc/dhcp/dhclient-enter-hooks.d'], name: noCopy, given: given.dhclient },
    { folders: ['/etc/dhcp/dhclient-exit-hooks.d'], name: noCopy, given: given.dhclient },
    { folders: ['/sbin'], name: /^ifup-(?:pre-)?local$/, given: given.initscripts },
  ]),
  {
    words: 'systemd units',
    groups: [
      {
        folders: ['/etc/systemd/system', '/usr/local/lib/systemd/system'],
        name: /\.service$/,
        dropIns: /\.service\.d$/,
      },
      {
        folders: ['multi-user', 'network-online', 'network', 'sysinit', 'basic', 'default'].map(
          (target) => `/etc/systemd/system/${target}.target.wants`,
        ),
        name: /@.+\.service$/,
      },
      { folders: ['/etc/systemd/system'], name: /\.timer$/ },
    ],
    undone: ([files = []], { wanted, scripts, all }) => undoneByUnits(files, all, wanted, scripts),
  },
  ofHooks('rc.local', [
    { folders: ['/etc', '/etc/rc.d'], name: /^rc\.local$/, given: given.boot },
    { folders: ['/etc/init.d'], name: /^(?:boot|after)\.local$/, given: given.boot },
  ]),
  {
    words: 'cron',
    groups: [
      { folders: ['/etc'], name: /^crontab$/ },
      { folders: ['/etc/cron.d'], name: noCopy },
      { folders: ['/var/spool/cron', '/var/spool/cron/crontabs', '/var/spool/cron/tabs'], name: /^root$/ },
    ],
    undone: ([main = [], more = [], own = []], { wanted, scripts }) =>
      undoneByCron([...main, ...more], own, wanted, scripts),
  },
  {
    words: 'udev',
    groups: [{ folders: ['/etc/udev/rules.d', '/run/udev/rules.d'], name: /\.rules$/, byName: true }],
    undone: ([files = []], { wanted, scripts }) => undoneByUdev(files, wanted, scripts),
  },
  {
    words: 'modprobe.d',
    groups: [
      {
        folders: ['/etc/modprobe.d', '/run/modprobe.d', '/usr/local/lib/modprobe.d', '/usr/lib/modprobe.d'],
        name: /\.conf$/,
        byName: true,
      },
    ],
    undone: ([files = []], { wanted }) => undoneByModprobe(files, wanted),
  },
  {
    words: 'sysctl.d',
    groups: [
      {
        folders: ['/etc/sysctl.d', '/run/sysctl.d', '/usr/local/lib/sysctl.d', '/usr/lib/sysctl.d'],
        name: /\.conf$/,
        byName: true,
      },
      // sysctl --system of procps reads it last.
      { folders: ['/etc'], name: /^sysctl\.conf$/ },
    ],
    undone: ([files = [], last = []], { wanted }) => undoneBySysctl([...files, ...last], wanted),
  },
];

/** Files of programs that set up interfaces and call no hooks of ifupdown. */
const elsewhere =
  /\/(?:network-scripts\/ifcfg-|netplan\/|NetworkManager\/system-connections\/|systemd\/network\/.+\.network$)/;

/** Whether another program than ifupdown sets an interface up. Debian's NetworkManager calls the hooks of ifupdown as well. */
function isOfAnother(name: string, all: readonly HostFile[]): boolean {
  if (all.some(({ path }) => path.endsWith('/NetworkManager/dispatcher.d/01-ifupdown'))) return false;
  return all.some(({ path, text }) => elsewhere.test(path) && `${path}\n${text}`.includes(name));
}
