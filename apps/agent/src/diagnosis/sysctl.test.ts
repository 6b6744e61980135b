import { describe, expect, it } from 'vitest';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import { network } from '../reconcile/subjects.fixture.ts';
import type { Observed } from '../observation/observed.ts';
import type { TriedPing } from './examiner.ts';
import { noProbe } from '../wire/address-probe.ts';
import { examine, shown } from './scene.fixture.ts';
import type { Scene } from './scene.ts';
import { sysctlExaminer } from './sysctl.ts';

const mac = '02:42:ac:10:64:0a';
const detail = {
  name: 'box1',
  pid: 42,
  networkMode: 'mac_net1',
  endpoints: [
    {
      networkName: 'mac_net1',
      ipv4: '172.16.100.10',
      ipv4PrefixLength: 24,
      ipv6: 'fd00:100::10',
      ipv6PrefixLength: 64,
      mac,
    },
  ],
} as unknown as DockerContainerDetail;

const addresses = JSON.stringify([
  { ifname: 'lo', ifindex: 1, flags: ['UP'] },
  {
    ifname: 'eth0',
    ifindex: 2,
    flags: ['UP'],
    link_type: 'ether',
    address: mac,
    addr_info: [{ family: 'inet', local: '172.16.100.10', prefixlen: 24, scope: 'global' }],
  },
]);

/** A scene whose kernel has these settings, in the container and on the host. */
function sceneWith(settings: readonly string[], change: Partial<Scene> = {}): Scene {
  return {
    networks: [{ network: network(), linkName: 'ens33', link: null }],
    containers: [{ name: 'box1', detail }],
    observed: { links: [] } as unknown as Observed,
    inspect: async () => null,
    run: async (_, argv) => ({
      code: 0,
      stderr: '',
      stdout:
        argv.includes('grep') || argv[0] === '-Hs'
          ? settings.map((line) => `/proc/sys/net/${line}\n`).join('')
          : argv.includes('route')
            ? '[]'
            : addresses,
    }),
    readFile: async () => 'TcpExt: ArpFilter\nTcpExt: 0\n',
    readFolder: async () => [],
    recheck: noProbe.recheck,
    signal: new AbortController().signal,
    ...change,
  };
}
const ping = (from: string, to: string, received: number): TriedPing => ({
  from,
  to,
  ping: { address: '172.16.100.20', sent: 5, received, lossPercent: 0, rttMs: null, mac: null, error: null },
  size: null,
});

describe('settings of the kernel', () => {
  it('that turn IPv6 off are found where the container has an IPv6 address', async () => {
    const { findings } = await examine(sysctlExaminer, sceneWith(['ipv6/conf/eth0/disable_ipv6:1']));
    expect(shown(findings)).toEqual(['ipv6-disabled: disable_ipv6 of eth0 inside container box1']);
    expect(findings[0]?.message).toContain('fd00:100::10');
    const without = { ...detail, endpoints: detail.endpoints.map((one) => ({ ...one, ipv6: null })) };
    const ipv4 = sceneWith(['ipv6/conf/eth0/disable_ipv6:1'], {
      containers: [{ name: 'box1', detail: without }],
    });
    expect((await examine(sysctlExaminer, ipv4)).findings).toEqual([]);
  });

  it('that leave pings unanswered are found where pings are tried, and nowhere else', async () => {
    const scene = sceneWith(['ipv4/icmp_echo_ignore_all:1']);
    expect((await examine(sysctlExaminer, scene)).findings).toEqual([]);
    expect((await examine(sysctlExaminer, scene, [ping('box7', 'box8', 0)])).findings).toEqual([]);
    const { findings } = await examine(sysctlExaminer, scene, [ping('box1', 'box2', 5)]);
    expect(shown(findings)).toEqual(['echo-ignored: icmp_echo_ignore_all inside container box1']);
  });

  it('that filter by source are found where they dropped packets while pings of the container were lost', async () => {
    let filtered = 3;
    const strict = sceneWith(['ipv4/conf/all/rp_filter:1'], {
      readFile: async () => `TcpExt: ArpFilter IPReversePathFilter\nTcpExt: 0 ${(filtered += 4)}\n`,
    });
    const { findings } = await examine(sysctlExaminer, strict, [ping('box1', 'box2', 1)]);
    expect(shown(findings)).toEqual(['source-filtered: rp_filter inside container box1']);
    expect(findings[0]?.evidence).toEqual([
      'net.ipv4.conf.all.rp_filter = 1',
      'IPReversePathFilter of /proc/42/net/netstat: 7 before the traffic of this diagnosis, 11 after it',
    ]);
    for (const pings of [[ping('box1', 'box2', 5)], [ping('box7', 'box8', 0)], []]) {
      expect((await examine(sysctlExaminer, strict, pings)).findings).toEqual([]);
    }
  });

  it('count on the host where it is the gateway', async () => {
    const links = [
      {
        name: 'ens33',
        mac: mac,
        addresses: [{ family: 4, address: '172.16.100.1', prefixLength: 24, scope: 'global' }],
      },
    ];
    const gateway = sceneWith(['ipv4/conf/all/arp_ignore:8'], {
      containers: [],
      observed: { links } as unknown as Observed,
    });
    const { findings, detail: words } = await examine(sysctlExaminer, gateway);
    expect(shown(findings)).toEqual(['arp-not-answered: arp_ignore of eth0']);
    expect(words).toContain('this host, which is a gateway, and 0 containers');
    const plain = sceneWith(['ipv4/conf/all/arp_ignore:8'], { containers: [] });
    expect((await examine(sysctlExaminer, plain)).findings).toEqual([]);
  });

  it('are not looked at in a container that does not run, or that has the network of the host', async () => {
    const containers = [
      { name: 'gone', detail: null },
      { name: 'stopped', detail: { ...detail, pid: null } },
      { name: 'onhost', detail: { ...detail, networkMode: 'host' } },
    ];
    const scene = sceneWith(['ipv4/conf/all/arp_ignore:8'], { containers });
    expect((await examine(sysctlExaminer, scene)).findings).toEqual([]);
  });
});
