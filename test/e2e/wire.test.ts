/** What the agent's own room for the wire hears and says, on real links with a foreign machine among them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createCommandRunner, type RunCommand } from '../../apps/agent/src/host/command.ts';
import { createLinks } from '../../apps/agent/src/host/ip-links.ts';
import type { OpenDialogue } from '../../apps/agent/src/host/resident-ip.ts';
import { createDialogueOpener } from '../../apps/agent/src/host/spawn.ts';
import type { AddressProbe } from '../../apps/agent/src/wire/address-probe.ts';
import { announceAddress } from '../../apps/agent/src/wire/announce.ts';
import { createAddressProbe, type ProbeDeps } from '../../apps/agent/src/wire/probe.ts';
import { run as runHere } from '@trunkline/lab/hosts/commands.ts';
import {
  createLab,
  type Lab,
  type LabHost,
  type Station,
  type StationOptions,
} from '@trunkline/lab/hosts/lab.ts';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { docker } from './outside.ts';

const macOf = { station: '02:00:00:aa:00:01', other: '02:00:00:aa:00:02' };
const plain = createCommandRunner();
const open = createDialogueOpener();

let lab: Lab;
const undo: (() => Promise<unknown> | void)[] = [];

beforeAll(async () => {
  lab = await createLab({ name: `wire-${String(process.pid)}`, hosts: 2 });
});
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});
afterAll(async () => {
  await lab?.down();
});

const into = (netns: string, file: string, argv: readonly string[]) =>
  [`--net=/run/netns/${netns}`, '--', file, ...argv] as const;

/** Runs programs as the agent of a host does. */
function runOn(host: LabHost): RunCommand {
  return (file, argv, options) => plain('nsenter', into(host.netns, file, argv), options);
}

const delay = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => {});
const timing = { delay, random: () => 0, now: Date.now };

/** A probe as the agent of docker01 has it, without the wait that keeps hosts apart. */
function roomOf(change: Partial<ProbeDeps> = {}): AddressProbe {
  const host = lab.host('docker01');
  const openOn: OpenDialogue = (file, argv) => open('nsenter', into(host.netns, file, argv));
  const probe = createAddressProbe({
    run: runOn(host),
    open: openOn,
    links: createLinks(runOn(host)),
    timing,
    ...change,
  });
  undo.push(probe.close);
  return probe;
}

function probeOf(change: Partial<ProbeDeps> = {}) {
  const { probe } = roomOf(change);
  return (ip: string) => probe({ link: 'ens33', ip }, AbortSignal.timeout(20_000));
}

/** Does something once, when a wait of at least a second begins: the listener listens, and no probe is over. */
function whileAsked(act: () => Promise<unknown>, waits = 1): ProbeDeps['timing'] {
  let left = waits;
  return {
    ...timing,
    delay: async (ms, signal) => {
      if (ms >= 1000) {
        left -= 1;
        if (left === 0) await act();
      }
      await delay(ms, signal);
    },
  };
}

async function addStation(options: StationOptions): Promise<Station> {
  const station = await lab.addStation(options);
  undo.push(() => lab.removeStation(station.name));
  return station;
}

async function atStation({ netns }: Station, ...argv: string[]): Promise<string> {
  const { stdout } = await plain('nsenter', into(netns, argv[0]!, argv.slice(1)), { acceptCodes: [0, 1] });
  return stdout;
}

describe('the wire is asked before an address is given out', () => {
  test.each([
    ['IPv4', '172.16.100.77', '172.16.100.78', 24],
    ['IPv6', 'fd00:100::77', 'fd00:100::78', 64],
  ])('%s: taken, with the MAC of whoever has it; clear when nobody has', async (_, taken, free, prefix) => {
    await addStation({ ip: taken, mac: macOf.station, prefix });
    const probe = probeOf();
    const [first, second] = await Promise.all([probe(taken), probe(free)]);
    expect(first).toEqual({ answer: 'taken', mac: macOf.station });
    expect(second).toEqual({ answer: 'clear' });
  });

  test("who asks for the same address, or gives up before it has asked, ends nobody else's question", async () => {
    const room = roomOf();
    const soon = AbortSignal.timeout(20_000);
    const twice = { link: 'ens33', ip: '172.16.100.80' };
    const givesUp = async (): Promise<void> => {
      const ending = new AbortController();
      const answer = room.ask({ link: 'ens33', ip: '172.16.100.81' }, ending.signal);
      ending.abort();
      expect((await answer).answer).toBe('unknown');
    };
    await room.ask(twice, soon);
    const answers = Promise.all([
      room.recheck(twice, soon),
      room.recheck({ link: 'ens33', ip: '172.16.100.82' }, soon),
      ...Array.from({ length: 8 }, () => room.ask(twice, soon)),
    ]);
    for (let n = 0; n < 8; n += 1) await givesUp();
    expect((await answers).map(({ answer }) => answer)).toEqual(Array.from({ length: 10 }, () => 'clear'));
  });

  test('clear again once the foreign machine is gone', async () => {
    const station = await addStation({ ip: '172.16.100.77', mac: macOf.station });
    const probe = probeOf();
    expect((await probe('172.16.100.77')).answer).toBe('taken');
    await lab.removeStation(station.name);
    expect(await probe('172.16.100.77')).toEqual({ answer: 'clear' });
  });

  test('IPv4: an answer counts also in the wait after the last probe', async () => {
    const station = await addStation({ ip: '172.16.100.77', mac: macOf.station });
    await atStation(station, 'ip', 'address', 'add', '172.16.100.79/24', 'dev', 'eth0', 'noprefixroute');
    // It answers nothing by itself: what is heard is heard after the last probe.
    await atStation(station, 'ip', 'link', 'set', 'eth0', 'arp', 'off');
    const late = async () => {
      await atStation(station, 'ip', 'link', 'set', 'eth0', 'arp', 'on');
      const reply = ['-A', '-c', '1', '-I', 'eth0', '-s', '172.16.100.79', '172.16.100.79'];
      await atStation(station, 'arping', ...reply);
    };
    expect(await probeOf({ timing: whileAsked(late, 4) })('172.16.100.79')).toEqual({
      answer: 'taken',
      mac: macOf.station,
    });
  });

  test.each([
    ['IPv4', '172.16.100.77', '172.16.100.80', 24],
    ['IPv6', 'fd00:100::77', 'fd00:100::80', 64],
  ])(
    '%s: another machine that asks whether the address is free counts as taken',
    async (_, ip, asked, prefix) => {
      const station = await addStation({ ip, mac: macOf.other, prefix });
      // Deaf: a machine that hears our solicitation before it has sent its own gives way and never asks.
      const deaf = '{ type filter hook input priority 0; policy drop; }';
      const rules = `add table ip6 deaf; add chain ip6 deaf input ${deaf}`;
      if (prefix === 64) await atStation(station, 'nft', rules);
      const ask =
        prefix === 24
          ? ['arping', '-D', '-q', '-c', '1', '-I', 'eth0', asked]
          : // With duplicate address detection, which is what a machine does that wants it.
            ['ip', 'address', 'replace', `${asked}/64`, 'dev', 'eth0'];
      const other = whileAsked(() => atStation(station, ...ask));
      expect(await probeOf({ timing: other })(asked)).toEqual({ answer: 'taken', mac: macOf.other });
    },
  );

  test('two agents that ask for one address at the same time are no conflict: the server says whose it is', async () => {
    const second = lab.host('docker02');
    const ofSecond = probeOf({
      run: runOn(second),
      open: (file, argv) => open('nsenter', into(second.netns, file, argv)),
      links: createLinks(runOn(second)),
    });
    const answers = await Promise.all([probeOf()('172.16.100.81'), ofSecond('172.16.100.81')]);
    expect(answers.map(({ answer }) => answer)).toEqual(['clear', 'clear']);
  });

  test('a container of this very host is heard, which its parent cannot hear', async () => {
    const host = lab.host('docker01');
    await runBox(host, 'box1', '172.16.100.82');
    const mac = await docker(
      host,
      'inspect',
      '-f',
      '{{range .NetworkSettings.Networks}}{{.MacAddress}}{{end}}',
      'box1',
    );
    expect(await probeOf()('172.16.100.82')).toEqual({ answer: 'taken', mac });
  });

  test("the host's own addresses are taken", async () => {
    const { address, mac } = lab.host('docker01');
    expect(await probeOf()(address)).toEqual({ answer: 'taken', mac });
  });

  test('forty addresses at once take no longer than a few, and leave no trace on the host', async () => {
    const host = lab.host('docker01');
    const before = await hostState(host);
    await addStation({ ip: '172.16.100.105', mac: macOf.station });
    const started = Date.now();
    const probe = probeOf();
    const ips = Array.from({ length: 40 }, (_, index) => `172.16.100.${String(100 + index)}`);
    const answers = await Promise.all(ips.map(probe));
    const took = Date.now() - started;
    expect(answers[5]).toEqual({ answer: 'taken', mac: macOf.station });
    expect(answers.filter(({ answer }) => answer === 'clear')).toHaveLength(39);
    expect(took).toBeLessThan(patient(12_000));
    expect(await hostState(host)).toEqual(before);
  });

  test.each([
    ['no such interface', async () => {}, 'this host has no interface ens99', 'ens99'],
    [
      'an interface that is down',
      async () => {
        const run = runOn(lab.host('docker01'));
        await run('ip', ['link', 'add', 'dummy9', 'type', 'bridge']);
        undo.push(() => run('ip', ['link', 'delete', 'dummy9']));
      },
      'interface dummy9 is down',
      'dummy9',
    ],
  ])('unknown, and why: %s', async (_, prepare, reason, link) => {
    await prepare();
    const host = lab.host('docker01');
    const probe = createAddressProbe({
      run: runOn(host),
      open,
      links: createLinks(runOn(host)),
      timing: { ...timing, delay: async () => {} },
    });
    undo.push(probe.close);
    expect(await probe.probe({ link, ip: '172.16.100.83' }, AbortSignal.timeout(5000))).toEqual({
      answer: 'unknown',
      reason,
    });
  });

  test('unknown, and what to install: a tool is missing', async () => {
    const host = lab.host('docker01');
    // A folder without the one program; the others are where they are.
    const folder = await mkdtemp(path.join(tmpdir(), 'trunkline-wire-'));
    undo.push(() => rm(folder, { recursive: true }));
    const without: RunCommand = (file, argv, options) =>
      argv.includes('nft')
        ? plain('nsenter', [...argv.slice(0, 2), 'env', `PATH=${folder}`, ...argv.slice(2)], options)
        : runOn(host)(file, argv, options);
    const answer = await probeOf({ run: without })('172.16.100.84');
    expect(answer).toMatchObject({ answer: 'unknown' });
    expect(JSON.stringify(answer)).toMatch(/nft.*install nftables"/);
  });

  test('unknown: the cable is out', async () => {
    await lab.cut('docker01');
    undo.push(() => lab.mend('docker01'));
    expect(await probeOf()('172.16.100.85')).toEqual({
      answer: 'unknown',
      reason: 'interface ens33 has no carrier',
    });
  });
});

describe('the wire is asked while a container waits', () => {
  test.each([
    ['IPv4', '172.16.100.77', '172.16.100.78', 24],
    ['IPv6', 'fd00:100::77', 'fd00:100::78', 64],
  ])('%s: taken, with the MAC, at once; clear within half a second', async (_, taken, free, prefix) => {
    await addStation({ ip: taken, mac: macOf.station, prefix });
    const { ask } = roomOf();
    const askFor = (ip: string) => ask({ link: 'ens33', ip }, AbortSignal.timeout(20_000));
    expect(await askFor(taken)).toEqual({ answer: 'taken', mac: macOf.station });
    const took: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const began = performance.now();
      expect(await askFor(free)).toEqual({ answer: 'clear' });
      took.push(performance.now() - began);
    }
    expect(Math.min(...took)).toBeLessThan(500);
    expect(await askFor(taken)).toEqual({ answer: 'taken', mac: macOf.station });
  });

  test('nobody is heard where the only one who answers is known, and everybody else still is', async () => {
    const station = await addStation({ ip: '172.16.100.77', mac: macOf.station });
    const { ask, recheck } = roomOf();
    const request = { link: 'ens33', ip: station.ip, known: [macOf.station] };
    const until = AbortSignal.timeout(20_000);
    expect(await ask(request, until)).toEqual({ answer: 'clear' });
    expect(await recheck(request, until)).toEqual({ answer: 'clear' });
    await addStation({ ip: '172.16.100.77', mac: macOf.other });
    expect(await recheck(request, until)).toEqual({ answer: 'taken', mac: macOf.other });
  });

  test('asked again after the room for it was killed', async () => {
    const station = await addStation({ ip: '172.16.100.77', mac: macOf.station });
    const stops: (() => void)[] = [];
    const host = lab.host('docker01');
    const { ask } = roomOf({
      open: (file, argv) => {
        const program = open('nsenter', into(host.netns, file, argv));
        stops.push(program.stop);
        return program;
      },
    });
    const askNow = () => ask({ link: 'ens33', ip: station.ip }, AbortSignal.timeout(20_000));
    expect(await askNow()).toMatchObject({ answer: 'taken' });
    stops[0]!();
    await waitFor('it answers', async () => (await askNow()).answer === 'taken', 10_000);
    expect(stops).toHaveLength(2);
  });
});

describe('an address that a container takes is announced', () => {
  test.each([
    ['IPv4', '172.16.100.90', '172.16.100.91', 24],
    ['IPv6', 'fd00:100::90', 'fd00:100::91', 64],
  ])(
    '%s: a neighbour that remembers another MAC learns the new one (moby 30238)',
    async (_, own, ip, prefix) => {
      const host = lab.host('docker01');
      const station = await addStation({ ip: own, mac: macOf.station, prefix });
      await runBox(host, 'box1', prefix === 24 ? ip : '172.16.100.91', prefix === 24 ? null : ip);
      const pid = Number(await docker(host, 'inspect', '-f', '{{.State.Pid}}', 'box1'));
      const mac = await docker(
        host,
        'inspect',
        '-f',
        '{{range .NetworkSettings.Networks}}{{.MacAddress}}{{end}}',
        'box1',
      );
      // Reachable for good, as an entry that was just used: nothing but an announcement replaces it.
      await atStation(station, 'ip', 'neigh', 'replace', ip, 'lladdr', '02:00:00:bb:00:01', 'dev', 'eth0');
      const remembered = async () => {
        const [entry] = JSON.parse(await atStation(station, 'ip', '-json', 'neigh', 'show', 'to', ip)) as {
          lladdr?: string;
        }[];
        return entry?.lladdr;
      };
      await atStation(
        station,
        'ip',
        'neigh',
        'change',
        ip,
        'lladdr',
        '02:00:00:bb:00:01',
        'dev',
        'eth0',
        'nud',
        'stale',
      );
      expect(await remembered()).toBe('02:00:00:bb:00:01');
      await announceAddress(plain, pid, ip, AbortSignal.timeout(20_000));
      await waitFor('the neighbour knows the new MAC', async () => (await remembered()) === mac, 2000);
      expect(await docker(host, 'inspect', '-f', '{{.State.Running}}', 'box1')).toBe('true');
    },
  );

  test('an address that the container no longer has is a failure in words', async () => {
    const host = lab.host('docker01');
    await runBox(host, 'box1', '172.16.100.92');
    const pid = Number(await docker(host, 'inspect', '-f', '{{.State.Pid}}', 'box1'));
    await expect(announceAddress(plain, pid, '172.16.100.93', AbortSignal.timeout(5000))).rejects.toThrow(
      'the container no longer has the address',
    );
  });
});

/** With Docker's own macvlan, as anybody would make it. */
async function runBox(host: LabHost, name: string, ip: string, ip6: string | null = null): Promise<void> {
  const v6 = ['--ipv6', '--subnet', 'fd00:100::/64', '--gateway', 'fd00:100::1'];
  const v4 = ['--subnet', '172.16.100.0/24', '--gateway', '172.16.100.1'];
  await docker(host, 'network', 'create', '-d', 'macvlan', '-o', 'parent=ens33', ...v4, ...v6, 'net1');
  undo.push(() => docker(host, 'network', 'rm', 'net1'));
  const address = ['--ip', ip, ...(ip6 === null ? [] : ['--ip6', ip6])];
  await docker(host, 'run', '-itd', '--name', name, '--network', 'net1', ...address, 'busybox');
  undo.push(() => docker(host, 'rm', '-f', name));
}

/** What a probe could leave behind. */
/** Programs of a host that were left; those of other labs on this machine are theirs. */
async function arpingIn({ netns }: LabHost): Promise<readonly string[]> {
  const pids = (await runHere(['ip', 'netns', 'pids', netns])).stdout.split('\n').filter((pid) => pid !== '');
  const names = await Promise.all(
    pids.map(async (pid) => await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')),
  );
  return names.map((name) => name.trim()).filter((name) => name === 'arping');
}

async function hostState(host: LabHost): Promise<unknown> {
  const look = async (...argv: string[]) => (await host.exec(argv)).stdout;
  return {
    links: await look('ip', '-br', 'link'),
    addresses: await look('ip', '-br', 'address'),
    routes: await look('ip', 'route'),
    tables: await look('nft', 'list', 'tables'),
    processes: await arpingIn(host),
  };
}
