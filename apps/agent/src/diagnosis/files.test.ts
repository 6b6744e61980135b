import { describe, expect, it } from 'vitest';
import { network } from '../reconcile/subjects.fixture.ts';
import { filesExaminer } from './files.ts';
import { ens33, found, observedWith, sceneWith, type Row } from './files/files.fixture.ts';
import { examine } from './scene.fixture.ts';

const ifcfg = '/etc/sysconfig/network-scripts/ifcfg-';
const keyfile = '/etc/NetworkManager/system-connections/';
const networkd = '/etc/systemd/network/';

/** What undoes, and what an operator writes who did it right (S1 and S2 of the scenarios). */
const cases: readonly Row[] = [
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
    'ifcfg of wicked, and one that names an interface after its MAC',
    {
      '/etc/sysconfig/network/ifcfg-ens33': "STARTMODE='manual'\nMTU='1400'\n",
      '/etc/sysconfig/network/ifcfg-br0': "STARTMODE='auto'\nBRIDGE_PORTS='ens33 ens34'\n",
      '/etc/sysconfig/network/ifcfg-ens33.10': "ETHERDEVICE='ens34'\nVLAN_ID='10'\n",
      [`${ifcfg}lan0`]: 'DEVICE=lan0\nHWADDR=00:0C:29:00:00:01\nMTU=1400\n',
    },
    [
      `${ifcfg}lan0, line 1: DEVICE=lan0 -> interface ens33 will be named lan0`,
      "/etc/sysconfig/network/ifcfg-br0, line 2: BRIDGE_PORTS='ens33 ens34' -> interface ens33 will be a port of br0",
      "/etc/sysconfig/network/ifcfg-ens33, line 1: STARTMODE='manual' -> interface ens33 will not be set up",
      "/etc/sysconfig/network/ifcfg-ens33, line 2: MTU='1400' -> interface ens33 will have an MTU of 1400",
      "/etc/sysconfig/network/ifcfg-ens33.10, line 1: ETHERDEVICE='ens34' -> interface ens33.10 will stand on ens34",
    ],
  ],
  [
    'ifcfg of wicked as it should be, and the MAC of another',
    {
      '/etc/sysconfig/network/ifcfg-ens33': "STARTMODE='auto'\nMTU='9000'\n",
      '/etc/sysconfig/network/ifcfg-br0': "BRIDGE_PORTS='ens34'\n",
      [`${ifcfg}lan0`]: 'DEVICE=lan0\nHWADDR=00:0C:29:00:00:09\n',
      [`${ifcfg}lan1`]: 'DEVICE=ens33\nHWADDR=00:0C:29:00:00:01\n',
    },
    [],
  ],
  [
    'netplan that matches by MAC, and in braces',
    {
      '/etc/netplan/50-cloud.yaml':
        'network:\n  ethernets:\n    lan:\n      match: {macaddress: "00:0C:29:00:00:01"}\n      set-name: lan0\n      mtu: 1280\n    ens33: {dhcp4: true, mtu: 1400}\n',
    },
    [
      '/etc/netplan/50-cloud.yaml, line 5: set-name: lan0 -> interface ens33 will be named lan0',
      '/etc/netplan/50-cloud.yaml, line 6: mtu: 1280 -> interface ens33 will have an MTU of 1280',
      '/etc/netplan/50-cloud.yaml, line 7: ens33: {dhcp4: true, mtu: 1400} -> interface ens33 will have an MTU of 1400',
    ],
  ],
  [
    'netplan that matches another, or names ours as it is',
    {
      '/etc/netplan/50-cloud.yaml':
        'network:\n  ethernets:\n    ens33:\n      match: {macaddress: "00:0c:29:00:00:09"}\n      set-name: lan0\n      mtu: 1280\n    lan:\n      match:\n        macaddress: 00:0c:29:00:00:01\n      set-name: ens33\n      mtu: 1500\n',
    },
    [],
  ],
  [
    'drop-ins of systemd-networkd, which count after the unit',
    {
      [`${networkd}10-ens.network`]: '[Match]\nName=ens33\n[Link]\nMTUBytes=1500\nPromiscuous=yes\n',
      [`${networkd}10-ens.network.d/mtu.conf`]: '[Link]\nMTUBytes=1400\n',
      '/run/systemd/network/10-ens.network.d/promiscuous.conf':
        '[Link]\nPromiscuous=no\n[Network]\nVRF=blue\n',
    },
    [
      `${networkd}10-ens.network.d/mtu.conf, line 2: MTUBytes=1400 -> interface ens33 will have an MTU of 1400`,
      '/run/systemd/network/10-ens.network.d/promiscuous.conf, line 2: Promiscuous=no -> interface ens33 will not be promiscuous',
      '/run/systemd/network/10-ens.network.d/promiscuous.conf, line 4: VRF=blue -> interface ens33 will be a port of blue',
    ],
  ],
  [
    'drop-ins of systemd-networkd that mend the unit, or are of another',
    {
      [`${networkd}10-ens.network`]: '[Match]\nName=ens33\n[Link]\nMTUBytes=1400\nPromiscuous=no\n',
      [`${networkd}10-ens.network.d/mend.conf`]: '[Link]\nMTUBytes=1500\nPromiscuous=yes\n',
      [`${networkd}20-wifi.network.d/mtu.conf`]: '[Link]\nMTUBytes=1400\n',
    },
    [],
  ],
  [
    'NetworkManager with a pattern of names',
    {
      [`${keyfile}any.nmconnection`]:
        '[connection]\ntype=ethernet\n[match]\ninterface-name=ens*;\n[ethernet]\nmtu=1400\n',
    },
    [`${keyfile}any.nmconnection, line 6: mtu=1400 -> interface ens33 will have an MTU of 1400`],
  ],
  [
    'NetworkManager with a pattern of other names',
    { [`${keyfile}any.nmconnection`]: '[match]\ninterface-name=eth*;\n[ethernet]\nmtu=1400\n' },
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
    expect(await found({ [`${ifcfg}ens33`]: 'PROMISC=no\n' }, { networks })).toEqual([]);
  });

  it.each([
    [
      '/etc/NetworkManager/system-connections/x.nmconnection',
      '[connection]\ninterface-name=ens33\n[ethernet]\nmtu=',
    ],
    ['/etc/network/interfaces', 'auto ens33\niface ens33 inet dhcp\n  mtu '],
    [`${ifcfg}ens33`, 'MTU='],
  ])(
    'change the MTU of %s also where no network asks for one, and not where it is the same',
    async (path, text) => {
      const networks = [{ network: network({ parent: 'ens33' }), linkName: 'ens33', link: null }];
      expect(await found({ [path]: `${text}1400\n` }, { networks })).toEqual([
        expect.stringContaining('interface ens33 will have an MTU of 1400'),
      ]);
      expect(await found({ [path]: `${text}1500\n` }, { networks })).toEqual([]);
    },
  );

  it('make no port of an interface that is one already', async () => {
    const observed = observedWith([{ ...ens33, master: 'br0' }], null);
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
