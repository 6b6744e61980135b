import { expect, test } from 'vitest';
import { createFakeHost, network } from '../reconcile/subjects.fixture.ts';
import type { Scene } from './scene.ts';
import { examine, sceneOn, shown, type World } from './scene.fixture.ts';
import { securityExaminer } from './security.ts';

/** 2026-11-30T09:00:00Z; the machine has been up for two hours. */
const now = 1_796_029_200_000;
const uptime = '7200.00 14000.00\n';
const journalctl = 'journalctl -k --since -1h --no-pager -o short-iso';

/** As kernels with AppArmor and SELinux write them; the time of audit is in seconds. */
const appArmor = (profile: string, change: { at?: number; operation?: string; verdict?: string } = {}) =>
  `[ 7100.123456] audit: type=1400 audit(${change.at ?? now / 1000 - 100}.250:61): apparmor="${change.verdict ?? 'DENIED'}" operation="${change.operation ?? 'mount'}" class="mount" profile="${profile}" name="/run/" pid=4242 comm="mount" fstype="tmpfs" srcname="tmpfs" flags="rw, nosuid"`;
const seLinux = (comm: string, domain: string, permissive = 0, at = now / 1000 - 100) =>
  `audit: type=1400 audit(${at}.250:61): avc:  denied  { name_bind } for  pid=4243 comm="${comm}" src=53 scontext=system_u:system_r:${domain}:s0:c12,c34 tcontext=system_u:object_r:dns_port_t:s0 tclass=udp_socket permissive=${permissive}`;
const plain = `[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)
[   12.345678] audit: type=1400 audit(${now / 1000 - 7188}.100:2): apparmor="STATUS" operation="profile_load" profile="unconfined" name="docker-default" pid=600 comm="apparmor_parser"
[ 7000.000000] docker0: port 1(veth1234567) entered forwarding state`;

interface Row {
  readonly name: string;
  readonly world: World;
  readonly finds: readonly string[];
  readonly detail: string;
}

const dmesg = (...lines: string[]): World => ({
  programs: { dmesg: [plain, ...lines].join('\n') },
  files: { '/proc/uptime': uptime },
});
const container = ['access-denied: SELinux domain container_t'];
const auditLog = { '/var/log/audit': ['audit.log', 'audit.log.1'] };
const tail = 'tail -c 4194304 /var/log/audit/audit.log';

const rows: readonly Row[] = [
  { name: 'nothing in a log without denials', world: dmesg(), finds: [], detail: 'the last hour of dmesg' },
  {
    name: 'AppArmor that denied something to a container',
    world: dmesg(appArmor('docker-default'), appArmor('docker-default', { operation: 'create' })),
    finds: ['access-denied: AppArmor profile docker-default'],
    detail: 'the last hour of dmesg',
  },
  {
    name: 'SELinux that denied something to a container',
    world: dmesg(`[ 7100.0] ${seLinux('dnsmasq', 'container_t')}`),
    finds: container,
    detail: 'the last hour of dmesg',
  },
  {
    name: 'SELinux that denied something to Docker',
    world: dmesg(`[ 7100.0] ${seLinux('dockerd', 'init_t')}`),
    finds: ['access-denied: SELinux domain init_t'],
    detail: 'the last hour of dmesg',
  },
  {
    name: 'both, where both denied',
    world: dmesg(appArmor('docker-default'), `[ 7100.0] ${seLinux('runc:[2:INIT]', 'container_t')}`),
    finds: ['access-denied: AppArmor profile docker-default', ...container],
    detail: 'the last hour of dmesg',
  },
  {
    name: 'nothing of denials to others, older than an hour, in permissive or complain mode, or of ptrace',
    world: dmesg(
      appArmor('/usr/sbin/cupsd'),
      appArmor('docker-default', { at: now / 1000 - 3700 }),
      appArmor('docker-default', { verdict: 'ALLOWED' }),
      appArmor('docker-default', { operation: 'ptrace' }),
      `[ 7100.0] ${seLinux('truncate', 'httpd_t')}`,
      `[ 7100.0] ${seLinux('dnsmasq', 'container_t', 1)}`,
    ),
    finds: [],
    detail: 'the last hour of dmesg',
  },
  {
    name: 'nothing that the clock of the kernel shows to be old',
    world: dmesg('[ 1000.000000] avc:  denied  { read } for  pid=1 comm="containerd" scontext=a:b:c_t:s0'),
    finds: [],
    detail: 'the last hour of dmesg',
  },
  {
    name: 'denials in the journal, where dmesg is not permitted',
    world: {
      programs: {
        dmesg: 1,
        [journalctl]: `2026-11-30T08:58:20+0000 docker01 kernel: ${seLinux('dnsmasq', 'container_t')}`,
      },
    },
    finds: container,
    detail: 'the last hour of journalctl -k',
  },
  {
    name: 'denials that auditd has taken from the kernel',
    world: {
      programs: {
        dmesg: plain,
        [tail]: `type=AVC msg=${seLinux('dnsmasq', 'container_t').replace('audit: type=1400 ', '')}`,
      },
      folders: auditLog,
    },
    finds: container,
    detail: 'the last hour of dmesg and /var/log/audit/audit.log',
  },
  {
    name: 'nothing where no log can be read and neither is on',
    world: { programs: { dmesg: 1 }, folders: { '/sys/fs': ['bpf', 'cgroup', 'ext4'] } },
    finds: [],
    detail: 'neither SELinux nor AppArmor is on',
  },
];

async function sceneAt(world: World): Promise<Scene> {
  const scene = await sceneOn(createFakeHost(), [network()], [], world);
  return { ...scene, observed: { ...scene.observed, at: now } };
}

test.each(rows)('security: finds $name', async ({ world, finds, detail }) => {
  const examined = await examine(securityExaminer, await sceneAt(world));
  expect(shown(examined.findings)).toEqual(finds);
  expect(examined.detail).toBe(detail);
});

test('security: what was denied, how often and to whom, with the lines', async () => {
  const lines = [appArmor('docker-default'), appArmor('docker-default', { operation: 'create' })];
  const { findings } = await examine(securityExaminer, await sceneAt(dmesg(...lines)));
  expect(findings).toMatchObject([
    {
      message: 'AppArmor denied mount, create to docker-default, 2 times in the last hour',
      evidence: lines,
    },
  ]);
});

test.each([
  { name: 'AppArmor is on', files: { '/sys/module/apparmor/parameters/enabled': 'Y\n' }, folders: ['bpf'] },
  { name: 'SELinux is on', files: {}, folders: ['bpf', 'selinux'] },
  { name: 'the kernel does not show whether one is on', files: {}, folders: [] },
])(
  'security: not looked, with the reason, where no log can be read and $name',
  async ({ files, folders }) => {
    const world = { programs: { dmesg: 1 }, files, folders: { '/sys/fs': folders } };
    await expect(examine(securityExaminer, await sceneAt(world))).rejects.toThrow(
      /the log of the kernel cannot be read: dmesg: exit code 1; journalctl .*not installed/,
    );
  },
);
