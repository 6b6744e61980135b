import { describe, expect, it } from 'vitest';
import { network } from '../../reconcile/subjects.fixture.ts';
import type { Scene } from '../scene.ts';
import { found, type Row } from './files.fixture.ts';

const udev = '/etc/udev/rules.d/70-net.rules';
const modprobe = '/etc/modprobe.d/x.conf';
const sysctl = '/etc/sysctl.d/99.conf';
const mac = '00:0c:29:00:00:01';

const named = (line: string, to: string): readonly string[] => [
  `${udev}, line 1: ${line} -> interface ens33 will be named ${to}`,
];
const rule = (line: string, findings: (line: string) => readonly string[]): Row => [
  line,
  { [udev]: `${line}\n` },
  findings(line),
];

const rules: readonly Row[] = [
  rule(`SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="${mac}", NAME="eth7"`, (line) =>
    named(line, 'eth7'),
  ),
  rule(
    `SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="${mac.toUpperCase()}", ATTR{dev_id}=="0x0", ATTR{type}=="1", KERNEL=="eth*", NAME="eth0"`,
    (line) => named(line, 'eth0'),
  ),
  rule('SUBSYSTEM=="net", ACTION=="add|change", KERNEL=="ens3[0-9]", NAME:="lan0"', (line) =>
    named(line, 'lan0'),
  ),
  rule('SUBSYSTEM=="net", ACTION=="add", KERNEL=="ens33", ATTR{mtu}="1400"', (line) => [
    `${udev}, line 1: ${line} -> interface ens33 will have an MTU of 1400`,
  ]),
  rule(
    'SUBSYSTEM=="net", ACTION=="add", KERNEL=="ens33", RUN+="/sbin/ip link set %k promisc off"',
    (line) => [`${udev}, line 1: ${line} -> interface ens33 will not be promiscuous`],
  ),
  rule('SUBSYSTEM=="net", ACTION=="add", RUN+="/sbin/ip link set $name down"', (line) => [
    `${udev}, line 1: ${line} -> interface ens33 will be set down`,
    `${udev}, line 1: ${line} -> interface ens33.10 will be set down`,
  ]),
  rule(`SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="${mac}", NAME="ens33"`, () => []),
  rule('SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="00:0c:29:00:00:09", NAME="eth7"', () => []),
  rule(`SUBSYSTEM=="net", ACTION=="remove", ATTR{address}=="${mac}", NAME="eth7"`, () => []),
  rule(`SUBSYSTEM=="net", ACTION=="add", ATTR{address}!="${mac}", NAME="eth7"`, () => []),
  rule(`SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="${mac}", ENV{X}=="1", NAME="eth7"`, () => []),
  rule('SUBSYSTEM=="net", ACTION=="add", NAME="$env{ID_NET_NAME}"', () => []),
  rule('SUBSYSTEM=="block", ACTION=="add", RUN+="/sbin/ip link set ens33 down"', () => []),
  rule(`# SUBSYSTEM=="net", ATTR{address}=="${mac}", NAME="eth7"`, () => []),
  rule('SUBSYSTEM=="net", ACTION=="remove", RUN+="/sbin/ip link set ens33 promisc off"', () => []),
  [
    'a rule that is jumped over, one that a later one mends, and one that is hidden',
    {
      [udev]: `SUBSYSTEM=="net", GOTO="end"\nSUBSYSTEM=="net", ATTR{address}=="${mac}", NAME="eth7"\nLABEL="end"\n`,
      '/etc/udev/rules.d/80-a.rules': `SUBSYSTEM=="net", ATTR{address}=="${mac}", NAME="eth8"\n`,
      '/etc/udev/rules.d/81-b.rules': `SUBSYSTEM=="net", ATTR{address}=="${mac}", \\\n  NAME="ens33"\n`,
      '/run/udev/rules.d/81-b.rules': `SUBSYSTEM=="net", ATTR{address}=="${mac}", NAME="eth9"\n`,
    },
    [],
  ],
];

const notLoaded = (line: string, module: string): Row => [
  line,
  { [modprobe]: `# why\n${line}\n` },
  [`${modprobe}, line 2: ${line} -> module ${module} will not be loaded`],
];
const modules: readonly Row[] = [
  notLoaded('install macvlan /bin/false', 'macvlan'),
  notLoaded('install macvlan /bin/true', 'macvlan'),
  notLoaded('blacklist macvlan', 'macvlan'),
  notLoaded('blacklist 8021q', '8021q'),
  notLoaded('alias rtnl-link-macvlan off', 'macvlan'),
  ...[
    '# blacklist macvlan',
    'blacklist macvtap',
    'options macvlan x=1',
    'remove macvlan /bin/false',
    'softdep macvlan pre: dummy',
    'install macvlan /sbin/modprobe --ignore-install macvlan && logger macvlan',
    'alias eth0 macvlan',
  ].map((line): Row => [line, { [modprobe]: `${line}\n` }, []]),
  [
    'a file that one of its name in /etc hides, and one of another kind',
    {
      '/usr/lib/modprobe.d/x.conf': 'blacklist macvlan\n',
      [modprobe]: '',
      '/etc/modprobe.d/y.conf.bak': 'blacklist macvlan\n',
    },
    [],
  ],
];

const forwarding = { network: network({ forwarding: true }), linkName: 'ens33', link: null };
const ipv6 = {
  network: network({ subnets: [{ cidr: 'fd00:1::/64', gateway: null }] }),
  linkName: 'ens33',
  link: null,
};
/** A line of sysctl.d, the networks, what is set now, and what the setting will do; null: nothing. */
const settings: readonly (readonly [
  string,
  Scene['networks'] | null,
  Readonly<Record<string, string>>,
  string | null,
])[] = [
  ['net.ipv4.conf.all.arp_ignore=8', null, {}, 'be 8, so that ARP requests are not answered'],
  ['net/ipv4/conf/ens33/arp_ignore = 8', null, {}, 'be 8, so that ARP requests are not answered'],
  ['-net.ipv4.conf.*.arp_ignore = 8', null, {}, 'be 8, so that ARP requests are not answered'],
  ['net.ipv4.conf.all.arp_ignore=1', null, {}, null],
  ['net.ipv4.conf.ens34.arp_ignore=8', null, {}, null],
  ['# net.ipv4.conf.all.arp_ignore=8', null, {}, null],
  [
    'net.ipv4.conf.*.arp_ignore=8\nnet.ipv4.conf.all.arp_ignore=0\nnet.ipv4.conf.default.arp_ignore=0\nnet.ipv4.conf.ens33.arp_ignore=0\nnet.ipv4.conf.ens33/10.arp_ignore=0',
    null,
    {},
    null,
  ],
  [
    'net.ipv4.conf.all.rp_filter = 1',
    null,
    { '/proc/sys/net/ipv4/conf/all/rp_filter': '2' },
    'be 1, so that packets are dropped where the answer would leave by another interface',
  ],
  ['net.ipv4.conf.all.rp_filter = 1', null, { '/proc/sys/net/ipv4/conf/all/rp_filter': '1' }, null],
  ['net.ipv4.conf.all.rp_filter = 1', null, {}, null],
  ['net.ipv4.conf.all.rp_filter = 2', null, { '/proc/sys/net/ipv4/conf/all/rp_filter': '0' }, null],
  [
    'net.ipv4.conf.default.arp_filter = 1',
    null,
    { '/proc/sys/net/ipv4/conf/default/arp_filter': '0' },
    'be 1, so that ARP requests are not answered where the answer would leave by another interface',
  ],
  [
    'net.ipv6.conf.all.disable_ipv6 = 1',
    [ipv6],
    { '/proc/sys/net/ipv6/conf/all/disable_ipv6': '0' },
    'be 1, so that IPv6 is off',
  ],
  ['net.ipv6.conf.all.disable_ipv6 = 1', null, { '/proc/sys/net/ipv6/conf/all/disable_ipv6': '0' }, null],
  ['net.ipv4.ip_forward = 0', [forwarding], {}, 'be 0, so that this host does not forward IPv4'],
  ['net.ipv4.ip_forward = 1', [forwarding], {}, null],
  ['net.ipv4.ip_forward = 0', null, {}, null],
];

describe('files by which the kernel is set at boot', () => {
  it.each(rules)('udev: %s', async (_, files, lines) => {
    expect(await found(files)).toEqual(lines);
  });

  it.each(modules)('modprobe.d: %s', async (_, files, lines) => {
    expect(await found(files)).toEqual(lines);
  });

  it.each(settings)('sysctl.d: %s', async (text, networks, now, effect) => {
    const change = networks === null ? {} : { networks };
    const effects = (await found({ [sysctl]: `${text}\n` }, change, now)).map((line) =>
      line.replace(/^.* will /s, ''),
    );
    expect(effects).toEqual(effect === null ? [] : [effect]);
  });

  it('sysctl.d: the last file by its name counts, and sysctl.conf after all', async () => {
    const line = 'net.ipv4.conf.all.arp_ignore=8\n';
    const mended = line.replace('8', '0');
    const file = '/usr/lib/sysctl.d/10.conf';
    expect(await found({ [file]: line, [sysctl]: mended })).toEqual([]);
    expect(await found({ [sysctl]: line, '/etc/sysctl.conf': mended })).toEqual([]);
    expect(await found({ [file]: line, '/etc/sysctl.d/10.conf': '' })).toEqual([]);
    expect(await found({ '/etc/sysctl.conf': line, [sysctl]: mended })).toEqual([
      '/etc/sysctl.conf, line 1: net.ipv4.conf.all.arp_ignore=8 -> net.ipv4.conf.all.arp_ignore will be 8, so that ARP requests are not answered',
    ]);
  });
});
