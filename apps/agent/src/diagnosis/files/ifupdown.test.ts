import { describe, expect, it } from 'vitest';
import { found, type Row } from './files.fixture.ts';

const interfaces = '/etc/network/interfaces';
const auto = 'auto ens33\niface ens33 inet static\n  address 172.16.1.31/24\n';

const harmful: readonly Row[] = [
  [
    'a stanza',
    {
      [interfaces]: 'auto lo ens33\niface lo inet loopback\n\niface ens33 inet dhcp\n  mtu 1280\n',
      [`${interfaces}.d/vlan`]:
        'auto ens33.10\niface ens33.10 inet manual\n  vlan-raw-device ens34\n  vlan_id 20\n',
    },
    [
      `${interfaces}, line 5: mtu 1280 -> interface ens33 will have an MTU of 1280`,
      `${interfaces}.d/vlan, line 3: vlan-raw-device ens34 -> interface ens33.10 will stand on ens34`,
      `${interfaces}.d/vlan, line 4: vlan_id 20 -> interface ens33.10 will carry VLAN 20`,
    ],
  ],
  [
    'no auto',
    { [interfaces]: 'auto lo\niface lo inet loopback\n\niface ens33 inet dhcp\n' },
    [
      `${interfaces}, line 4: iface ens33 inet dhcp -> interface ens33 will not be set up, since no line "auto ens33" names it`,
    ],
  ],
  [
    'a bridge',
    { [interfaces]: 'auto br0\niface br0 inet dhcp\n  bridge_ports ens33 ens34\n' },
    [`${interfaces}, line 3: bridge_ports ens33 ens34 -> interface ens33 will be a port of br0`],
  ],
  [
    'a rename',
    { [interfaces]: `rename mac/00:0c:29:00:00:01=lan0\n${auto}` },
    [`${interfaces}, line 1: rename mac/00:0c:29:00:00:01=lan0 -> interface ens33 will be named lan0`],
  ],
  ...['up', 'post-up', 'pre-up'].flatMap((hook) =>
    ['ens33', '$IFACE', '"$IFACE"', '${IFACE}', '"${IFACE}"', "'ens33'"].map((name): Row => {
      const line = `${hook} /sbin/ip link set ${name} promisc off`;
      return [
        line,
        { [interfaces]: `${auto}  ${line}\n` },
        [`${interfaces}, line 4: ${line} -> interface ens33 will not be promiscuous`],
      ];
    }),
  ),
  [
    'a hook of another interface, and one over two lines',
    {
      [interfaces]: `${auto}allow-hotplug ens34\niface ens34 inet manual\n  up ip link set dev ens33 \\\n    mtu 1400\n`,
    },
    [`${interfaces}, line 6: up ip link set dev ens33 mtu 1400 -> interface ens33 will have an MTU of 1400`],
  ],
  [
    'scripts of if-up.d and if-pre-up.d',
    {
      [interfaces]: auto,
      '/etc/network/if-up.d/zz': '#!/bin/sh\n[ "$IFACE" = lo ] && exit 0\nip link set "$IFACE" promisc off\n',
      '/etc/network/if-pre-up.d/aa': '#!/bin/sh\nifconfig $IFACE mtu 1400\n',
    },
    [
      '/etc/network/if-pre-up.d/aa, line 2: ifconfig $IFACE mtu 1400 -> interface ens33 will have an MTU of 1400',
      '/etc/network/if-up.d/zz, line 3: ip link set "$IFACE" promisc off -> interface ens33 will not be promiscuous',
    ],
  ],
  [
    'a script of if-up.d where no file says what sets up the interface',
    { '/etc/network/if-up.d/zz': '#!/bin/sh\nip link set "$IFACE" promisc off\n' },
    [
      '/etc/network/if-up.d/zz, line 2: ip link set "$IFACE" promisc off -> interface ens33 will not be promiscuous',
    ],
  ],
  [
    'a script of if-up.d for the VLAN',
    {
      [interfaces]: `${auto}auto ens33.10\niface ens33.10 inet manual\n`,
      '/etc/network/if-up.d/zz':
        'case "$IFACE" in\n  *.10) ip link set "$IFACE" down ;;\n  *) exit 0 ;;\nesac\n',
    },
    [
      '/etc/network/if-up.d/zz, line 2: *.10) ip link set "$IFACE" down ;; -> interface ens33.10 will be set down',
    ],
  ],
];

const harmless: readonly Row[] = [
  [
    'as it should be',
    {
      [interfaces]:
        'auto ens33 ens33.10\niface ens33 inet dhcp\n  mtu 1500\n  up ip link set ens33 promisc on\niface ens33.10 inet manual\n  vlan-raw-device ens33\n',
    },
    [],
  ],
  [
    'promiscuous mode, on when it comes up and off when it goes down',
    {
      [interfaces]: `${auto}  up ip link set ens33 promisc on\n  down ip link set ens33 promisc off\n`,
    },
    [],
  ],
  ...['down', 'pre-down', 'post-down'].map((hook): Row => [
    hook,
    { [interfaces]: `${auto}  ${hook} ip link set $IFACE promisc off; ip link set ens33 down\n` },
    [],
  ]),
  [
    'a later hook that undoes the harm',
    {
      [interfaces]: `${auto}  pre-up ip link set $IFACE promisc off\n  up ip link set $IFACE down; ip link set $IFACE up\n`,
      '/etc/network/if-up.d/zz': 'ip link set $IFACE promisc on\n',
    },
    [],
  ],
  [
    'hooks of an interface that nothing sets up at boot',
    { [interfaces]: `${auto}iface ens34 inet manual\n  up ip link set ens33 promisc off\n` },
    [],
  ],
  [
    'scripts for other interfaces, other events, and under names that nothing runs',
    {
      [interfaces]: auto,
      '/etc/network/if-up.d/other': '[ "$IFACE" = ens34 ] || exit 0\nip link set "$IFACE" promisc off\n',
      '/etc/network/if-up.d/case': 'case $IFACE in ens34|wl*) ip link set $IFACE down;; esac\n',
      '/etc/network/if-up.d/stop': 'if [ "$MODE" = stop ]; then\n  ip link set "$IFACE" promisc off\nfi\n',
      '/etc/network/if-up.d/zz.dpkg-old': 'ip link set "$IFACE" promisc off\n',
      '/etc/network/if-down.d/zz': 'ip link set "$IFACE" promisc off\n',
      '/etc/network/if-post-down.d/zz': 'ip link set "$IFACE" promisc off\n',
    },
    [],
  ],
  [
    'a script for what comes up, where another program sets up the interface',
    {
      '/etc/netplan/01.yaml':
        'network:\n  ethernets:\n    ens33: {dhcp4: true}\n  vlans:\n    ens33.10: {id: 10}\n',
      '/etc/network/if-up.d/zz': 'ip link set "$IFACE" promisc off\n',
    },
    [],
  ],
  [
    'scripts whose values only the boot knows',
    {
      [interfaces]: `${auto}auto ens33.10\niface ens33.10 inet manual\n`,
      '/etc/network/if-pre-up.d/vlan':
        'VLANID=`echo $IFACE|sed "s/.*\\.//g"`\nip link set up dev $IF_VLAN_RAW_DEVICE\nip link add link $IF_VLAN_RAW_DEVICE name $IFACE type vlan id $VLANID\n',
      '/etc/network/if-pre-up.d/bridge':
        'for port in $(ports); do ip link set dev $port master $IFACE; brctl addif $IFACE $port; done\nip link set $IFACE master $IF_X\nip link set dev $IFACE mtu $IF_MTU ${IF_ADDR:+address $IF_ADDR}\n',
    },
    [],
  ],
  [
    'a rename of another, and to the same name',
    { [interfaces]: `rename mac/00:0c:29:00:00:09=lan0 ens34=lan1 mac/00:0c:29:00:00:01=ens33\n${auto}` },
    [],
  ],
];

describe('files of ifupdown', () => {
  it.each(harmful)('undo: %s', async (_, files, lines) => {
    expect(await found(files)).toEqual(lines);
  });
  it.each(harmless)('undo nothing: %s', async (_, files, lines) => {
    expect(await found(files)).toEqual(lines);
  });
});
