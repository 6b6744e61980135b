/** S4 on real hosts, what drops packets and what leaves them unanswered: each fault is made by hand and is the first that is named. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Check, CheckCreate, DiagnosisCode, DiagnosisResult } from '@trunkline/contracts';
import { docker, must } from './outside.ts';
import { box1, box2, macNet1, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('firewall');
const on2 = () => fleet().lab.host('docker02');
const mended: (() => Promise<unknown>)[] = [];
const pair = { from: { container: 'box1' }, to: { container: 'box2' } };

beforeAll(async () => {
  const { client, lab } = fleet();
  await lab.addStation({ ip: '172.16.100.1', mac: '02:00:00:00:00:01' });
  await client.networks.create(macNet1, { wait: '30s' });
  await client.containers.create(box1, { wait: '60s' });
  await client.containers.create(box2, { wait: '60s' });
});
afterEach(async () => {
  for (const mend of mended.splice(0).toReversed()) await mend();
});
afterAll(async () => {
  await removeAll(fleet());
});

async function diagnose(about: Omit<CheckCreate, 'kind'> = pair): Promise<DiagnosisResult> {
  const { body } = await fleet().client.checks.create({ kind: 'diagnose', ...about }, { wait: '60s' });
  expect(body).toMatchObject({ state: 'done', kind: 'diagnose' });
  return (body as Check & { result: DiagnosisResult }).result;
}

/** A line of shell on docker02, and the one that undoes it. */
async function onHost(line: string, undo: string): Promise<void> {
  mended.push(async () => await must(on2(), 'sh', '-c', undo));
  await must(on2(), 'sh', '-c', line);
}

/** The same in the network of box2. */
async function inBox(line: string, undo: string): Promise<void> {
  const pid = await docker(on2(), 'inspect', '-f', '{{.State.Pid}}', 'box2');
  const enter = ['nsenter', `--net=/proc/${pid}/ns/net`, '--', 'sh', '-c'];
  mended.push(async () => await must(on2(), ...enter, undo));
  await must(on2(), ...enter, line);
}

const ingress = (rule: string): string =>
  `nft 'table netdev guard { chain in { type filter hook ingress device "ens33" priority 0; ${rule}; } ; }'`;
const noIngress = 'nft delete table netdev guard';
const otherWay = `ip link add other type veth peer name far && ip link set other up && ip address add 192.0.2.1/24 dev other && ip route add 172.16.100.10/32 dev other`;
const promiscOff = '/run/systemd/network/10-ens33.network';
const file = `mkdir -p /run/systemd/network && printf '[Match]\\nName=ens33\\n[Link]\\nPromiscuous=no\\n' > ${promiscOff}`;

/** Drops ARP for 172.16.100.0/24: what the agent sends to the server passes. */
const dropArp = [
  '7',
  '40 0 0 12',
  '21 0 3 2054',
  '32 0 0 38',
  '84 0 0 4294967040',
  '21 1 0 2886755328',
  '6 0 0 0',
  '6 0 0 2',
].join(',');

interface Fault {
  readonly make: () => Promise<void>;
  readonly code: DiagnosisCode;
  readonly subject: string;
  readonly evidence: RegExp;
}

const faults: Readonly<Record<string, Fault>> = {
  'a rule of nftables that drops ARP': {
    make: () => onHost(ingress('ether type arp counter drop'), noIngress),
    code: 'packets-dropped',
    subject: 'nftables netdev guard, chain in, handle 2',
    evidence: /ether type arp counter packets [1-9]\d* bytes \d+ drop/,
  },
  'a rule of nftables without a counter': {
    make: () => onHost(ingress('ether type arp drop'), noIngress),
    code: 'packets-may-be-dropped',
    subject: 'nftables netdev guard, chain in, handle 2',
    evidence: /ether type arp drop/,
  },
  'a filter of tc': {
    make: () =>
      onHost(
        `tc qdisc add dev ens33 clsact && tc filter add dev ens33 ingress bpf da bytecode "${dropArp}"`,
        'tc qdisc del dev ens33 clsact',
      ),
    code: 'packets-dropped',
    subject: 'tc filters of ens33',
    evidence: /clsact with ingress pref 49152 bpf/,
  },
  'iptables inside a container': {
    make: () => inBox('iptables-nft -A INPUT -p icmp -j DROP', 'iptables-nft -F INPUT'),
    code: 'packets-dropped',
    subject: 'iptables-nft table filter, chain INPUT inside container box2',
    evidence: /-A INPUT -p icmp -j DROP/,
  },
  'rp_filter inside a container': {
    make: () =>
      inBox(
        `${otherWay} && sysctl -w net.ipv4.conf.eth0.rp_filter=1`,
        'ip link delete other && sysctl -w net.ipv4.conf.eth0.rp_filter=0',
      ),
    code: 'source-filtered',
    subject: 'rp_filter inside container box2',
    evidence: /net\.ipv4\.conf\.eth0\.rp_filter = 1.*the route to it leaves by other/,
  },
  'arp_ignore inside a container': {
    make: () => inBox('sysctl -w net.ipv4.conf.all.arp_ignore=8', 'sysctl -w net.ipv4.conf.all.arp_ignore=0'),
    code: 'arp-not-answered',
    subject: 'arp_ignore of eth0 inside container box2',
    evidence: /net\.ipv4\.conf\.all\.arp_ignore = 8/,
  },
  'pings that a container ignores': {
    make: () =>
      inBox('sysctl -w net.ipv4.icmp_echo_ignore_all=1', 'sysctl -w net.ipv4.icmp_echo_ignore_all=0'),
    code: 'echo-ignored',
    subject: 'icmp_echo_ignore_all inside container box2',
    evidence: /net\.ipv4\.icmp_echo_ignore_all = 1/,
  },
  'a file that ends promiscuous mode at the next boot': {
    make: () => onHost(file, `rm ${promiscOff}`),
    code: 'undone-at-boot',
    subject: `${promiscOff} line 4`,
    evidence: /line 4: Promiscuous=no/,
  },
};

describe('what drops packets between two containers', () => {
  test('nothing is found while they pass', async () => {
    const { findings, ok, looked } = await diagnose();
    expect({ findings, ok }).toEqual({ findings: [], ok: true });
    for (const area of ['firewall', 'sysctl', 'files']) {
      const clear = looked.filter((one) => one.area === area && one.outcome === 'clear');
      expect(new Set(clear.map(({ host }) => host))).toEqual(new Set(['docker01', 'docker02']));
    }
  });

  test.each(Object.entries(faults))('%s is named first', async (_, { make, code, subject, evidence }) => {
    await make();
    const { findings } = await diagnose();
    expect(findings[0]).toMatchObject({ code, host: 'docker02', subject });
    expect(findings[0]?.evidence.join('; ')).toMatch(evidence);
  });

  test('a rule is named first also where only a network is asked about', async () => {
    await onHost(ingress('arp operation request counter drop'), noIngress);
    const { findings } = await diagnose({ network: 'mac_net1' });
    expect(findings[0]).toMatchObject({
      host: 'docker02',
      subject: 'nftables netdev guard, chain in, handle 2',
    });
  });

  test('a rule is named first also on the host whose own pings pass it', async () => {
    await onHost(ingress('icmp type echo-request counter drop'), noIngress);
    const { findings } = await diagnose();
    expect(findings[0]).toMatchObject({
      host: 'docker02',
      subject: 'nftables netdev guard, chain in, handle 2',
    });
  });

  test('two at once are both named, the one that drops packets first', async () => {
    await onHost(file, `rm ${promiscOff}`);
    await inBox('iptables-nft -A OUTPUT -p icmp -j REJECT', 'iptables-nft -F OUTPUT');
    const { findings } = await diagnose();
    expect(findings[0]).toMatchObject({ code: 'packets-dropped', host: 'docker02' });
    expect(findings.map(({ code }) => code)).toContain('undone-at-boot');
  });

  test('files of several kinds that undo at the next boot are each named by their line', async () => {
    const mac = await must(on2(), 'cat', '/sys/class/net/ens33/address');
    const files = {
      '/run/NetworkManager/system-connections/x.nmconnection':
        '[connection]\\ntype=ethernet\\ninterface-name=ens33\\n[ethernet]\\nmtu=1400\\n',
      '/run/udev/rules.d/70-net.rules': `SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="${mac}", NAME="eth7"\\n`,
      '/run/modprobe.d/x.conf': 'blacklist macvlan\\n',
      '/run/sysctl.d/99.conf': 'net.ipv4.conf.all.arp_ignore = 8\\n',
    };
    for (const [path, text] of Object.entries(files))
      await onHost(`mkdir -p $(dirname ${path}) && printf '${text}' > ${path}`, `rm ${path}`);
    const { findings } = await diagnose({ host: 'docker02' });
    const subjects = findings.map(({ code, subject }) => `${code}: ${subject}`);
    expect(subjects.toSorted()).toEqual([
      'undone-at-boot: /run/NetworkManager/system-connections/x.nmconnection line 5',
      'undone-at-boot: /run/modprobe.d/x.conf line 1',
      'undone-at-boot: /run/sysctl.d/99.conf line 1',
      'undone-at-boot: /run/udev/rules.d/70-net.rules line 1',
    ]);
  });

  test('rules for other traffic are not blamed, and of all that was made nothing is left', async () => {
    await onHost(
      `${ingress('tcp dport 22 counter drop; ip saddr 10.9.9.0/24 drop')} && iptables-nft -P FORWARD DROP && iptables-nft -A INPUT -p icmp -j DROP`,
      `${noIngress}; iptables-nft -P FORWARD ACCEPT; iptables-nft -F INPUT`,
    );
    expect((await diagnose()).findings).toEqual([]);
    expect((await diagnose({ network: 'mac_net1' })).findings).toEqual([]);
  });
});
