/** Settings of the real kernel, and the packets that they leave unanswered. Each remedy is typed in, and the packets pass again. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRoot, openRealScene, type RealScene } from './real-scene.fixture.ts';
import { sysctlExaminer } from './sysctl.ts';

/** As if the container had another way to the station. */
const otherWay =
  'ip link add other type veth peer name far && ip link set other up && ip address add 192.0.2.1/24 dev other && ip route add 172.16.100.20/32 dev other';

const faults = [
  {
    name: 'rp_filter with a route to the station by another interface',
    line: `${otherWay} && sysctl -w net.ipv4.conf.eth0.rp_filter=1`,
    code: 'source-filtered',
    evidence: [
      'net.ipv4.conf.eth0.rp_filter = 1',
      '172.16.100.20 is in the subnet of eth0, and the route to it leaves by other',
    ],
    remedy:
      /^mend the routes, or make it loose: nsenter -t \d+ -n sysctl -w net\.ipv4\.conf\.eth0\.rp_filter=2$/,
    // Loose lets the packets in; the answers go the other way still.
    mend: 'ip link delete other',
  },
  {
    name: 'arp_ignore',
    line: 'sysctl -w net.ipv4.conf.all.arp_ignore=8',
    code: 'arp-not-answered',
    evidence: ['net.ipv4.conf.all.arp_ignore = 8'],
    remedy: /^nsenter -t \d+ -n sysctl -w net\.ipv4\.conf\.all\.arp_ignore=0$/,
    mend: null,
  },
  {
    name: 'arp_filter with a route to the station by another interface',
    line: `${otherWay} && sysctl -w net.ipv4.conf.eth0.arp_filter=1`,
    code: 'arp-not-answered',
    evidence: ['net.ipv4.conf.eth0.arp_filter = 1', /^ArpFilter of .*: \d+ before .*, [1-9]\d* after it$/],
    remedy: /^mend the routes, or: nsenter -t \d+ -n sysctl -w net\.ipv4\.conf\.eth0\.arp_filter=0$/,
    mend: 'ip link delete other',
  },
  {
    name: 'icmp_echo_ignore_all',
    line: 'sysctl -w net.ipv4.icmp_echo_ignore_all=1',
    code: 'echo-ignored',
    evidence: ['net.ipv4.icmp_echo_ignore_all = 1'],
    remedy: /^nsenter -t \d+ -n sysctl -w net\.ipv4\.icmp_echo_ignore_all=0$/,
    mend: null,
  },
];

describe.skipIf(!isRoot)('settings inside a container (needs root)', () => {
  let scene: RealScene;
  beforeEach(async () => {
    scene = await openRealScene();
  });
  afterEach(async () => {
    await scene.close();
  });

  it.each([
    ['none', 'true'],
    [
      'rp_filter and arp_ignore that harm nothing',
      'sysctl -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.all.arp_ignore=2',
    ],
    [
      'a strict rp_filter that drops what others send',
      'sysctl -w net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.all.arp_filter=1',
    ],
  ])('finds nothing: %s', async (_, line) => {
    await scene.inBox('sh', ['-c', line]);
    const { findings, detail, isLost } = await scene.examine(sysctlExaminer);
    expect({ findings, isLost }).toEqual({ findings: [], isLost: false });
    expect(detail).toBe(
      'rp_filter, arp_ignore, arp_filter, disable_ipv6 and icmp_echo_ignore_all of 1 container',
    );
  });

  it.each(faults)('names $name', async ({ line, code, evidence, remedy, mend }) => {
    await scene.inBox('sh', ['-c', line]);
    await scene.forget();
    const { findings } = await scene.examine(sysctlExaminer);
    expect(findings.map((finding) => finding.code)).toContain(code);
    const found = findings.find((finding) => finding.code === code)!;
    expect(found.subject).toMatch(/ inside container box1$/);
    expect(found.evidence).toEqual(
      evidence.map((one) => (typeof one === 'string' ? one : expect.stringMatching(one)) as unknown),
    );
    expect(found.remedy).toMatch(remedy);
    if (mend === null) await scene.type(found.remedy);
    else await scene.inBox('sh', ['-c', mend]);
    expect(await scene.examine(sysctlExaminer)).toMatchObject({ findings: [], isLost: false });
  });
});
