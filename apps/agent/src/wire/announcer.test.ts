import { pino } from 'pino';
import { expect, test } from 'vitest';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import { createFakeDockerEngine, type FakeDockerEngine } from '../host/docker-engine.fake.ts';
import { networkLabel } from '../observation/marks.ts';
import type { Observed } from '../observation/observed.ts';
import { turns } from '../lib/manual-time.fake.ts';
import { createAnnouncer } from './announcer.ts';

const log = pino({ level: 'silent' });

async function setUp(version: string, began = 0, ip = '172.16.100.2') {
  const docker = createFakeDockerEngine({ version });
  docker.addImage('busybox');
  await docker.createNetwork(networkOf('mac_net1', { [networkLabel]: 'n1' }));
  await docker.createNetwork(networkOf('foreign', {}));
  const announced: string[] = [];
  let failing = false;
  const run: RunCommand = async (_, argv) => {
    if (argv.includes('address')) {
      const family = ip.includes(':') ? 'inet6' : 'inet';
      const addr_info = [{ family, local: ip, prefixlen: 24 }];
      const link = {
        ifname: 'eth0',
        ifindex: 2,
        link_type: 'ether',
        address: '02:42:ac:10:64:02',
        addr_info,
      };
      return { stdout: JSON.stringify([link]), stderr: '', code: 0 };
    }
    if (failing) throw missing(argv);
    announced.push(argv.slice(2).join(' '));
    return { stdout: '', stderr: '', code: 0 };
  };
  let lost = 0;
  const onNeighboursLost = (): void => void (lost += 1);
  const announcer = createAnnouncer({ docker, run, timing: { now: () => began }, log, onNeighboursLost });
  const look = async (): Promise<void> => {
    announcer.onObservation(await lookAt(docker));
    await turns();
  };
  const fail = (to: boolean): void => void (failing = to);
  return { docker, announcer, announced, look, fail, lost: () => lost };
}

function networkOf(name: string, labels: Record<string, string>) {
  return {
    name,
    labels,
    driver: 'macvlan',
    options: { parent: name },
    subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
  };
}

function missing(argv: readonly string[]): CommandFailed {
  const failure = {
    kind: 'exit',
    code: 127,
    reason: 'exit code 127',
    stdout: '',
    stderr: 'not found',
  } as const;
  return new CommandFailed({ ...failure, argv: ['nsenter', ...argv] });
}

async function lookAt(docker: FakeDockerEngine): Promise<Pick<Observed, 'docker' | 'adopted'>> {
  return {
    adopted: {},
    docker: {
      reachable: true,
      version: await docker.version(),
      networks: await docker.networks(),
      containers: await docker.containers(),
      details: new Map(),
      failedStarts: [],
      interfaces: new Map(),
      routes: new Map(),
      images: new Set(),
      outage: null,
    },
  };
}

async function runBox(docker: FakeDockerEngine, network = 'mac_net1'): Promise<void> {
  await docker.createContainer({
    name: 'box1',
    image: 'busybox',
    attachments: [{ network, ipv4: '172.16.100.2' }],
  });
  await docker.startContainer('box1');
}

const arping = 'arping -U -q -c 3 -I eth0 -s 172.16.100.2 172.16.100.2';

test('each start announces an address once, however many looks there are', async () => {
  const { docker, announced, look } = await setUp('20.10.24');
  await runBox(docker);
  await look();
  await look();
  expect(announced).toEqual([arping]);
  await docker.restartContainer('box1', 1);
  await look();
  expect(announced).toEqual([arping, arping]);
});

test.each([
  ['an Engine from 28 on, which does it itself', '28.0.1', 'mac_net1', 0],
  ['a network that is not ours', '20.10.24', 'foreign', 0],
  ['what ran long before this agent did', '20.10.24', 'mac_net1', 10_000_000],
])('nothing is announced for %s', async (_, version, network, began) => {
  const { docker, announced, look } = await setUp(version, began);
  await runBox(docker, network);
  await look();
  expect(announced).toEqual([]);
});

test('a failure is reported with what to install until the container is started again, and stops nothing', async () => {
  const { docker, announcer, look, fail } = await setUp('20.10.24');
  await runBox(docker);
  fail(true);
  await look();
  await look();
  expect(announcer.failures()).toMatchObject([{ container: 'box1', ip: '172.16.100.2' }]);
  expect(announcer.failures()[0]!.message).toMatch(/install iputils-arping$/);
  fail(false);
  await docker.restartContainer('box1', 1);
  await look();
  expect(announcer.failures()).toEqual([]);
});

test('a container that ended while it was announced is no failure', async () => {
  const { docker, announcer, look, fail } = await setUp('20.10.24');
  await runBox(docker);
  fail(true);
  const looking = look();
  docker.crash('box1', 137);
  await looking;
  expect(announcer.failures()).toEqual([]);
});

test('an IPv6 address costs the container its neighbours, which is reported; an IPv4 address does not', async () => {
  const ipv4 = await setUp('20.10.24');
  await runBox(ipv4.docker);
  await ipv4.look();
  expect([ipv4.announced.length, ipv4.lost()]).toEqual([1, 0]);
  for (const failing of [false, true]) {
    const ipv6 = await setUp('20.10.24', 0, 'fd00:100::2');
    ipv6.fail(failing);
    const attachments = [{ network: 'mac_net1', ipv4: '172.16.100.2', ipv6: 'fd00:100::2' }];
    await ipv6.docker.createContainer({ name: 'box1', image: 'busybox', attachments });
    await ipv6.docker.startContainer('box1');
    await ipv6.look();
    expect(ipv6.lost()).toBe(1);
  }
});
