/** Names over DNS, asked with dig from another machine and through dnsmasq (docs/networks.md, "Names over DNS"). */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureInstalled } from '@trunkline/lab/hosts/install.ts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { docker, must } from './outside.ts';
import { conditionOf, emptyFleet, macNet1, useFleet } from './setup.ts';

const fleet = useFleet('dns', {
  agentEnv: { TRUNKLINE_DNS_LISTEN: '[::]:53', TRUNKLINE_DNS_ZONE: 'Lan.Example' },
});
const host = (name: string): LabHost => fleet().lab.host(name);
const on1 = (): LabHost => host('docker01');
const on2 = (): LabHost => host('docker02');
const heardMs = 20_000;

const network = {
  ...macNet1,
  names: true,
  subnets: [...macNet1.subnets, { cidr: 'fd00:100::/64', gateway: 'fd00:100::1' }],
};
const zone = 'mac_net1.lan.example';
const ipv6Of1 = 'fd00:1::30';

async function run(on: LabHost, name: string, ...options: string[]): Promise<void> {
  const image = ['busybox', 'sleep', '1000000'];
  await docker(on, 'run', '-d', '--name', name, '--network', network.name, ...options, ...image);
}

/** What dig on docker02 prints; it asks docker01 by default. */
async function dig(question: readonly string[], { at = on1().address, port = 53 } = {}): Promise<string> {
  const { stdout } = await on2().exec([
    'dig',
    '+time=2',
    '+tries=2',
    '-p',
    String(port),
    `@${at}`,
    ...question,
  ]);
  return stdout;
}
const short = async (question: readonly string[], where = {}): Promise<string[]> =>
  (await dig(['+short', ...question], where))
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
const statusOf = async (question: readonly string[], where = {}): Promise<string | undefined> =>
  /status: (\w+)/.exec(await dig(question, where))?.[1];

async function answers(question: readonly string[], expected: readonly string[], where = {}): Promise<true> {
  let last: readonly string[] = [];
  await waitFor(
    `${question.join(' ')} answered with ${expected.join(', ')}`,
    async () => {
      last = await short(question, where);
      return JSON.stringify(last) === JSON.stringify(expected);
    },
    heardMs,
    100,
  ).catch((error: unknown) => {
    throw new Error(`the last answer was ${last.join(', ')}`, { cause: error });
  });
  return true;
}

const ipv6Of = async (on: LabHost, container: string): Promise<string> =>
  await docker(on, 'inspect', '-f', '{{.NetworkSettings.Networks.mac_net1.GlobalIPv6Address}}', container);

/** A name server of the LAN, on docker02, that forwards the zone to docker01. */
async function dnsmasq(): Promise<AsyncDisposable> {
  const at1 = on1().address;
  const child = on2().spawn([
    'dnsmasq',
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--pid-file=',
    '--user=root',
    '--no-resolv',
    '--no-hosts',
    '--port=5353',
    '--stop-dns-rebind',
    '--bogus-priv',
    `--server=/lan.example/${at1}`,
    `--server=/100.16.172.in-addr.arpa/${at1}`,
    '--rebind-domain-ok=/lan.example/',
  ]);
  return {
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

describe('names over DNS', () => {
  beforeAll(async () => {
    await ensureInstalled(() => undefined, { dig: 'bind9-dnsutils', dnsmasq: 'dnsmasq-base' });
    await must(on1(), 'ip', 'address', 'replace', `${ipv6Of1}/64`, 'dev', 'ens33', 'nodad');
    await must(on2(), 'ip', 'address', 'replace', 'fd00:1::31/64', 'dev', 'ens33', 'nodad');
    await fleet().client.networks.create(network, { wait: '30s' });
    await run(on1(), 'Box1', '--ip', '172.16.100.10', '--network-alias', 'web');
    await run(on2(), 'box2', '--ip', '172.16.100.20', '--network-alias', 'web');
  });
  afterAll(async () => {
    await emptyFleet(fleet());
  });

  test('a machine of the LAN finds containers of both hosts at one agent, by name, alias and address', async () => {
    await answers([`box2.${zone}`], ['172.16.100.20']);
    await answers([`BOX1.${zone}`], ['172.16.100.10']);
    await answers(['-x', '172.16.100.20'], [`box2.${zone}.`]);
    await answers(['-x', '172.16.100.10'], [`Box1.${zone}.`]);
    expect(['172.16.100.10', '172.16.100.20']).toContain((await short([`web.${zone}`]))[0]);
  });

  test('over IPv6 too: AAAA, the name of an IPv6 address, and an agent that is asked over IPv6', async () => {
    const [ofBox1, ofBox2] = await Promise.all([ipv6Of(on1(), 'Box1'), ipv6Of(on2(), 'box2')]);
    for (const where of [{}, { at: ipv6Of1 }]) {
      await answers(['AAAA', `Box1.${zone}`], [ofBox1], where);
      await answers(['AAAA', `box2.${zone}`], [ofBox2], where);
      expect(await answers(['-x', ofBox2], [`box2.${zone}.`], where)).toBe(true);
    }
  });

  test('the hosts files of containers have the IPv6 addresses too, and they lead there', async () => {
    const ofBox2 = await ipv6Of(on2(), 'box2');
    await waitFor(
      'the address of box2 in the hosts file of Box1',
      async () => (await docker(on1(), 'exec', 'Box1', 'cat', '/etc/hosts')).includes(`${ofBox2} box2 `),
      heardMs,
      100,
    );
    const { code, stdout } = await on1().exec([
      'docker',
      'exec',
      'Box1',
      'ping',
      '-6',
      '-c',
      '3',
      '-W',
      '2',
      'box2',
    ]);
    expect([code, stdout]).toEqual([0, expect.stringContaining(ofBox2)]);
  });

  test('all containers behind an alias are an SRV answer, over UDP and TCP', async () => {
    const both = [`0 1 8080 Box1.${zone}.`, `0 1 8080 box2.${zone}.`];
    await answers(['SRV', `_8080._tcp.web.${zone}`], both);
    expect(await short(['+tcp', 'SRV', `_8080._tcp.web.${zone}`])).toEqual(both);
  });

  test('what is not ours is refused, what does not exist is said not to, with how long that may be kept', async () => {
    expect(await statusOf(['example.com'])).toBe('REFUSED');
    expect(await statusOf(['-x', '192.168.7.7'])).toBe('REFUSED');
    expect(await dig(['AXFR', 'lan.example'])).toContain('Transfer failed');
    expect(await statusOf(['-x', '172.16.100.99'])).toBe('NXDOMAIN');
    const nothing = await dig([`nobody.${zone}`]);
    expect(nothing).toMatch(/status: NXDOMAIN/);
    expect(nothing).toMatch(/^lan\.example\.\s+5\s+IN\s+SOA\s.* 5$/m);
    const noData = await dig(['TXT', `box2.${zone}`]);
    expect(noData).toMatch(/status: NOERROR.*\n.*flags: qr aa rd; .*ANSWER: 0, AUTHORITY: 1/);
  });

  test('the host says where it answers', async () => {
    const { body } = await fleet().client.hosts.get('docker01');
    expect(conditionOf(body.conditions, 'NameServer')).toMatchObject({
      status: 'True',
      message: 'names of lan.example are answered at [::]:53',
    });
  });

  test('through a dnsmasq that forwards the zone, which keeps what its own guard would drop', async () => {
    await using _ = await dnsmasq();
    const where = { at: on2().address, port: 5353 };
    await answers([`Box1.${zone}`], ['172.16.100.10'], where);
    await answers(['-x', '172.16.100.10'], [`Box1.${zone}.`], where);
    await answers(['SRV', `_80._udp.web.${zone}`], [`0 1 80 Box1.${zone}.`, `0 1 80 box2.${zone}.`], where);
    expect(await statusOf([`nobody.${zone}`], where)).toBe('NXDOMAIN');
  });

  test('without the server: over a restart of the agent, for a container that starts now, and one that ends', async () => {
    await fleet().stopServer();
    try {
      await fleet().stopAgent('docker01');
      await fleet().startAgent('docker01');
      await answers([`box2.${zone}`], ['172.16.100.20']);
      await answers(['-x', '172.16.100.20'], [`box2.${zone}.`]);
      await answers([`Box1.${zone}`], ['172.16.100.10']);
      // Of the addresses that the host holds: one that is asked for needs the server.
      await run(on1(), 'late');
      const ip = await docker(
        on1(),
        'inspect',
        '-f',
        '{{.NetworkSettings.Networks.mac_net1.IPAddress}}',
        'late',
      );
      await answers([`late.${zone}`], [ip]);
      await docker(on1(), 'rm', '-f', 'late');
      await answers([`late.${zone}`], []);
      expect(await statusOf([`late.${zone}`])).toBe('NXDOMAIN');
    } finally {
      await on1().exec(['docker', 'rm', '-f', 'late']);
      await fleet().startServer();
    }
  });

  test('without Docker and the server, what other hosts have is still answered, and of the rest nobody says that it does not exist', async () => {
    await fleet().stopServer();
    await fleet().stopAgent('docker01');
    await fleet().lab.stopDockerd('docker01');
    try {
      await fleet().startAgent('docker01');
      await answers([`box2.${zone}`], ['172.16.100.20']);
      expect(await statusOf([`Box1.${zone}`])).toBe('SERVFAIL');
    } finally {
      await fleet().lab.startDockerd('docker01');
      await fleet().startServer();
    }
  });

  test('names that are switched off are no names any more', async () => {
    await fleet().client.networks.patch(network.name, { names: false }, { ifMatch: '*', wait: '30s' });
    await answers([`box2.${zone}`], []);
    expect(await statusOf([`box2.${zone}`])).toBe('NXDOMAIN');
    expect(await statusOf(['-x', '172.16.100.20'])).toBe('REFUSED');
  });
});
