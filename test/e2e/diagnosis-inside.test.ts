/** S4 on real hosts, what is inside containers and what Docker has: each fault is made by hand and is the first that is named. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ApiError } from '@trunkline/client';
import type { Check, CheckCreate, DiagnosisResult } from '@trunkline/contracts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { docker, must } from './outside.ts';
import { box, emptyFleet, macNet1, useFleet } from './setup.ts';

const fleet = useFleet('inside');
const host = (name: string) => fleet().lab.host(name);
const mended: (() => Promise<unknown>)[] = [];
const routers = [
  { ip: '172.16.100.1', mac: '02:00:00:00:00:01' },
  { ip: '172.16.60.1', mac: '02:00:00:00:00:02' },
];

beforeAll(async () => {
  for (const router of routers) await fleet().lab.addStation(router);
  await fleet().client.networks.create(macNet1, { wait: '30s' });
});
afterEach(async () => {
  for (const mend of mended.splice(0).toReversed()) await mend();
});
afterAll(async () => {
  await emptyFleet(fleet());
});

/** plain1 and plain2, run by hand, so that nobody but the test mends them; away when the test ends. */
async function runPair(): Promise<void> {
  await Promise.all([run('docker01', 'plain1'), run('docker02', 'plain2')]);
}

async function run(on: string, name: string, ...options: string[]): Promise<void> {
  const where = options.length > 0 ? options : ['--network', macNet1.name];
  await docker(host(on), 'run', '-d', '--name', name, ...where, 'busybox', 'sleep', '100000');
  mended.push(async () => await docker(host(on), 'rm', '-f', name));
}

/** Addresses of probes and of containers that have just ended are held for some seconds. */
async function remove(network: string): Promise<void> {
  await waitFor(
    `${network} removed`,
    async () => {
      try {
        await fleet().client.networks.remove(network, { ifMatch: '*', wait: '30s' });
        return true;
      } catch (error) {
        if (error instanceof ApiError && error.code === 'network_in_use') return false;
        throw error;
      }
    },
    90_000,
    500,
  );
}

async function signalDockerd(signal: string): Promise<void> {
  const pid = await must(host('docker01'), 'cat', '/run/docker.pid');
  await must(host('docker01'), 'kill', `-${signal}`, pid);
}

/** Runs a program of the host in the network of a container. */
async function inside(on: string, name: string, ...argv: string[]): Promise<string> {
  const pid = await docker(host(on), 'inspect', '-f', '{{.State.Pid}}', name);
  return await must(host(on), 'nsenter', `--net=/proc/${pid}/ns/net`, '--', ...argv);
}

async function addressOf(on: string, name: string): Promise<string> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  return await docker(host(on), 'inspect', '-f', format, name);
}

async function readdress(on: string, name: string, address: string): Promise<void> {
  await inside(on, name, 'ip', 'address', 'delete', `${await addressOf(on, name)}/24`, 'dev', 'eth0');
  await inside(on, name, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
}

/** Diagnoses what the server may have to hear of first. */
async function diagnose(about: Omit<CheckCreate, 'kind'>): Promise<DiagnosisResult> {
  const body = await waitFor(
    `a diagnosis of ${JSON.stringify(about)}`,
    async () => {
      try {
        return (await fleet().client.checks.create({ kind: 'diagnose', ...about }, { wait: '30s' })).body;
      } catch (error) {
        if (error instanceof ApiError && error.code === 'container_not_found') return undefined;
        throw error;
      }
    },
    30_000,
    200,
  );
  expect(body).toMatchObject({ state: 'done', kind: 'diagnose' });
  return (body as Check & { result: DiagnosisResult }).result;
}

const pair = { from: { container: 'plain1' }, to: { container: 'plain2' } };
const codes = ({ findings }: DiagnosisResult): string[] => findings.map(({ code }) => code);

test('a healthy pair gives no finding, 10 times', { timeout: 300_000 }, async () => {
  await runPair();
  for (let n = 0; n < 10; n += 1) {
    const result = await diagnose(pair);
    expect(result.findings, `diagnosis ${n}`).toEqual([]);
    expect(result.looked.filter(({ outcome }) => outcome === 'not-looked')).toEqual([]);
    expect(result.ok).toBe(true);
  }
});

describe('inside a container', () => {
  test.each<{ name: string; make: () => Promise<unknown>; code: string; says: string }>([
    {
      name: 'its interface was deleted',
      make: () => inside('docker01', 'plain1', 'ip', 'link', 'delete', 'eth0'),
      code: 'interface-gone',
      says: 'container plain1 has no interface for mac_net1',
    },
    {
      name: 'its interface was set down',
      make: () => inside('docker01', 'plain1', 'ip', 'link', 'set', 'eth0', 'down'),
      code: 'interface-down',
      says: 'interface eth0 of container plain1, for mac_net1, is down',
    },
    {
      name: 'its address was changed',
      make: () => readdress('docker01', 'plain1', '172.16.100.222'),
      code: 'address-differs',
      says: 'interface eth0 of container plain1 has 172.16.100.222/24, and Docker has',
    },
    {
      name: 'it was stopped',
      make: () => docker(host('docker01'), 'kill', 'plain1'),
      code: 'container-stopped',
      says: 'container plain1 does not run: it is exited',
    },
    {
      name: 'its route to the subnet leads elsewhere',
      make: () => inside('docker01', 'plain1', 'ip', 'route', 'replace', 'unreachable', '172.16.100.0/25'),
      code: 'route-blocked',
      says: 'inside container plain1 packets to 172.16.100.',
    },
    {
      name: 'a rule inside it refuses packets',
      make: () => inside('docker01', 'plain1', 'ip', 'rule', 'add', 'to', '172.16.100.0/24', 'prohibit'),
      code: 'route-blocked',
      says: 'to 172.16.100.0/24 prohibit',
    },
    {
      name: 'its interface answers no ARP',
      make: () => inside('docker01', 'plain1', 'ip', 'link', 'set', 'eth0', 'arp', 'off'),
      code: 'interface-differs',
      says: 'has ARP switched off',
    },
    {
      name: 'its interface has another macvlan mode',
      make: () =>
        inside('docker01', 'plain1', 'ip', 'link', 'set', 'eth0', 'type', 'macvlan', 'mode', 'private'),
      code: 'interface-differs',
      says: 'has the macvlan mode private, and its network bridge',
    },
    {
      name: 'its interface has a smaller MTU',
      make: () => inside('docker01', 'plain1', 'ip', 'link', 'set', 'eth0', 'mtu', '600'),
      code: 'mtu-differs',
      says: 'has the MTU 600, and the interface below it 1500',
    },
    {
      name: 'somebody set which MAC has the address of the other one',
      make: async () => {
        const mac = ['lladdr', '02:de:ad:00:00:01', 'nud', 'permanent', 'dev', 'eth0'];
        const other = await addressOf('docker02', 'plain2');
        await inside('docker01', 'plain1', 'ip', 'neigh', 'replace', other, ...mac);
      },
      code: 'neighbour-fixed',
      says: 'to 02:de:ad:00:00:01, as a neighbour entry says that was set by hand',
    },
  ])('$name: it is named first', async ({ make, code, says }) => {
    await runPair();
    await diagnose(pair);
    await make();
    const { findings } = await diagnose(pair);
    expect(findings[0]).toMatchObject({ code, host: 'docker01' });
    expect(findings[0]?.message).toContain(says);
    expect(findings[0]?.evidence).not.toEqual([]);
  });

  test('its default route was deleted: it is named, though nothing was tried', async () => {
    await run('docker01', 'plain1');
    await inside('docker01', 'plain1', 'ip', 'route', 'delete', 'default');
    const result = await diagnose({ container: 'plain1' });
    expect(codes(result)).toEqual(['default-route-elsewhere']);
    expect(result.message).toBe(
      'container plain1 has no default route, though its network has the gateway 172.16.100.1',
    );
  });

  test.each<[string, Omit<CheckCreate, 'kind'>]>([
    ['the container', { container: 'plain1' }],
    ['its host', { host: 'docker01' }],
    ['its network', { network: macNet1.name }],
  ])('a rule inside it that drops all is named first where somebody asks about %s', async (_, about) => {
    await runPair();
    await diagnose(pair);
    await inside('docker01', 'plain1', 'iptables', '-P', 'INPUT', 'DROP');
    let findings: DiagnosisResult['findings'] = [];
    // A container that has just started stands for nothing yet.
    await expect
      .poll(async () => (findings = (await diagnose(about)).findings)[0], { timeout: 60_000 })
      .toMatchObject({ code: 'packets-dropped', severity: 'error', host: 'docker01' });
    expect(findings[0]?.subject).toContain('inside container plain1');
    expect(findings.map(({ code }) => code)).toContain('no-answer');
  });

  test('large packets alone are dropped on the way: it is said, with the rule', async () => {
    await runPair();
    const to = await addressOf('docker02', 'plain2');
    await diagnose(pair);
    const rules = `table netdev cut { chain in { type filter hook ingress device "ens33" priority 0; ip daddr ${to} meta length > 1000 counter drop; }; }`;
    await must(host('docker02'), 'nft', rules);
    mended.push(async () => await must(host('docker02'), 'nft', 'delete table netdev cut'));
    const { findings } = await diagnose(pair);
    expect(findings[0]).toMatchObject({ code: 'packets-dropped', severity: 'error', host: 'docker02' });
    expect(findings.map(({ code }) => code)).toContain('packets-cut');
  });

  test('it is no longer connected', async () => {
    const { client } = fleet();
    await client.containers.create(box('alone', 'docker01'), { wait: '60s' });
    mended.push(async () => await client.containers.remove('alone', { wait: '60s' }));
    await docker(host('docker01'), 'network', 'disconnect', macNet1.name, 'alone');
    const { findings } = await diagnose({ container: 'alone' });
    expect(findings[0]).toMatchObject({ code: 'container-not-attached', host: 'docker01' });
  });

  test('a pair of faults on two hosts: both are named before what follows from them', async () => {
    await runPair();
    await inside('docker01', 'plain1', 'ip', 'link', 'set', 'eth0', 'down');
    await readdress('docker02', 'plain2', '172.16.100.223');
    const { findings } = await diagnose(pair);
    expect(findings.slice(0, 2)).toMatchObject([
      { code: 'interface-down', host: 'docker01' },
      { code: 'address-differs', host: 'docker02' },
    ]);
    expect(findings.slice(2).map(({ code }) => code)).toContain('no-answer');
  });

  test('a container that others route over and that does not forward', async () => {
    const { client } = fleet();
    await must(host('docker01'), 'ip', 'link', 'add', 'ens34', 'type', 'veth', 'peer', 'name', 'far34');
    mended.push(async () => await must(host('docker01'), 'ip', 'link', 'delete', 'ens34'));
    for (const name of ['ens34', 'far34']) await must(host('docker01'), 'ip', 'link', 'set', name, 'up');
    await client.networks.create(
      {
        ...macNet1,
        name: 'mac_net2',
        parent: 'ens34',
        hosts: { names: ['docker01'] },
        subnets: [{ cidr: '172.16.20.0/24' }],
      },
      { wait: '30s' },
    );
    mended.push(async () => await remove('mac_net2'));
    const router = ['--network', macNet1.name, '--ip', '172.16.100.250', '--sysctl', 'net.ipv4.ip_forward=1'];
    await run('docker01', 'router', ...router);
    await docker(host('docker01'), 'network', 'connect', '--ip', '172.16.20.250', 'mac_net2', 'router');
    await run('docker01', 'plain1', '--network', macNet1.name, '--cap-add', 'NET_ADMIN');
    await run('docker01', 'far', '--network', 'mac_net2');
    await inside('docker01', 'plain1', 'ip', 'route', 'add', '172.16.20.0/24', 'via', '172.16.100.250');
    await inside('docker01', 'far', 'ip', 'route', 'replace', 'default', 'via', '172.16.20.250');
    const about = { from: { container: 'plain1' }, to: { container: 'far' } };
    expect(codes(await diagnose(about))).toEqual([]);

    await inside('docker01', 'router', 'sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward');
    const { findings } = await diagnose(about);
    expect(findings[0]).toMatchObject({
      code: 'not-forwarding',
      host: 'docker01',
      subject: 'container router',
    });
    expect(findings.slice(1).map(({ code }) => code)).toContain('no-answer');
  });
});

describe('on the host', () => {
  test.each([
    { name: 'is away', make: async () => await fleet().lab.killDockerd('docker01') },
    { name: 'hangs', make: async () => await signalDockerd('STOP') },
  ])('a Docker Engine that $name is named within 10 s', async ({ make }) => {
    await runPair();
    await diagnose(pair);
    mended.push(async () => {
      await signalDockerd('CONT').catch(() => undefined);
      await fleet().lab.startDockerd('docker01');
    });
    await make();
    const { body } = await fleet().client.checks.create(
      { kind: 'diagnose', host: 'docker01' },
      { wait: '30s' },
    );
    const { createdAt, finishedAt, result } = body as Check & { result: DiagnosisResult };
    expect(result.findings[0]).toMatchObject({ code: 'docker-silent', host: 'docker01' });
    expect(result.looked).toContainEqual(
      expect.objectContaining({ host: 'docker01', area: 'container', outcome: 'not-looked' }),
    );
    expect(Date.parse(finishedAt ?? '') - Date.parse(createdAt)).toBeLessThan(10_000);
  });

  test('an address of the subnet with a foreign mask', async () => {
    await must(host('docker02'), 'ip', 'address', 'add', '172.16.100.230/16', 'dev', 'ens33');
    mended.push(
      async () =>
        await must(host('docker02'), 'ip', 'address', 'delete', '172.16.100.230/16', 'dev', 'ens33'),
    );
    const { findings } = await diagnose({ network: macNet1.name });
    expect(findings[0]).toMatchObject({
      code: 'subnet-mask-differs',
      host: 'docker02',
      subject: 'interface ens33',
    });
    expect(findings[0]?.message).toContain('docker02 has 172.16.100.230/16 on ens33');
  });

  test('a route of the host to the subnet over another interface', async () => {
    await must(host('docker02'), 'ip', 'link', 'add', 'ens34', 'type', 'veth', 'peer', 'name', 'far34');
    mended.push(async () => await must(host('docker02'), 'ip', 'link', 'delete', 'ens34'));
    await must(host('docker02'), 'ip', 'link', 'set', 'ens34', 'up');
    await must(host('docker02'), 'ip', 'route', 'add', '172.16.100.128/25', 'dev', 'ens34');
    const { findings } = await diagnose({ network: macNet1.name });
    expect(findings[0]).toMatchObject({
      code: 'subnet-routed-elsewhere',
      host: 'docker02',
      subject: 'route 172.16.100.128/25',
    });
  });

  test('a Docker network that somebody made on another parent', async () => {
    const { client } = fleet();
    await must(host('docker02'), 'ip', 'link', 'add', 'ens34', 'type', 'veth', 'peer', 'name', 'far34');
    mended.push(async () => await must(host('docker02'), 'ip', 'link', 'delete', 'ens34'));
    await must(host('docker02'), 'ip', 'link', 'set', 'ens34', 'up');
    const subnet = { cidr: '172.16.60.0/24', gateway: '172.16.60.1' };
    const made = [
      '-d',
      'macvlan',
      '--subnet',
      subnet.cidr,
      '--gateway',
      subnet.gateway,
      '-o',
      'parent=ens34',
    ];
    await docker(host('docker02'), 'network', 'create', ...made, 'hand');
    await client.networks.create(
      {
        ...macNet1,
        name: 'hand',
        parent: 'ens33',
        hosts: { names: ['docker02'] },
        subnets: [subnet],
      },
      { wait: '10s' },
    );
    mended.push(async () => {
      await remove('hand');
      await docker(host('docker02'), 'network', 'rm', 'hand');
    });
    const { findings } = await diagnose({ network: 'hand' });
    expect(findings[0]).toMatchObject({
      code: 'docker-network-differs',
      host: 'docker02',
      subject: 'Docker network hand',
    });
    expect(findings[0]?.message).toContain('its parent is ens34, not ens33');
  });
});
