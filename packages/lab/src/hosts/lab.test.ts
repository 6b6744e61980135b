import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { mustRun, run } from './commands.ts';
import { createLab, openLab, removeLab, type Lab, type LabHost } from './lab.ts';
import { MEMBER_VARIABLE, STATE_ROOT } from './names.ts';
import { identify } from './processes.ts';
import { waitFor } from './wait.ts';

const NETWORK = [
  '--subnet',
  '172.16.100.0/24',
  '--gateway',
  '172.16.100.1',
  '-o',
  'parent=ens33',
  'mac_net1',
];
const MAIN = path.join(import.meta.dirname, 'main.ts');
const DEPENDENCIES = path.join(import.meta.dirname, '../../../../node_modules');
/** Other labs may be up on the machine; these names are this file's. */
const PREFIX = `t${String(process.pid)}`;

async function must(host: LabHost, ...argv: string[]): Promise<string> {
  const result = await host.exec(argv);
  if (result.code !== 0) throw new Error(`${argv.join(' ')}: ${JSON.stringify(result)}`);
  return result.stdout.trim();
}

/** Whether one ping from inside `host` is answered, within a second. */
async function pings(host: LabHost, address: string): Promise<boolean> {
  return (await host.exec(['ping', '-c', '1', '-W', '1', address])).code === 0;
}

async function runBox(host: LabHost, name: string, address: string, ...more: string[]): Promise<void> {
  const options = ['-itd', '--name', name, '--ip', address, '--network', 'mac_net1', ...more];
  await must(host, 'docker', 'run', ...options, 'busybox');
}

/** All that a lab could leave on the machine, except what belongs to labs of other people at work here. */
async function traces(id: string): Promise<object> {
  const links = await mustRun(run, ['ip', '-json', 'link', 'show']);
  const routes = await mustRun(run, ['ip', '-json', 'route', 'show']);
  const marks = [`${MEMBER_VARIABLE}=${id}/`, `trunkline-lab-${id}/`];
  const processes = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || identify(Number(pid)) === undefined) return false;
    return ['environ', 'cgroup'].some((file) => {
      try {
        const text = readFileSync(`/proc/${pid}/${file}`, 'utf8');
        return marks.some((mark) => text.includes(mark));
      } catch {
        return false;
      }
    });
  });
  return {
    links: (JSON.parse(links) as { ifname: string }[]).map((link) => link.ifname),
    routes,
    netns: (await mustRun(run, ['ip', 'netns'])).split('\n').filter((name) => name.startsWith(`tl${id}`)),
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`${STATE_ROOT}/${PREFIX}`)),
    cgroups: readdirSync('/sys/fs/cgroup', { recursive: false }).flatMap((controller) => {
      const folder = path.join('/sys/fs/cgroup', String(controller));
      return existsSync(path.join(folder, `trunkline-lab-${id}`)) ? [folder] : [];
    }),
    folders: existsSync(STATE_ROOT) ? readdirSync(STATE_ROOT).filter((name) => name.startsWith(PREFIX)) : [],
    processes,
  };
}

afterAll(async () => {
  const left = existsSync(STATE_ROOT) ? readdirSync(STATE_ROOT) : [];
  for (const name of left) if (name.startsWith(PREFIX)) await removeLab(name);
});

describe('a lab of two hosts', () => {
  let lab: Lab;
  let first: LabHost;
  let second: LabHost;

  beforeAll(async () => {
    lab = await createLab({ name: PREFIX, hosts: 2, log: (line) => process.stderr.write(`lab: ${line}\n`) });
    first = lab.host('docker01');
    second = lab.host('docker02');
    for (const host of [first, second])
      await must(host, 'docker', 'network', 'create', '-d', 'macvlan', ...NETWORK);
    await runBox(first, 'box1', '172.16.100.10', '--restart', 'always');
    await runBox(second, 'box2', '172.16.100.20');
  });

  afterAll(async () => {
    await lab.down();
  });

  test('S1 by hand: containers on two hosts ping each other, each with its own MAC on the wire', async () => {
    await must(first, 'docker', 'exec', 'box1', 'ping', '-c', '1', '-W', '2', '172.16.100.20');
    await must(second, 'docker', 'exec', 'box2', 'ping', '-c', '1', '-W', '2', '172.16.100.10');
    const mac1 = await must(first, 'docker', 'exec', 'box1', 'cat', '/sys/class/net/eth0/address');
    const mac2 = await must(second, 'docker', 'exec', 'box2', 'cat', '/sys/class/net/eth0/address');
    expect(new Set([mac1, mac2, first.mac, second.mac]).size).toBe(4);
    const neighbours = await must(second, 'docker', 'exec', 'box2', 'ip', 'neigh');
    expect(neighbours).toContain(`172.16.100.10 dev eth0 lladdr ${mac1}`);
  });

  test('each host has its own Docker, name, NIC, address and folders', async () => {
    expect(await must(second, 'docker', 'ps', '--format', '{{.Names}}')).toBe('box2');
    const ids = await Promise.all(
      [first, second].map(async (host) => await must(host, 'docker', 'info', '-f', '{{.ID}}')),
    );
    expect(new Set(ids).size).toBe(2);
    expect(await must(first, 'hostname')).toBe('docker01');
    expect(await must(first, 'pwd')).toBe('/');
    expect(await must(first, 'ls', '/sys/class/net')).toBe('ens33\nlo');
    expect(await must(second, 'ip', '-4', '-brief', 'address', 'show', 'ens33')).toContain('172.16.1.31/24');
    for (const folder of [
      '/run/trunkline',
      '/run/docker',
      '/var/lib/docker',
      '/var/lib/trunkline-agent',
      '/etc/docker',
    ]) {
      await must(first, 'touch', `${folder}/only-here`);
      expect((await second.exec(['ls', `${folder}/only-here`])).code).not.toBe(0);
      expect(existsSync(`${folder}/only-here`)).toBe(false);
    }
  });

  test('hosts reach an exposed port of the machine, until it is taken back', async () => {
    const server = http.createServer((_, response) => response.end('hello from the machine'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const target = (server.address() as AddressInfo).port;
      const exposed = await lab.expose(7400, target);
      expect(exposed).toEqual({ address: '172.16.1.1', port: 7400 });
      const script = "console.log(await (await fetch('http://172.16.1.1:7400/')).text())";
      const fetch = [process.execPath, '--input-type=module', '-e', script];
      expect(await must(first, ...fetch)).toBe('hello from the machine');
      expect(await must(second, ...fetch)).toBe('hello from the machine');
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      expect((await first.exec(fetch)).code).not.toBe(0);
      await lab.unexpose(7400);
      expect((await first.exec(fetch)).code).not.toBe(0);
    } finally {
      server.close();
      await lab.unexpose(7400);
    }
  });

  test('a cut host loses carrier and reach, a mended one has both again', async () => {
    expect(await pings(first, second.address)).toBe(true);
    await lab.cut('docker02');
    expect(await must(second, 'cat', '/sys/class/net/ens33/carrier')).toBe('0');
    expect(await pings(first, second.address)).toBe(false);
    await lab.mend('docker02');
    await waitFor('reach of docker02', async () => await pings(first, second.address), 10_000);
    await waitFor('reach of the switch', async () => await pings(second, lab.switchAddress), 10_000);
  });

  test('a foreign station answers for the chosen address with the chosen MAC, until it is removed', async () => {
    const station = await lab.addStation({ ip: '172.16.100.66', mac: '02:00:00:00:00:66' });
    const ask = ['arping', '-c', '1', '-w', '2', '-I', 'ens33', '172.16.100.66'];
    expect((await must(first, ...ask)).toLowerCase()).toContain('[02:00:00:00:00:66]');
    await lab.removeStation(station.name);
    expect((await first.exec(ask)).code).not.toBe(0);
  });

  test('a killed dockerd is gone until it is started, and comes back with its containers known', async () => {
    await lab.killDockerd('docker01');
    expect((await first.exec(['docker', 'ps'])).code).not.toBe(0);
    expect(await lab.status()).toContainEqual({ name: 'docker01', running: true, docker: false });
    await lab.startDockerd('docker01');
    await waitFor('box1', async () => await box1Answers(), 10_000);
  });

  test('a reboot keeps the disk and nothing else', async () => {
    await must(first, 'touch', '/var/lib/trunkline-agent/kept', '/run/trunkline/lost');
    const agent = first.spawn(['sleep', 'infinity'], { stdio: 'ignore' });
    const ended = once(agent, 'exit');
    await lab.reboot('docker01', { docker: false });
    expect(await ended).toEqual([null, 'SIGKILL']);
    await must(first, 'ls', '/var/lib/trunkline-agent/kept');
    expect((await first.exec(['ls', '/run/trunkline/lost'])).code).not.toBe(0);
    expect(await must(first, 'cat', '/sys/class/net/ens33/address')).toBe(first.mac);
    expect((await first.exec(['docker', 'ps'])).code).not.toBe(0);
    await lab.startDockerd('docker01');
    await waitFor('box1', async () => await box1Answers(), 10_000);
  });

  /** Whether box1, which restarts by policy, is on the wire. */
  async function box1Answers(): Promise<boolean> {
    return (
      (await second.exec(['docker', 'exec', 'box2', 'ping', '-c', '1', '-W', '1', '172.16.100.10'])).code ===
      0
    );
  }

  test('a second lab with the same addresses does not notice the first one', async () => {
    await using other = await createLab({ name: `${PREFIX}b`, hosts: 1 });
    const twin = other.host('docker01');
    expect(twin.address).toBe(first.address);
    await must(twin, 'touch', '/run/trunkline/twin');
    expect((await first.exec(['ls', '/run/trunkline/twin'])).code).not.toBe(0);
    expect(await pings(twin, second.address)).toBe(false);
    expect(await pings(twin, other.switchAddress)).toBe(true);
    await other.down();
    expect(await pings(first, second.address)).toBe(true);
    await must(first, 'docker', 'ps');
  });

  test('a lab of a name that is up is refused, and harmed by nothing', async () => {
    await expect(createLab({ name: PREFIX, hosts: 2 })).rejects.toThrow(/is up already.*down/);
    expect((await lab.status()).every((host) => host.running && host.docker)).toBe(true);
  });
});

const runMain = async (main: string, ...argv: string[]): Promise<string> =>
  await mustRun(run, [process.execPath, main, ...argv]);

test('two checkouts side by side have labs of their own without asking for a name', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'trunkline-checkouts-'));
  const mains = ['one/main', 'two/main'].map((checkout) =>
    path.join(folder, checkout, 'packages/lab/src/hosts/main.ts'),
  );
  try {
    await symlink(DEPENDENCIES, path.join(folder, 'node_modules'));
    for (const main of mains) await cp(import.meta.dirname, path.dirname(main), { recursive: true });
    const [one = '', two = ''] = mains;
    const ups = await Promise.all(
      mains.map(async (main) => await runMain(main, 'up', '--hosts', '1', '--json')),
    );
    const [first, second] = ups.map((up) => (JSON.parse(up) as { name: string }).name);
    expect(first).not.toBe(second);
    await runMain(two, 'down');
    expect(await runMain(one, 'status')).toBe('docker01 on, Docker answers\n');
    expect((await run([process.execPath, two, 'status'])).stderr).toContain(
      `there is no lab ${String(second)}`,
    );
  } finally {
    for (const main of mains) await run([process.execPath, main, 'down']);
    await rm(folder, { recursive: true, force: true });
  }
});

describe('what a lab leaves behind is nothing', () => {
  const name = `${PREFIX}x`;

  afterEach(async () => {
    await removeLab(name);
  });

  test('after down, with containers, a relay, a station and a foreign process in a host', async () => {
    const before = await traces('none');
    const lab = await createLab({ name, hosts: 2 });
    const host = lab.host('docker01');
    await must(host, 'docker', 'network', 'create', '-d', 'macvlan', ...NETWORK);
    await runBox(host, 'box1', '172.16.100.10', '--restart', 'always');
    await lab.expose(7400, 9);
    await lab.addStation({ ip: '172.16.1.99', mac: '02:00:00:00:00:99' });
    const byHand = spawn('nsenter', [`--net=/run/netns/${host.netns}`, 'sleep', 'infinity'], {
      stdio: 'ignore',
    });
    const ended = once(byHand, 'exit');
    try {
      const program = `/proc/${String(byHand.pid)}/cmdline`;
      await waitFor('sleep', () => readFileSync(program, 'utf8').startsWith('sleep'), 5000);
      expect(await traces(lab.id)).not.toEqual(before);
      await lab.down();
      await ended;
      expect(await traces(lab.id)).toEqual(before);
    } finally {
      byHand.kill('SIGKILL');
    }
  });

  test('the CLI gives the promised JSON, passes exit codes through, and takes down', async () => {
    const up = await run([process.execPath, MAIN, 'up', '--hosts', '1', '--json', '--lab', name]);
    expect(up).toMatchObject({ code: 0 });
    const answer = JSON.parse(up.stdout) as { id: string; hosts: Record<string, string>[] };
    expect(answer.hosts[0]).toMatchObject({ name: 'docker01', uplink: 'ens33', address: '172.16.1.30' });
    const ping = ['--unix-socket', answer.hosts[0]!['dockerSocket']!, 'http://docker/_ping'];
    expect((await run(['curl', '--silent', ...ping])).stdout).toBe('OK');
    const exec = await run([
      process.execPath,
      MAIN,
      'exec',
      'docker01',
      '--lab',
      name,
      '--',
      'sh',
      '-c',
      'exit 7',
    ]);
    expect(exec.code).toBe(7);
    expect((await run([process.execPath, MAIN, 'down', '--lab', name])).code).toBe(0);
    expect(await traces(answer.id)).toEqual(await traces('none'));
  });

  /** The moments at which a build is killed, by what is there already. */
  const moments: readonly [string, (lab: string) => boolean][] = [
    ['its folder', (lab) => existsSync(path.join(lab, 'state.json'))],
    ['a host', (lab) => existsSync(path.join(lab, 'docker01.holder.json'))],
    ['a Docker', (lab) => existsSync(path.join(lab, 'run', 'docker01', 'docker.pid'))],
  ];

  test.each(moments)(
    'after kill -9 of a build that has made %s, once somebody cleans',
    async (_, reached) => {
      const folder = path.join(STATE_ROOT, name);
      const building = spawn(process.execPath, [MAIN, 'up', '--lab', name], { stdio: 'ignore' });
      await waitFor('the moment', () => reached(folder), 30_000, 1);
      const { id } = JSON.parse(readFileSync(path.join(folder, 'state.json'), 'utf8')) as { id: string };
      building.kill('SIGKILL');
      await once(building, 'exit');
      await removeLab(`${PREFIX}none`);
      expect(await traces(id)).toEqual(await traces('none'));
    },
  );

  test('after its owner was killed: the next up removes it, containers included', async () => {
    const script = `const { createLab } = await import(${JSON.stringify(path.join(import.meta.dirname, 'lab.ts'))});
      const lab = await createLab({ name: ${JSON.stringify(name)}, hosts: 1 });
      await lab.host('docker01').exec(['docker', 'run', '-d', '--network', 'none', 'busybox', 'sleep', '1000']);
      console.log(lab.id);
      setInterval(() => undefined, 1000);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = (await once(owner.stdout, 'data')) as [Buffer];
    const id = chunk.toString().trim();
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    expect((await (await openLab(name)).status())[0]).toMatchObject({ docker: true });
    await using next = await createLab({ name, hosts: 1 });
    expect(next.id).not.toBe(id);
    expect(await traces(id)).toMatchObject({ netns: [], cgroups: [], processes: [] });
  });
});
