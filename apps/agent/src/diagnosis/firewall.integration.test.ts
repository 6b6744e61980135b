/** Filters of the real kernel on the path of real packets. Each remedy is typed in as it stands, and the packets pass again. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { firewallExaminer } from './firewall.ts';
import { isRoot, openRealScene, type RealScene } from './real-scene.fixture.ts';

interface Fault {
  readonly name: string;
  readonly where: 'host' | 'box';
  /** A line of shell. */
  readonly line: string;
  readonly subject: string;
  readonly text: string;
  readonly remedy?: RegExp;
}

const netdev = (hook: string, rule: string, policy = 'accept'): string =>
  `nft 'table netdev guard { chain c { type filter hook ${hook} device "ens33" priority 0; policy ${policy}; ${rule}; } ; }'`;

const faults: readonly Fault[] = [
  {
    name: 'nftables, frames that come in by the parent',
    where: 'host',
    line: netdev('ingress', 'ether type arp counter drop'),
    subject: 'nftables netdev guard, chain c, handle 2',
    text: 'ether type arp counter',
  },
  {
    name: 'nftables, frames that leave by the parent',
    where: 'host',
    line: netdev('egress', 'ip daddr 172.16.100.0/24 counter drop'),
    subject: 'nftables netdev guard, chain c, handle 2',
    text: 'ip daddr 172.16.100.0/24 counter',
  },
  {
    name: 'nftables, the ingress hook of inet',
    where: 'host',
    line: `nft 'table inet guard { chain c { type filter hook ingress device "ens33" priority 0; icmp type echo-request counter drop; } ; }'`,
    subject: 'nftables inet guard, chain c, handle 2',
    text: 'icmp type echo-request counter',
  },
  {
    name: 'tc, a filter on what comes in',
    where: 'host',
    line: 'tc qdisc add dev ens33 clsact && tc filter add dev ens33 ingress bpf da bytecode "1,6 0 0 2"',
    subject: 'tc filters of ens33',
    text: 'clsact with ingress pref 49152 bpf',
  },
  {
    name: 'tc, a filter that sends frames elsewhere',
    where: 'host',
    line: 'ip link add away type veth peer name gone && ip link set away up && tc qdisc add dev ens33 clsact && tc filter add dev ens33 egress protocol arp u32 match u32 0 0 action mirred egress redirect dev away',
    subject: 'tc filter of ens33 egress, pref 49152 u32',
    text: 'action mirred redirect',
  },
  {
    name: 'tc, a queue that takes nothing',
    where: 'host',
    line: 'tc qdisc add dev ens33 root tbf rate 8bit burst 1540 limit 1',
    subject: 'tc qdisc tbf of ens33',
    text: ': tbf 80',
  },
  {
    name: 'iptables inside the container',
    where: 'box',
    line: 'iptables-nft -A INPUT -p icmp -m comment --comment "no pings, please" -j DROP',
    subject: 'iptables-nft table filter, chain INPUT',
    text: `-A INPUT -p icmp -m comment --comment 'no pings, please' -j DROP`,
  },
  {
    name: 'a policy of iptables inside the container',
    where: 'box',
    line: 'iptables-nft -P OUTPUT DROP',
    subject: 'iptables-nft table filter, policy of chain OUTPUT',
    text: '-P OUTPUT DROP',
  },
  {
    name: 'iptables-legacy inside the container, behind a jump',
    where: 'box',
    line: 'iptables-legacy -N ufw-user-input && iptables-legacy -A ufw-user-input -s 172.16.100.20 -j REJECT && iptables-legacy -A INPUT -j ufw-user-input',
    subject: 'iptables-legacy table filter, chain ufw-user-input',
    text: '-A ufw-user-input -s 172.16.100.20/32 -j REJECT',
    remedy: /^change it in ufw, which puts it back; until then: /,
  },
  {
    name: 'arptables inside the container',
    where: 'box',
    line: 'arptables-nft -A INPUT -j DROP',
    subject: 'nftables arp filter, chain INPUT, handle 2',
    text: 'counter',
  },
  {
    name: 'nftables inside the container, behind a verdict map',
    where: 'box',
    line: `nft 'table inet t { chain sub { ip saddr 172.16.100.0/24 counter drop; } ; chain i { type filter hook input priority 0; ip protocol vmap { icmp : jump sub }; } ; }'`,
    subject: 'nftables inet t, chain sub, handle 3',
    text: 'ip saddr 172.16.100.0/24 counter',
  },
];

describe.skipIf(!isRoot)('what drops packets on a real host (needs root)', () => {
  let scene: RealScene;
  beforeEach(async () => {
    scene = await openRealScene();
  });
  afterEach(async () => {
    await scene.close();
  });

  it('finds nothing where nothing drops them', async () => {
    await scene.type(netdev('ingress', 'tcp dport 22 counter drop; ip saddr 10.9.9.9 counter drop'));
    await scene.type(
      `nft 'table inet f { chain i { type filter hook input priority 0; policy drop; counter drop; } ; }'`,
    );
    await scene.type('iptables-nft -P FORWARD DROP');
    await scene.inBox('iptables-nft', ['-A', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', 'DROP']);
    const { findings, detail, isLost } = await scene.examine(firewallExaminer);
    expect({ findings, isLost }).toEqual({ findings: [], isLost: false });
    expect(detail).toBe(
      '4 rules and filters of this host and inside 1 of its containers, with their counters before and after the traffic',
    );
  });

  it.each(faults)('names $name, and its remedy helps', async ({ where, line, subject, text, remedy }) => {
    if (where === 'host') await scene.type(line);
    else await scene.inBox('sh', ['-c', line]);
    const { findings, isLost } = await scene.examine(firewallExaminer);
    expect(isLost).toBe(true);
    const place = where === 'host' ? '' : ' inside container box1';
    expect(findings).toMatchObject([{ code: 'packets-dropped', subject: subject + place }]);
    expect(findings[0]!.evidence[0]).toContain(text);
    expect(findings[0]!.evidence[1]).toMatch(
      /^\d+ packets? before the traffic of this diagnosis, [1-9]\d* after it$/,
    );
    if (remedy !== undefined) expect(findings[0]!.remedy).toMatch(remedy);
    await scene.type(findings[0]!.remedy.replace(/^.*until then: /, ''));
    expect(await scene.examine(firewallExaminer)).toMatchObject({ findings: [], isLost: false });
  });

  it('says only that it may be a rule that has no counter', async () => {
    await scene.type(netdev('ingress', 'ether type arp drop'));
    const { findings } = await scene.examine(firewallExaminer);
    expect(findings).toMatchObject([
      {
        code: 'packets-may-be-dropped',
        evidence: ['nftables netdev guard, chain c, handle 2: ether type arp drop', expect.any(String)],
      },
    ]);
  });

  it('blames no filter of the host that a macvlan passes by, whatever it counts', async () => {
    await scene.type('ip address add 172.16.100.30/24 dev ens33 && iptables-nft -A INPUT -j DROP');
    await scene.type(netdev('ingress', 'tcp dport 22 drop').replace('"ens33"', '"lo"'));
    await scene.inBox('ip', ['link', 'set', 'eth0', 'down']);
    // Counted by the rule of the host, and lost.
    await scene.atStation('ping', ['-c', '1', '-W', '1', '172.16.100.30'], { acceptCodes: [0, 1] });
    expect(await scene.examine(firewallExaminer)).toMatchObject({ findings: [], isLost: true });
  });

  it('looks at every part that it can, and says what it could not look at', async () => {
    const one = await scene.look();
    const end = await firewallExaminer.begin({
      ...one,
      run: (file, argv, options) => one.run(file === 'nft' ? 'no-such-program' : file, argv, options),
    });
    await expect(
      (async () => await end({ pings: [], hostPings: [], wire: null, isLost: true }))(),
    ).rejects.toThrow('no-such-program');
  });
});

describe.skipIf(!isRoot)('with a bridge below (needs root)', () => {
  let scene: RealScene;
  beforeEach(async () => {
    scene = await openRealScene('br0', async (onHost) => {
      await onHost('ip', ['link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0']);
      await onHost('ip', ['link', 'set', 'ens33', 'master', 'br0']);
      await onHost('ip', ['link', 'set', 'br0', 'up']);
    });
  });
  afterEach(async () => {
    await scene.close();
  });

  it.each([
    ['ebtables', 'ebtables-nft -A INPUT -p ARP -j DROP', 'nftables bridge filter, chain INPUT, handle 2'],
    [
      'nftables',
      `nft 'table bridge b { chain p { type filter hook prerouting priority 0; ether type arp counter drop; } ; }'`,
      'nftables bridge b, chain p, handle 2',
    ],
  ])('names a rule of %s', async (_, line, subject) => {
    expect(await scene.examine(firewallExaminer)).toMatchObject({ findings: [], isLost: false });
    await scene.type(line);
    await scene.forget();
    const { findings } = await scene.examine(firewallExaminer);
    expect(findings).toMatchObject([{ code: 'packets-dropped', subject }]);
    await scene.type(findings[0]!.remedy);
    expect(await scene.examine(firewallExaminer)).toMatchObject({ findings: [], isLost: false });
  });

  it('blames no policy of FORWARD that dropped nothing: what a macvlan on a bridge sends is not forwarded by it', async () => {
    await scene.type('sysctl -w net.bridge.bridge-nf-call-iptables=1 && iptables-nft -P FORWARD DROP');
    await scene.forget();
    expect(await scene.examine(firewallExaminer)).toMatchObject({ findings: [], isLost: false });
    await scene.inBox('ip', ['link', 'set', 'eth0', 'down']);
    expect(await scene.examine(firewallExaminer)).toMatchObject({ findings: [], isLost: true });
  });
});
