import { once } from 'node:events';
import { createSocket, type Socket } from 'node:dgram';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { CheckReport, DesiredConnectivityCheck } from '@trunkline/contracts';
import { ApiError } from '@trunkline/client';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import { createFakeDockerEngine } from '../host/docker-engine.fake.ts';
import { createManualTime } from '../lib/manual-time.fake.ts';
import { createCheckRunner } from './check-runner.ts';
import { checkConnectivity } from './connectivity.ts';
import { parsePingSummary } from './ping-summary.ts';
import { hostsAddresses, nameservers, readContainerFile } from './resolver-files.ts';

const iputils = `PING 172.16.100.20 (172.16.100.20) 56(84) bytes of data.

--- 172.16.100.20 ping statistics ---
5 packets transmitted, 5 received, 0% packet loss, time 820ms
rtt min/avg/max/mdev = 0.048/0.066/0.110/0.022 ms
`;
const lost = `PING 172.16.100.99 (172.16.100.99) 56(84) bytes of data.

--- 172.16.100.99 ping statistics ---
3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2031ms
pipe 3
`;

test.each([
  [
    'iputils',
    iputils,
    { sent: 5, received: 5, lossPercent: 0, rttMs: { min: 0.048, avg: 0.066, max: 0.11 } },
  ],
  ['iputils without an answer', lost, { sent: 3, received: 0, lossPercent: 100, rttMs: null }],
  [
    'iputils with loss and duplicates',
    '3 packets transmitted, 2 received, +1 duplicates, 33.3333% packet loss, time 2ms\nrtt min/avg/max/mdev = 1.000/2.000/3.000/0.5 ms\n',
    { sent: 3, received: 2, lossPercent: 33.3, rttMs: { min: 1, avg: 2, max: 3 } },
  ],
  [
    'busybox',
    '2 packets transmitted, 2 packets received, 0% packet loss\nround-trip min/avg/max = 0.067/0.068/0.069 ms\n',
    { sent: 2, received: 2, lossPercent: 0, rttMs: { min: 0.067, avg: 0.068, max: 0.069 } },
  ],
  [
    'busybox without an answer',
    '2 packets transmitted, 0 packets received, 100% packet loss\n',
    { sent: 2, received: 0, lossPercent: 100, rttMs: null },
  ],
  ['what ends before', 'ping: connect: Network is unreachable\n', null],
  ['nothing', '', null],
])('a closing line of ping is read: %s', (_who, output, expected) => {
  expect(parsePingSummary(output)).toEqual(expected);
});

test('hosts and resolv.conf are read as the C library reads them', () => {
  const hosts =
    '127.0.0.1 localhost # box2\n172.16.100.10\tBox1 box1.lan\nnonsense box2\n#172.16.100.9 box2\n';
  expect(hostsAddresses(hosts, 'box1')).toEqual(['172.16.100.10']);
  expect(hostsAddresses(hosts, 'box1.lan')).toEqual(['172.16.100.10']);
  expect(hostsAddresses(hosts, 'box2')).toEqual([]);
  const conf = 'search lan\nnameserver 127.0.0.11\nnameserver nonsense\nnameserver 1::1\noptions ndots:0\n';
  expect(nameservers(conf)).toEqual(['127.0.0.11', '1::1']);
});

test('a file that a container does not have is empty', async () => {
  expect(await readContainerFile(process.pid, '/etc/no-such-file')).toBe('');
  expect(await readContainerFile(process.pid, '/proc')).toBe('');
  expect(await readContainerFile(process.pid, '/etc/passwd')).toContain('root');
});

const check: DesiredConnectivityCheck = {
  id: '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11',
  kind: 'connectivity',
  fromContainer: 'box1',
  toContainer: 'box2',
  toAddresses: ['172.16.100.20'],
  count: 5,
  expiresAt: '2026-11-24T09:31:00.000Z',
};

async function setup(answers: {
  ping?: string;
  pingCode?: number;
  neigh?: string;
  resolve?: string;
  hosts?: string;
}) {
  const docker = createFakeDockerEngine();
  docker.addImage('busybox');
  await docker.createContainer({ name: 'box1', image: 'busybox' });
  await docker.startContainer('box1');
  const runs: string[] = [];
  const run: RunCommand = async (file, argv, options) => {
    runs.push([file, ...argv].join(' '));
    const program = argv[2] ?? '';
    const stdout = program === 'ping' ? answers.ping : program === 'ip' ? answers.neigh : answers.resolve;
    const code = program === 'ping' ? (answers.pingCode ?? 0) : 0;
    if (stdout === undefined || !(options?.acceptCodes ?? [0]).includes(code)) {
      throw new CommandFailed({
        kind: stdout === undefined ? 'spawn' : 'exit',
        argv: [file, ...argv],
        code,
        reason: 'not installed on this host (looked in PATH)',
        stdout: '',
        stderr: '',
      });
    }
    return { stdout, stderr: '', code };
  };
  const deps = {
    docker,
    run,
    nodePath: 'node',
    readContainerFile: async (_pid: number, path: string) =>
      path === '/etc/hosts' ? (answers.hosts ?? '') : 'nameserver 127.0.0.11\n',
  };
  return { runs, docker, go: () => checkConnectivity(check, deps, new AbortController().signal) };
}
const neigh = '[{"dst":"172.16.100.20","dev":"eth0","lladdr":"02:42:AC:10:64:14","state":["REACHABLE"]}]';
const nxdomain = '{"addresses":[],"error":"ENOTFOUND"}';

test('S1: a container that answers is reachable by address, with times and MAC, and not by name', async () => {
  const { go, runs, docker } = await setup({ ping: iputils, neigh, resolve: nxdomain });
  const { pid } = await docker.container('box1');
  expect(await go()).toEqual({
    state: 'done',
    error: null,
    result: {
      reachable: true,
      byAddress: [
        {
          address: '172.16.100.20',
          sent: 5,
          received: 5,
          lossPercent: 0,
          rttMs: { min: 0.048, avg: 0.066, max: 0.11 },
          mac: '02:42:ac:10:64:14',
          error: null,
        },
      ],
      byName: {
        name: 'box2',
        resolved: [],
        reachable: false,
        message: 'box2 does not resolve from box1 (NXDOMAIN)',
      },
      message: 'box1 reaches box2 at 172.16.100.20: 5 of 5, 0.066 ms',
    },
  });
  expect(runs[0]).toBe(`nsenter --net=/proc/${pid}/ns/net -- ping -n -q -4 -c 5 -i 0.2 -W 1 172.16.100.20`);
});

test('a container that does not answer is reported as such', async () => {
  const { go } = await setup({ ping: lost, pingCode: 1, neigh: '[]', resolve: nxdomain });
  const { result } = await go();
  expect(result).toMatchObject({
    reachable: false,
    byAddress: [{ received: 0, lossPercent: 100, rttMs: null, mac: null }],
    message: 'box1 does not reach box2: no answer from 172.16.100.20',
  });
});

test('a name that leads to an address that answers is reachable', async () => {
  const { go } = await setup({ ping: iputils, neigh, hosts: '172.16.100.20 box2\n' });
  expect((await go()).result?.byName).toMatchObject({ resolved: ['172.16.100.20'], reachable: true });
});

test('a host without ping says what to install', async () => {
  const { go } = await setup({ neigh, resolve: nxdomain });
  expect((await go()).result?.byAddress[0]?.error).toContain('install iputils-ping');
});

test('a check from a container that is not there, or does not run, fails and says so', async () => {
  const { go, docker } = await setup({});
  docker.crash('box1', 1);
  expect(await go()).toMatchObject({ state: 'failed', error: 'container box1 is exited: start it first' });
  await docker.removeContainer('box1');
  expect(await go()).toMatchObject({ state: 'failed', error: 'container box1 is not on this host' });
  docker.setReachable(false);
  expect(await go()).toMatchObject({ state: 'failed' });
});

/** A name server that answers each question with NXDOMAIN, or with 172.16.100.20 for A questions of `box2`. */
async function nameServer(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (question, from) => {
    const name = question.subarray(12, 12 + 6).toString('latin1');
    const isA = question.readUInt16BE(12 + 6) === 1;
    const known = name === '\u0004box2\u0000';
    const header = Buffer.from(question.subarray(0, 12));
    header.writeUInt16BE(known ? 0x8180 : 0x8183, 2);
    header.writeUInt16BE(known && isA ? 1 : 0, 6);
    header.writeUInt16BE(0, 10);
    const end = question.indexOf(0, 12) + 5;
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 172, 16, 100, 20]);
    socket.send(
      Buffer.concat([header, question.subarray(12, end), ...(known && isA ? [record] : [])]),
      from.port,
      from.address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

test('the resolver program asks the servers it is given and prints what they say', async () => {
  const server = await nameServer();
  try {
    const script = fileURLToPath(new URL('resolve-name.ts', import.meta.url));
    const at = `127.0.0.1:${server.address().port}`;
    const ask = async (name: string) =>
      JSON.parse((await promisify(execFile)(process.execPath, [script, at, name])).stdout) as unknown;
    expect(await ask('box2')).toEqual({ addresses: ['172.16.100.20'], error: null });
    expect(await ask('nobody')).toEqual({ addresses: [], error: 'ENOTFOUND' });
  } finally {
    server.close();
  }
});

function runner(send: (report: CheckReport) => Promise<void>) {
  const time = createManualTime(1);
  const ran: string[] = [];
  const reports: string[] = [];
  const checks = createCheckRunner({
    check: async ({ id }) => {
      ran.push(id);
      return { state: 'done', result: null, error: null };
    },
    client: {
      checkResult: async (_id, report) => {
        await send(report);
        reports.push(report.state);
      },
    },
    timing: time,
    log: pino({ level: 'silent' }),
  });
  return { checks, ran, reports, time, signal: new AbortController().signal };
}

test('a check is run once, as long as the document names it', async () => {
  const { checks, ran, reports, signal } = runner(() => Promise.resolve());
  checks.wanted([check], signal);
  checks.wanted([check], signal);
  await vi.waitFor(() => expect(reports).toEqual(['running', 'done']));
  checks.wanted([check], signal);
  expect(ran).toEqual([check.id]);
  checks.wanted([], signal);
  checks.wanted([check], signal);
  await vi.waitFor(() => expect(ran).toHaveLength(2));
});

test('a check whose time is up is not run', () => {
  const { checks, ran, signal } = runner(() => Promise.resolve());
  checks.wanted([{ ...check, expiresAt: '2026-11-24T09:29:59.000Z' }], signal);
  expect(ran).toEqual([]);
});

test('a result is sent again while the server does not take it, unless it says no for good', async () => {
  let failures = 2;
  const { checks, reports, time, signal } = runner((report) => {
    if (report.state === 'running' || failures === 0) return Promise.resolve();
    failures -= 1;
    return Promise.reject(new Error('unreachable'));
  });
  checks.wanted([check], signal);
  for (const wait of [500, 1000]) {
    await vi.waitFor(() => expect(time.waits()).toEqual([wait]));
    await time.advance(wait);
  }
  await vi.waitFor(() => expect(reports).toEqual(['running', 'done']));

  let asked = 0;
  const refused = runner(() => {
    asked += 1;
    const gone = { method: 'POST', path: '/', status: 404, problem: null, retryAfter: null, text: '' };
    return Promise.reject(new ApiError(gone));
  });
  refused.checks.wanted([check], refused.signal);
  await vi.waitFor(() => expect(asked).toBe(2));
  expect(refused.time.waits()).toEqual([]);
});
