/** One life of an address on a host (ADR 0022): what is live or granted is granted to nobody, and what is not goes back. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDockerEngine } from '../../apps/agent/src/host/dockerode-engine.ts';
import { makeSpareLinks, secondLink } from '../chaos/spare-links.ts';
import { createLab, type Lab, type LabHost } from '@trunkline/lab/hosts/lab.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { desiredOf, ipamOn, smallNet, type IpamOnHost, type RunningIpam } from './ipam-host.ts';
import { containerNames, docker, must, removeNetwork } from './outside.ts';

const settleMs = 60_000;
const dockerNetwork = 'mac_net1';
const subnet = ['--subnet', '172.16.100.0/28', '--gateway', '172.16.100.1'];
const pinnedIp = '172.16.100.9';
const mac = '02:42:ac:10:64:32';
let lab: Lab;
let host: LabHost;
let folder: string;
let book: IpamOnHost;
let running: RunningIpam;

beforeAll(async () => {
  lab = await createLab({ name: `life-${String(process.pid)}`, hosts: 1 });
  host = lab.host('docker01');
});
afterAll(async () => {
  await lab?.down();
});
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'trunkline-life-'));
  book = ipamOn(host, folder);
  // No warm pool: an address has one container at most that could have it.
  book.desired = desiredOf({ networks: [{ ...smallNet, warm: 0 }] });
  running = await book.start();
  const { code, stderr } = await createNetwork(dockerNetwork, ...subnet);
  if (code !== 0) throw new Error(stderr);
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(book.logs.slice(-60).join(''));
  book.source.mode = 'well';
  const names = await containerNames(host);
  if (names.length > 0) await docker(host, 'rm', '-f', ...names);
  await removeNetwork(lab, host, dockerNetwork);
  await running.stop();
  await rm(folder, { recursive: true });
});

async function createNetwork(name: string, ...options: string[]) {
  const own = ['--ipam-driver', 'trunkline', '--ipam-opt', `network=${smallNet.id}`];
  const driver = ['-d', 'macvlan', '-o', 'parent=ens33'];
  return await host.exec(['docker', 'network', 'create', ...driver, ...own, ...options, name]);
}

/** `docker run` of a container that sleeps; answers its address, or Docker's error. */
async function run(name: string, ...options: string[]): Promise<string> {
  const argv = ['docker', 'run', '-d', '--name', name, '--network', dockerNetwork, ...options];
  const { code, stderr } = await host.exec([...argv, 'busybox', 'sleep', '1000']);
  return code === 0 ? await addressOf(name) : stderr;
}

/** The same by the API: Docker's own client from 25 on refuses `--mac-address` for an Engine as old as the lab's. */
async function runWithMac(name: string, ipv4: string): Promise<string> {
  const engine = createDockerEngine({ socketPath: host.dockerSocket });
  const { id } = await engine.createContainer({
    name,
    image: 'busybox',
    command: ['sleep', '1000'],
    attachments: [{ network: dockerNetwork, mac, ipv4 }],
  });
  return await engine.startContainer(id).then(
    () => addressOf(name),
    (error: unknown) => String(error),
  );
}

async function addressOf(name: string): Promise<string> {
  return await docker(
    host,
    'inspect',
    '-f',
    `{{.NetworkSettings.Networks.${dockerNetwork}.IPAddress}}`,
    name,
  );
}

function held(): string[] {
  return [...book.source.held.values()].map(({ ip }) => ip).sort();
}

async function holds(...addresses: string[]): Promise<void> {
  await waitFor(`${addresses.join(', ')} held`, () => held().join() === addresses.join(), settleMs, 50).catch(
    (error: unknown) => {
      throw new Error(`held are ${held().join(', ')}`, { cause: error });
    },
  );
}

interface Answer {
  readonly Address?: string;
  readonly Error?: string;
}

const two = ['172.16.100.2', '172.16.100.3'] as const;

/** All others belong to somebody on another host. */
function onlyTwoAreFree(): void {
  for (let n = 4; n < 15; n += 1) book.source.taken.set(`172.16.100.${String(n)}`, 'docker02');
}

async function startAgain(): Promise<void> {
  running = await book.start();
  await waitFor('the driver', () => running.ipam.notServing() === null, settleMs, 10);
}

async function isUp(name: string): Promise<boolean> {
  return (await docker(host, 'inspect', '-f', '{{.State.Running}}', name)) === 'true';
}

/** One call as Docker makes it. */
async function call(method: string, body: object): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: book.socket, path: `/IpamDriver.${method}`, method: 'POST', headers: { host: '' } },
      (answer) => {
        let text = '';
        answer.on('data', (part: Buffer) => (text += part.toString()));
        answer.on('end', () => resolve(JSON.parse(text) as Answer));
      },
    );
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });
}

const PoolID = `${smallNet.id}/172.16.100.0/28`;
const ask = (address: string, endpointMac?: string): Promise<Answer> =>
  call('RequestAddress', {
    PoolID,
    Address: address,
    Options: endpointMac === undefined ? null : { 'com.docker.network.endpoint.macaddress': endpointMac },
  });
const release = (address: string): Promise<Answer> => call('ReleaseAddress', { PoolID, Address: address });

describe('a live address', () => {
  test('is refused to everybody, also with its own Ethernet address and after a release of it (A1)', async () => {
    expect(await runWithMac('a1', pinnedIp)).toBe(pinnedIp);
    expect(await runWithMac('b1', pinnedIp)).toContain(
      `${pinnedIp} is on container a1 (Ethernet address ${mac})`,
    );
    await release(pinnedIp);
    expect(await run('c1', '--ip', pinnedIp)).toContain(`${pinnedIp} is on container a1`);
    expect(await run('d1')).not.toBe(pinnedIp);
  });

  test('is given to no other container when nothing else is left, after a release of it (A2)', async () => {
    onlyTwoAreFree();
    const both = [await run('box1'), await run('box2')].sort();
    expect(both).toEqual(two);
    for (const ip of both) await release(ip);
    expect(await run('late')).toContain('no address is left on this host');
    await running.stop();
    book.source.mode = 'away';
    await startAgain();
    for (const ip of both) await release(ip);
    expect(await run('later')).toContain('no address is left on this host');
  });

  test('is refused as an auxiliary address of a network, and an auxiliary address to containers (A3)', async () => {
    expect(await run('box1', '--ip', pinnedIp)).toBe(pinnedIp);
    const aux = await createNetwork('second', ...subnet, '--aux-address', `a=${pinnedIp}`);
    expect(aux.stderr).toContain(`${pinnedIp} is on container box1`);
    await host.exec(['docker', 'network', 'rm', 'second']);
    expect(await run('box2', '--ip', pinnedIp)).toContain(`${pinnedIp} is on container box1`);
    await docker(host, 'rm', '-f', 'box1', 'box2');
    await holds();
    await removeNetwork(lab, host, dockerNetwork);
    const made = await createNetwork(dockerNetwork, ...subnet, '--aux-address', `a=${pinnedIp}`);
    expect(made.stderr).toBe('');
    expect(await run('box3', '--ip', pinnedIp)).toContain(`${pinnedIp} belongs to a Docker network`);
    const ip = await run('box4');
    await holds(ip, pinnedIp);
    await docker(host, 'rm', '-f', 'box3', 'box4');
    await removeNetwork(lab, host, dockerNetwork);
    await holds();
    expect((await createNetwork(dockerNetwork, ...subnet)).stderr).toBe('');
  });
});

describe('an address that is granted', () => {
  test('is refused to all others that ask at the same time (A4), until it is released', async () => {
    const macs = [1, 2, 3, 4].map((n) => `02:42:ac:10:64:0${String(n)}`);
    const answers = await Promise.all(macs.map(async (one) => await ask(pinnedIp, one)));
    expect(answers.filter(({ Address }) => Address !== undefined)).toHaveLength(1);
    const refused = answers.filter(({ Error: why }) => why?.includes('has not appeared yet') === true);
    expect(refused).toHaveLength(3);
    const mine = macs[answers.findIndex(({ Address }) => Address !== undefined)];
    // What says the same again is no proof that it is the same.
    expect((await ask(pinnedIp, mine)).Error).toContain('has not appeared yet');
    expect((await ask(pinnedIp)).Error).toContain('has not appeared yet');
    await release(pinnedIp);
    expect((await ask(pinnedIp, macs[1])).Address).toBe(`${pinnedIp}/28`);
    await release(pinnedIp);
  });

  test('can be had again at once by a container that is restarted', async () => {
    expect(await run('box1', '--ip', pinnedIp)).toBe(pinnedIp);
    for (let n = 0; n < 3; n += 1) await docker(host, 'restart', '-t', '0', 'box1');
    await docker(host, 'network', 'disconnect', dockerNetwork, 'box1');
    await docker(host, 'network', 'connect', '--ip', pinnedIp, dockerNetwork, 'box1');
    expect(await addressOf('box1')).toBe(pinnedIp);
  });
});

/**
 * Docker with a runtime `slow` that waits with a word of its own until a file is there: `before` or `after` it does what was
 * asked. A hook, a volume or a full disk keeps it as long.
 */
async function withSlowRuntime(
  word: string,
  when: 'before' | 'after',
  work: (go: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const [file, runtime] = [path.join(folder, 'go'), path.join(folder, 'slow-runc')];
  const wait = `for word in "$@"; do
  if [ "$word" = ${word} ]; then while [ ! -e ${file} ]; do sleep 0.1; done; fi
done`;
  const steps = when === 'before' ? [wait, 'exec runc "$@"'] : ['runc "$@"; code=$?', wait, 'exit $code'];
  await writeFile(runtime, `#!/bin/sh\n${steps.join('\n')}\n`, { mode: 0o755 });
  const settings = JSON.stringify({ runtimes: { slow: { path: runtime } } });
  await must(host, 'sh', '-c', `mkdir -p /etc/docker && echo '${settings}' > /etc/docker/daemon.json`);
  await lab.stopDockerd('docker01');
  await lab.startDockerd('docker01');
  const go = () => writeFile(file, '');
  try {
    await work(go);
  } finally {
    await go();
    await must(host, 'rm', '-f', '/etc/docker/daemon.json');
  }
}

test('a container that takes longer than the grace to start has the address that it was granted', async () => {
  // Engine 28 asks for the address once the container is created: there it is the start that is slow, and the kernel shows the address already.
  const slow =
    Number((await docker(host, 'version', '-f', '{{.Server.Version}}')).split('.')[0]) < 28
      ? 'create'
      : 'start';
  await withSlowRuntime(slow, 'before', async (go) => {
    const started = run('slow', '--runtime', 'slow', '--ip', pinnedIp);
    // As long as one takes that nobody is seen on, and longer.
    const until = Date.now() + 25_000;
    await waitFor('its grace to be over', async () => Date.now() > until, settleMs, 500);
    expect([...book.source.held.keys()]).toEqual([`${smallNet.id}/${pinnedIp}`]);
    expect(await run('thief', '--ip', pinnedIp)).toContain(pinnedIp);
    expect(await isUp('thief')).toBe(false);
    await go();
    expect(await started).toBe(pinnedIp);
  });
});

/** Processes of a container, of those that {@link run} starts. */
function sleepersOf(id: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return (
        readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id) &&
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep\0')
      );
    } catch {
      // It ended meanwhile.
      return false;
    }
  });
}

test('promise 1: what a killed Docker does not know of has its address, also when it is removed and the agent starts again', async () => {
  await withSlowRuntime('start', 'after', async (go) => {
    const started = run('lost', '--runtime', 'slow', '--ip', pinnedIp);
    // Docker answers no inspection of it.
    let lost = '';
    const isStarted = async (): Promise<boolean> => {
      lost = await docker(host, 'ps', '-aq', '--no-trunc');
      return lost !== '' && sleepersOf(lost).length === 1;
    };
    await waitFor('its process', isStarted, settleMs);
    const [pid] = sleepersOf(lost);
    try {
      await lab.killDockerd('docker01');
      await started;
      await go();
      await lab.startDockerd('docker01');
      expect(await isUp('lost')).toBe(false);
      await docker(host, 'rm', 'lost');
      const refusal = `${pinnedIp} is on`;
      expect(await run('thief1', '--ip', pinnedIp)).toContain(refusal);
      await running.stop();
      await startAgain();
      expect(await run('thief2', '--ip', pinnedIp)).toContain(refusal);
      await docker(host, 'rm', 'thief1', 'thief2');
      expect(sleepersOf(lost)).toEqual([pid]);
      // As long as one takes that nobody is seen on, and longer.
      const until = Date.now() + 25_000;
      await waitFor('its grace to be over', async () => Date.now() > until, settleMs, 500);
      expect([...book.source.held.keys()]).toEqual([`${smallNet.id}/${pinnedIp}`]);
    } finally {
      await host.exec(['kill', '-9', ...(pid === undefined ? [] : [pid])]);
    }
    expect(await run('next', '--ip', pinnedIp)).toBe(pinnedIp);
  });
});

test('containers whose start failed hold nothing, also where Docker goes on listing an address of theirs (A11)', async () => {
  const names = Array.from({ length: 3 }, (_, n) => `bad${String(n)}`);
  for (const name of names) {
    const argv = [
      'docker',
      'run',
      '-d',
      '--name',
      name,
      '--network',
      dockerNetwork,
      'busybox',
      'nosuchprogram',
    ];
    expect((await host.exec(argv)).stderr).toContain('nosuchprogram');
  }
  await holds();
  expect(await run('box1')).toMatch(/^172\.16\.100\./);
});

test('a container whose start fails at its second network holds nothing of its first (A12)', async () => {
  const own = ['--ipam-driver', 'trunkline', '--ipam-opt', `network=${smallNet.id}`];
  await makeSpareLinks(host);
  await docker(
    host,
    'network',
    'create',
    '-d',
    'macvlan',
    ...own,
    ...subnet,
    '-o',
    `parent=${secondLink}`,
    'zz',
  );
  try {
    expect(await run('box1', '--ip', pinnedIp)).toBe(pinnedIp);
    for (const name of ['bad1', 'bad2', 'bad3']) {
      await docker(host, 'create', '--name', name, '--network', dockerNetwork, 'busybox', 'sleep', '1000');
      await docker(host, 'network', 'connect', '--ip', pinnedIp, 'zz', name);
      expect((await host.exec(['docker', 'start', name])).stderr).toContain(
        `${pinnedIp} is on container box1`,
      );
    }
    await holds(pinnedIp);
  } finally {
    const names = await containerNames(host);
    if (names.length > 0) await docker(host, 'rm', '-f', ...names);
    await removeNetwork(lab, host, 'zz');
  }
});

test.each([
  ['by its subnet alone', []],
  ['by its id in capitals', ['--ipam-opt', `network=${smallNet.id.toUpperCase()}`]],
])(
  'a container on a Docker network of another NIC that says its Trunkline network %s keeps its address',
  async (_, own) => {
    await must(host, 'ip', 'link', 'add', 'own0', 'type', 'veth', 'peer', 'name', 'own0-end');
    await must(host, 'ip', 'link', 'set', 'own0', 'up');
    const ipam = ['--ipam-driver', 'trunkline', ...own, ...subnet, '-o', 'parent=own0'];
    try {
      await docker(host, 'network', 'create', '-d', 'macvlan', ...ipam, 'second');
      const svc = ['docker', 'run', '-d', '--name', 'svc', '--network', 'second', '--ip', pinnedIp];
      expect((await host.exec([...svc, 'busybox', 'sleep', '1000'])).code).toBe(0);
      // As long as one takes that nobody is seen on, and longer.
      const until = Date.now() + 25_000;
      await waitFor('the time after which it would go back', async () => Date.now() > until, settleMs, 500);
      expect(await run('box1', '--ip', pinnedIp)).toContain(`${pinnedIp} is on container svc`);
      expect([...book.source.held.keys()]).toEqual([`${smallNet.id}/${pinnedIp}`]);
    } finally {
      const names = await containerNames(host);
      if (names.length > 0) await docker(host, 'rm', '-f', ...names);
      await removeNetwork(lab, host, 'second');
      await must(host, 'ip', 'link', 'delete', 'own0');
    }
  },
);

test('an address that the server has taken away is given by no disk, also after the agent was killed and without a server (A5)', async () => {
  expect(await run('box1', '--ip', pinnedIp)).toBe(pinnedIp);
  const key = `${smallNet.id}/${pinnedIp}`;
  const lease = book.source.held.get(key);
  book.source.held.delete(key);
  book.source.taken.set(pinnedIp, 'docker02');
  await running.kill();
  book.source.mode = 'away';
  // Its document is on disk; nobody has carried it out yet.
  const { generation } = lease ?? { generation: 0 };
  book.desired = { ...book.desired, revocations: [{ networkId: smallNet.id, ip: pinnedIp, generation }] };
  await startAgain();
  expect((await host.exec(['docker', 'restart', '-t', '0', 'box1'])).stderr).toContain(pinnedIp);
  expect(await isUp('box1')).toBe(false);
  book.source.mode = 'well';
  running.ipam.serverAnswers();
  // Hearing the server again takes one exchange; until then Docker is refused at once.
  const refusal = async (): Promise<string> => {
    const answer = await run('box2', '--ip', pinnedIp);
    expect(await isUp('box2')).toBe(false);
    await docker(host, 'rm', '-f', 'box2');
    return answer;
  };
  await waitFor(
    'a refusal that names the holder',
    async () => (await refusal()).includes('docker02'),
    settleMs,
  );
});

test('an address that a container asks for by name is given to no other, also at a start of Docker without a server (B4)', async () => {
  onlyTwoAreFree();
  const [dynamic, fixed] = two;
  expect(await run('fixed', '--restart', 'always', '--ip', fixed)).toBe(fixed);
  expect(await run('dyn', '--restart', 'always')).toBe(dynamic);
  book.source.mode = 'away';
  await lab.killDockerd('docker01');
  await running.stop();
  await startAgain();
  await lab.startDockerd('docker01');
  for (const name of ['fixed', 'dyn']) await waitFor(`${name} up`, async () => await isUp(name), settleMs);
  expect(await addressOf('fixed')).toBe(fixed);
  await docker(host, 'stop', '-t', '0', 'fixed');
  expect(await run('late')).toContain('no address is left on this host');
  await docker(host, 'start', 'fixed');
  expect(await addressOf('fixed')).toBe(fixed);
});
