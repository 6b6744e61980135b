import { describe, expect, it } from 'vitest';
import { found, large, type Files, type Row } from './files.fixture.ts';

const off = 'ip link set ens33 promisc off';
const noPromiscuity = 'interface ens33 will not be promiscuous';
const dispatcher = '/etc/NetworkManager/dispatcher.d/';

/** Where a script runs, what it is called with, and its twin that does not run when an interface comes up. */
const places: readonly Row[] = [
  [
    'rc.local',
    { '/etc/rc.local': `#!/bin/sh\nip link set ens33 promisc on\nip link set dev ens33 up promisc off\n` },
    [`/etc/rc.local, line 3: ip link set dev ens33 up promisc off -> ${noPromiscuity}`],
  ],
  [
    'a dispatcher of NetworkManager',
    {
      [`${dispatcher}99-x`]: `#!/bin/sh\nif [ "$1" = ens33 ] && [ "$2" = up ]; then\n  ip link set "$1" promisc off\nfi\n`,
    },
    [`${dispatcher}99-x, line 3: ip link set "$1" promisc off -> ${noPromiscuity}`],
  ],
  [
    'a dispatcher of NetworkManager when an interface goes down, and a copy',
    {
      [`${dispatcher}99-x`]: `[ "$2" = down ] && ${off}\ncase "$2" in down|pre-down) ${off};; esac\n`,
      [`${dispatcher}99-y.bak`]: `${off}\n`,
      [`${dispatcher}pre-down.d/99-z`]: `${off}\n`,
    },
    [],
  ],
  [
    'networkd-dispatcher',
    { '/etc/networkd-dispatcher/routable.d/x': 'ip link set $IFACE promisc off\n' },
    [`/etc/networkd-dispatcher/routable.d/x, line 1: ip link set $IFACE promisc off -> ${noPromiscuity}`],
  ],
  ['networkd-dispatcher without a carrier', { '/etc/networkd-dispatcher/no-carrier.d/x': `${off}\n` }, []],
  [
    'dhclient',
    { '/etc/dhcp/dhclient-exit-hooks.d/mtu': '[ "$reason" = BOUND ] && ip link set $interface mtu 1400\n' },
    [
      '/etc/dhcp/dhclient-exit-hooks.d/mtu, line 1: [ "$reason" = BOUND ] && ip link set $interface mtu 1400 -> interface ens33 will have an MTU of 1400',
    ],
  ],
  ['dhclient that stops', { '/etc/dhcp/dhclient-exit-hooks.d/x': `[ "$reason" = STOP ] && ${off}\n` }, []],
  [
    'a unit with a drop-in, and a template',
    {
      '/etc/systemd/system/a.service': `[Service]\nExecStart=/bin/true\nExecStartPost=-/sbin/${off}\n`,
      '/etc/systemd/system/b.service.d/x.conf':
        '[Service]\nExecStartPre=/bin/sh -c "ip link set ens33 \\\n  mtu 1400"\n',
      '/etc/systemd/system/c@.service': '[Service]\nExecStart=/sbin/ip link set %i down\n',
      '/etc/systemd/system/c.timer': '[Timer]\nOnBootSec=60\nUnit=c@ens33.service\n',
    },
    [
      `/etc/systemd/system/a.service, line 3: ExecStartPost=-/sbin/${off} -> ${noPromiscuity}`,
      '/etc/systemd/system/c@.service, line 2: ExecStart=/sbin/ip link set %i down -> interface ens33 will be set down',
      '/etc/systemd/system/b.service.d/x.conf, line 2: ExecStartPre=/bin/sh -c "ip link set ens33 mtu 1400" -> interface ens33 will have an MTU of 1400',
    ],
  ],
  [
    'a unit when it stops, one whose drop-in takes its command back, and one of another interface',
    {
      '/etc/systemd/system/a.service': `[Service]\nExecStart=/bin/true\nExecStop=/sbin/${off}\nExecReload=/sbin/${off}\n`,
      '/etc/systemd/system/b.service': `[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/sbin/${off}\nExecStop=/sbin/${off}\n`,
      '/etc/systemd/system/b.service.d/x.conf': '[Service]\nExecStart=\nExecStart=/bin/true\n',
      '/etc/systemd/system/d@.service': '[Service]\nExecStart=/sbin/ip link set %i down\n',
      '/etc/systemd/system/multi-user.target.wants/d@ens34.service': '',
      '/etc/systemd/system/c@ens34.service': '[Service]\nExecStart=/sbin/ip link set %i down\n',
    },
    [],
  ],
  [
    'a unit that stops as soon as it has started',
    {
      '/etc/systemd/system/a.service': `[Service]\nType=oneshot\nExecStart=/bin/true\nExecStop=/sbin/${off}\n`,
    },
    [`/etc/systemd/system/a.service, line 4: ExecStop=/sbin/${off} -> ${noPromiscuity}`],
  ],
  [
    'cron',
    {
      '/etc/crontab': `SHELL=/bin/sh\n@reboot root ${off}\n`,
      '/etc/cron.d/net': '@reboot root ip link set ens33 down\n',
      '/var/spool/cron/crontabs/root': '# m h\n@reboot sleep 10 && ip link set ens33 mtu 1400\n',
      '/var/spool/cron/root': '*/5 * * * * /sbin/ip link set ens33 master br0 >/dev/null 2>&1\n',
    },
    [
      `/etc/crontab, line 2: @reboot root ${off} -> ${noPromiscuity}`,
      '/etc/cron.d/net, line 1: @reboot root ip link set ens33 down -> interface ens33 will be set down',
      '/var/spool/cron/root, line 1: */5 * * * * /sbin/ip link set ens33 master br0 >/dev/null 2>&1 -> interface ens33 will be a port of br0',
      '/var/spool/cron/crontabs/root, line 2: @reboot sleep 10 && ip link set ens33 mtu 1400 -> interface ens33 will have an MTU of 1400',
    ],
  ],
  [
    'cron that puts it right at last, in a comment, of another user, or in a copy',
    {
      '/etc/cron.d/net': `# @reboot root ${off}\n@reboot root ${off} ; ip link set ens33 promisc on\n@daily root ip link set ens34 down\n`,
      '/etc/cron.d/net.dpkg-old': `@reboot root ${off}\n`,
      '/var/spool/cron/crontabs/alice': `@reboot ${off}\n`,
    },
    [],
  ],
  [
    "the operator's own scripts, called by their path",
    {
      '/etc/systemd/system/a.service': '[Service]\nExecStart=/usr/local/sbin/net.sh ens33\n',
      '/usr/local/sbin/net.sh': '#!/bin/sh\n. /etc/default/net\nip link set "$1" $MODE\n',
      '/etc/cron.d/net': '@reboot root sh /opt/quiet.sh\n',
      '/opt/quiet.sh': `${off}\n`,
    },
    [`/opt/quiet.sh, line 1: ${off} -> ${noPromiscuity}`],
  ],
  [
    'a file that is too large for a script',
    {
      '/etc/rc.local': '/opt/quiet.sh\n',
      '/opt/quiet.sh': `${off}\n${' '.repeat(large)}`,
    },
    [],
  ],
  ['scripts that nothing calls', { '/etc/rc.local': '# /opt/quiet.sh\n', '/opt/quiet.sh': `${off}\n` }, []],
];

/** Commands of a script, and what becomes of the interface; null: nothing. */
const commands: readonly (readonly [string, string | null])[] = [
  [off, noPromiscuity],
  ['ip l s dev ens33 promisc off', noPromiscuity],
  ['ip -4 link set promisc off dev ens33', noPromiscuity],
  ['ip link set up ens33 promisc off', noPromiscuity],
  ['/usr/sbin/ifconfig ens33 -promisc', noPromiscuity],
  ['ip link set ens33 down', 'interface ens33 will be set down'],
  ['ifconfig ens33 down', 'interface ens33 will be set down'],
  ['ifdown ens33', 'interface ens33 will be set down'],
  ['nmcli device disconnect ens33', 'interface ens33 will be set down'],
  ['ip link set ens33 mtu 1400', 'interface ens33 will have an MTU of 1400'],
  ['ifconfig ens33 mtu 1400', 'interface ens33 will have an MTU of 1400'],
  ['echo 1400 > /sys/class/net/ens33/mtu', 'interface ens33 will have an MTU of 1400'],
  ['ip link set ens33 master br0', 'interface ens33 will be a port of br0'],
  ['brctl addif br0 ens33', 'interface ens33 will be a port of br0'],
  ['ifenslave bond0 ens33', 'interface ens33 will be a port of bond0'],
  ['ovs-vsctl add-port br0 ens33', 'interface ens33 will be a port of br0'],
  ['ip link set ens33 down name lan0', 'interface ens33 will be named lan0'],
  ['ip link set ens33 netns blue', 'interface ens33 will be moved to another network namespace'],
  ['ip link delete ens33', 'interface ens33 will be removed'],
  ['ip link del dev ens33', 'interface ens33 will be removed'],
  ['ip link add link ens33 name ens33.10 type vlan id 20', 'interface ens33.10 will carry VLAN 20'],
  ['modprobe -r macvlan', 'module macvlan will not be loaded'],
  ['rmmod macvlan', 'module macvlan will not be loaded'],
  [
    'sysctl -w net.ipv4.conf.all.arp_ignore=8',
    'net.ipv4.conf.all.arp_ignore will be 8, so that ARP requests are not answered',
  ],
  [
    'echo 8 > /proc/sys/net/ipv4/conf/ens33/arp_ignore',
    'net.ipv4.conf.ens33.arp_ignore will be 8, so that ARP requests are not answered',
  ],
  // How scripts say it.
  [`DEV=ens33; ip link set $DEV promisc off`, noPromiscuity],
  ['for i in ens34 ens33; do ip link set "$i" promisc off; done', noPromiscuity],
  ['for i in /sys/class/net/*; do ip link set ${i##*/} promisc off; done', noPromiscuity],
  ['for i in $(ls /sys/class/net); do ip link set $i promisc off; done', noPromiscuity],
  ['quiet() { ip link set "$1" promisc off; }; quiet ens33', noPromiscuity],
  [`sudo -n timeout 5 ${off}`, noPromiscuity],
  [`bash -c "${off}"`, noPromiscuity],
  [`(sleep 5; ${off}) &`, noPromiscuity],
  [`test -x /sbin/ip && ${off} || true`, noPromiscuity],
  [`if grep -q x /etc/y; then ${off}; fi`, noPromiscuity],
  [`while true; do ${off}; sleep 60; done`, noPromiscuity],
  [`if true\nthen\n  ${off}`, noPromiscuity],
  // Their harmless twins.
  ['ip link set ens33 promisc on', null],
  ['ip link set ens330 promisc off', null],
  ['ip link set ens34 promisc off down mtu 1400 name lan0', null],
  [`# ${off}`, null],
  [`echo ${off}`, null],
  [`logger "${off}"`, null],
  [`cat > /etc/rc.example <<EOF\n${off}\nEOF`, null],
  [`${off}; ip link set ens33 promisc on`, null],
  ['ip link set ens33 down && ip link set ens33 up', null],
  ['ip link set ens33 name lan0; ip link set lan0 name ens33', null],
  ['ip link set ens33 mtu 9000', null],
  ['ip link set ens33 nomaster', null],
  ['ip link set ens33 alias promisc', null],
  ['ip -n blue link set ens33 promisc off', null],
  ['ip netns exec blue ip link set ens33 promisc off', null],
  ['ip link show ens33', null],
  ['ip address flush dev ens33', null],
  ['ip link add link ens33 name ens33.10 type vlan id 10', null],
  [`exit 0\n${off}`, null],
  [`false && ${off}`, null],
  [`if [ a = b ]; then ${off}; else ip link set ens33 promisc on; fi`, null],
  [`quiet() { ${off}; }`, null],
  [`case "$1" in stop) ${off};; start) ;; esac`, null],
  ['modprobe -r macvlan; modprobe macvlan', null],
  ['modprobe -r dummy', null],
  ['sysctl -w net.ipv4.conf.all.arp_ignore=8; sysctl -w net.ipv4.conf.all.arp_ignore=1', null],
  ['sysctl -w net.ipv4.conf.ens34.arp_ignore=8', null],
];

describe('scripts that run at boot', () => {
  it.each(places)('%s', async (_, files, lines) => {
    expect(await found(files)).toEqual(lines);
  });

  it.each(commands)('%s -> %s', async (command, effect) => {
    const files: Files = { '/etc/rc.local': `#!/bin/sh\n${command}\n` };
    const effects = (await found(files)).map((line) => line.replace(/^.* -> /s, ''));
    expect(effects).toEqual(effect === null ? [] : [effect]);
  });

  it('that are no shell, or call themselves, are read to their end', async () => {
    const text = `#!/usr/bin/python3\ndef x(:\n  "\n${off}\n`;
    expect(await found({ '/etc/rc.local': text })).toEqual([
      `/etc/rc.local, line 4: ${off} -> ${noPromiscuity}`,
    ]);
    const again = `/opt/again.sh\n/opt/again.sh\n${off}\n`;
    const files = { '/etc/rc.local': '/opt/again.sh\n', '/opt/again.sh': again };
    expect(await found(files)).toEqual([`/opt/again.sh, line 3: ${off} -> ${noPromiscuity}`]);
  });
});
