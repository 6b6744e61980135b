import { describe, expect, it } from 'vitest';
import { network } from '../reconcile/subjects.fixture.ts';
import type { Observed } from '../observation/observed.ts';
import { filesExaminer } from './files.ts';
import { examine } from './scene.fixture.ts';
import type { Scene } from './scene.ts';

const vlan10 = network({ name: 'mac_net10', parent: 'ens33', vlan: 10, mtu: 1500 });

/** A host with these files; `ens33` is the parent, `ens33.10` carries VLAN 10 of it. */
function sceneWith(files: Readonly<Record<string, string>>, change: Partial<Scene> = {}): Scene {
  const links = [
    { name: 'ens33', mac: '00:0c:29:00:00:01', master: null },
    { name: 'ens33.10', mac: '00:0c:29:00:00:01', master: null },
  ];
  return {
    networks: [{ network: vlan10, linkName: 'ens33.10', link: null }],
    containers: [],
    observed: { links, defaultRoute: 'ens33' } as unknown as Observed,
    inspect: async () => null,
    run: async () => {
      throw new Error('it reads files alone');
    },
    readFile: async (path) => {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    },
    readFolder: async (folder) =>
      Object.keys(files)
        .filter((path) => path.slice(0, path.lastIndexOf('/')) === folder)
        .map((path) => path.slice(folder.length + 1))
        .toSorted(),
    signal: new AbortController().signal,
    ...change,
  };
}
const found = async (
  files: Readonly<Record<string, string>>,
  change: Partial<Scene> = {},
): Promise<string[]> =>
  (await examine(filesExaminer, sceneWith(files, change))).findings.map(
    ({ evidence, message }) =>
      `${evidence[0]} -> ${/ (?:interface .*), because/.exec(message)?.[0].slice(1, -9)}`,
  );

const ifcfg = '/etc/sysconfig/network-scripts/ifcfg-';
const keyfile = '/etc/NetworkManager/system-connections/';
const networkd = '/etc/systemd/network/';

/** What undoes, and what an operator writes who did it right (S1 and S2 of the scenarios). */
const cases: readonly (readonly [string, Readonly<Record<string, string>>, readonly string[]])[] = [
  [
    'ifcfg',
    {
      [`${ifcfg}ens33`]: 'DEVICE=ens33\n# PROMISC=no\nPROMISC="no"\nONBOOT=no\nMTU=1400\nBRIDGE=br0\n',
      [`${ifcfg}ens33.10`]: 'VLAN=yes\nVLAN_ID=20\nPHYSDEV=ens34\nONBOOT=no\nMTU=9000\n',
      [`${ifcfg}ens34`]: 'ONBOOT=no\nPROMISC=no\n',
    },
    [
      `${ifcfg}ens33, line 3: PROMISC="no" -> interface ens33 will not be promiscuous`,
      `${ifcfg}ens33, line 4: ONBOOT=no -> interface ens33 will not be set up`,
      `${ifcfg}ens33, line 5: MTU=1400 -> interface ens33 will have an MTU of 1400`,
      `${ifcfg}ens33, line 6: BRIDGE=br0 -> interface ens33 will be a port of br0`,
      `${ifcfg}ens33.10, line 2: VLAN_ID=20 -> interface ens33.10 will carry VLAN 20`,
      `${ifcfg}ens33.10, line 3: PHYSDEV=ens34 -> interface ens33.10 will stand on ens34`,
      `${ifcfg}ens33.10, line 5: MTU=9000 -> interface ens33.10 will have an MTU of 9000`,
    ],
  ],
  [
    'ifcfg as it should be',
    {
      [`${ifcfg}ens33`]: 'TYPE=Ethernet\nDEVICE=ens33\nONBOOT=yes\nPROMISC=yes\nMTU=9000\n',
      [`${ifcfg}ens33.10`]: 'DEVICE=ens33.10\nVLAN=yes\nONBOOT=yes\nPHYSDEV=ens33\n',
    },
    [],
  ],
  [
    'ifupdown',
    {
      '/etc/network/interfaces':
        'auto lo\niface lo inet loopback\n\niface ens33 inet dhcp\n  up ip link set ens33 promisc off\n  mtu 1280\n',
      '/etc/network/interfaces.d/vlan':
        'auto ens33.10\niface ens33.10 inet manual\n  vlan-raw-device ens34\n  vlan_id 20\n',
    },
    [
      '/etc/network/interfaces, line 6: mtu 1280 -> interface ens33 will have an MTU of 1280',
      '/etc/network/interfaces.d/vlan, line 3: vlan-raw-device ens34 -> interface ens33.10 will stand on ens34',
      '/etc/network/interfaces.d/vlan, line 4: vlan_id 20 -> interface ens33.10 will carry VLAN 20',
      '/etc/network/interfaces, line 5: up ip link set ens33 promisc off -> interface ens33 will not be promiscuous',
    ],
  ],
  [
    'ifupdown without auto',
    { '/etc/network/interfaces': 'auto lo\niface lo inet loopback\n\niface ens33 inet dhcp\n' },
    [
      '/etc/network/interfaces, line 4: iface ens33 inet dhcp -> interface ens33 will not be set up, since no line "auto ens33" names it',
    ],
  ],
  [
    'ifupdown with a bridge',
    { '/etc/network/interfaces': 'auto br0\niface br0 inet dhcp\n  bridge_ports ens33 ens34\n' },
    ['/etc/network/interfaces, line 3: bridge_ports ens33 ens34 -> interface ens33 will be a port of br0'],
  ],
  [
    'ifupdown as it should be',
    {
      '/etc/network/interfaces':
        'auto ens33 ens33.10\niface ens33 inet dhcp\n  up ip link set ens33 promisc on\niface ens33.10 inet manual\n  vlan-raw-device ens33\n',
    },
    [],
  ],
  [
    'netplan',
    {
      '/etc/netplan/50-cloud.yaml':
        'network:\n  version: 2\n  ethernets:\n    ens33:\n      dhcp4: true\n      mtu: 1400   # tunnel\n      activation-mode: "off"\n  vlans:\n    ens33.10:\n      id: 20\n      link: ens34\n  bridges:\n    br0:\n      interfaces: [ens33, "ens34"]\n  bonds:\n    bond0:\n      interfaces:\n      - ens33\n',
    },
    [
      '/etc/netplan/50-cloud.yaml, line 6: mtu: 1400   # tunnel -> interface ens33 will have an MTU of 1400',
      '/etc/netplan/50-cloud.yaml, line 7: activation-mode: "off" -> interface ens33 will not be set up',
      '/etc/netplan/50-cloud.yaml, line 10: id: 20 -> interface ens33.10 will carry VLAN 20',
      '/etc/netplan/50-cloud.yaml, line 11: link: ens34 -> interface ens33.10 will stand on ens34',
      '/etc/netplan/50-cloud.yaml, line 14: interfaces: [ens33, "ens34"] -> interface ens33 will be a port of br0',
      '/etc/netplan/50-cloud.yaml, line 18: - ens33 -> interface ens33 will be a port of bond0',
    ],
  ],
  [
    'netplan as it should be, also where a later file mends an earlier one',
    {
      '/usr/lib/netplan/00.yaml': 'network:\n  vlans:\n    ens33.10:\n      id: 30\n',
      '/etc/netplan/00.yaml': 'network:\n  vlans:\n    ens33.10:\n      id: 20\n',
      '/etc/netplan/90.yaml':
        'network:\n  ethernets:\n    ens33: {dhcp4: true}\n  vlans:\n    ens33.10:\n      id: 10\n      link: ens33\n      mtu: 1500\n',
    },
    [],
  ],
  [
    'systemd-networkd',
    {
      [`${networkd}10-ens.network`]:
        '[Match]\nName=ens*\nType=ether\n\n[Link]\nPromiscuous=no\nMTUBytes=1400\nActivationPolicy=manual\n[Network]\nBond=bond0\n',
      [`${networkd}20-vlan.netdev`]: '[NetDev]\nName=ens33.10\nKind=vlan\n[VLAN]\nId=20\n',
      [`${networkd}30-name.link`]: '[Match]\nMACAddress=00-0C-29-00-00-01\n[Link]\nName=lan0\n',
    },
    [
      `${networkd}10-ens.network, line 6: Promiscuous=no -> interface ens33 will not be promiscuous`,
      `${networkd}10-ens.network, line 7: MTUBytes=1400 -> interface ens33 will have an MTU of 1400`,
      `${networkd}10-ens.network, line 8: ActivationPolicy=manual -> interface ens33 will not be set up`,
      `${networkd}10-ens.network, line 10: Bond=bond0 -> interface ens33 will be a port of bond0`,
      `${networkd}30-name.link, line 4: Name=lan0 -> interface ens33 will be named lan0`,
      `${networkd}20-vlan.netdev, line 5: Id=20 -> interface ens33.10 will carry VLAN 20`,
    ],
  ],
  [
    'systemd-networkd as it should be: hidden, behind the first that matches, for another interface, or not known to match',
    {
      '/usr/lib/systemd/network/10-ens.network': '[Match]\nName=ens33\n[Link]\nPromiscuous=no\n',
      [`${networkd}10-ens.network`]:
        '[Match]\nName=ens33\n[Link]\nPromiscuous=yes\n[Network]\nVLAN=ens33.10\n',
      [`${networkd}20-all.network`]: '[Match]\nName=en*\n[Link]\nPromiscuous=no\n',
      [`${networkd}20-vlan.netdev`]: '[NetDev]\nName=ens33.10\nKind=vlan\n[VLAN]\nId=10\n',
      [`${networkd}30-other.link`]: '[Match]\nMACAddress=00:0c:29:00:00:99\n[Link]\nName=lan0\n',
      [`${networkd}40-driver.link`]: '[Match]\nDriver=e1000\n[Link]\nName=lan0\n',
      [`${networkd}50-all.link`]: '[Match]\nOriginalName=*\n[Link]\nName=lan0\n',
    },
    [],
  ],
  [
    'NetworkManager',
    {
      [`${keyfile}lan.nmconnection`]:
        '[connection]\nid=lan\ntype=ethernet\ninterface-name=ens33\nautoconnect=false\nmaster=br0\n[ethernet]\nmtu=1400\naccept-all-mac-addresses=0\n',
      [`${keyfile}vlan.nmconnection`]:
        '[connection]\ntype=vlan\ninterface-name=ens33.10\n[vlan]\nid=20\nparent=ens34\n',
    },
    [
      `${keyfile}lan.nmconnection, line 5: autoconnect=false -> interface ens33 will not be set up`,
      `${keyfile}lan.nmconnection, line 6: master=br0 -> interface ens33 will be a port of br0`,
      `${keyfile}lan.nmconnection, line 8: mtu=1400 -> interface ens33 will have an MTU of 1400`,
      `${keyfile}lan.nmconnection, line 9: accept-all-mac-addresses=0 -> interface ens33 will not be promiscuous`,
      `${keyfile}vlan.nmconnection, line 5: id=20 -> interface ens33.10 will carry VLAN 20`,
      `${keyfile}vlan.nmconnection, line 6: parent=ens34 -> interface ens33.10 will stand on ens34`,
    ],
  ],
  [
    'NetworkManager as it should be, with a spare connection that nobody starts',
    {
      [`${keyfile}lan.nmconnection`]:
        '[connection]\ninterface-name=ens33\n[ethernet]\nmtu=0\naccept-all-mac-addresses=1\n',
      [`${keyfile}spare.nmconnection`]:
        '[connection]\ninterface-name=ens33\nautoconnect=false\n[ethernet]\nmtu=1280\n',
      [`${keyfile}vlan.nmconnection`]:
        '[connection]\ntype=vlan\ninterface-name=ens33.10\n[vlan]\nid=10\nparent=ens33\n',
    },
    [],
  ],
  [
    'scripts',
    {
      '/etc/rc.local': '#!/bin/sh\nip link set ens33 promisc on\nip link set dev ens33 up promisc off\n',
      '/etc/network/if-up.d/quiet': '#!/bin/sh\nifconfig ens33 -promisc\n',
      '/etc/systemd/system/quiet.service': '[Service]\nExecStart=/sbin/ip link set ens33 promisc off\n',
    },
    [
      '/etc/network/if-up.d/quiet, line 2: ifconfig ens33 -promisc -> interface ens33 will not be promiscuous',
      '/etc/systemd/system/quiet.service, line 2: ExecStart=/sbin/ip link set ens33 promisc off -> interface ens33 will not be promiscuous',
      '/etc/rc.local, line 3: ip link set dev ens33 up promisc off -> interface ens33 will not be promiscuous',
    ],
  ],
  [
    'scripts that turn it on again, that are commented out, or for another interface',
    {
      '/etc/rc.local':
        '#!/bin/sh\nip link set ens33 promisc off\nip link set ens33 promisc on\n# ip link set ens33 promisc off\nip link set ens330 promisc off\n',
    },
    [],
  ],
];

describe('files that set up interfaces at boot', () => {
  it.each(cases)('%s', async (_, files, lines) => {
    expect(await found(files)).toEqual(lines);
  });

  it('undo no promiscuous mode that nobody asked for', async () => {
    const plain = network({ parent: 'ens33', promiscuous: false });
    const networks = [{ network: plain, linkName: 'ens33', link: null }];
    expect(await found({ [`${ifcfg}ens33`]: 'PROMISC=no\nMTU=1400\n' }, { networks })).toEqual([]);
  });

  it('make no port of an interface that is one already', async () => {
    const links = [{ name: 'ens33', mac: null, master: 'br0' }];
    const observed = { links, defaultRoute: null } as unknown as Observed;
    expect(await found({ [`${ifcfg}ens33`]: 'BRIDGE=br0\n' }, { observed })).toEqual([]);
  });

  it('are counted, and named with what to do', async () => {
    const { findings, detail } = await examine(
      filesExaminer,
      sceneWith({ [`${ifcfg}ens33`]: 'PROMISC=no\n' }),
    );
    expect(detail).toContain('1 files of ifcfg');
    expect(findings).toEqual([
      {
        code: 'undone-at-boot',
        subject: `${ifcfg}ens33 line 1`,
        message: `after the next boot, interface ens33 will not be promiscuous, because of line 1 of ${ifcfg}ens33`,
        evidence: [`${ifcfg}ens33, line 1: PROMISC=no`],
        remedy: `change or remove line 1 of ${ifcfg}ens33`,
      },
    ]);
  });
});
