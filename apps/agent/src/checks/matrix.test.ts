import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DesiredMatrixCheck, MatrixTaskResult } from '@trunkline/contracts';
import { expect, onTestFinished, test } from 'vitest';
import { CommandFailed, type RunCommand, type RunOptions } from '../host/command.ts';
import { createFakeDockerEngine } from '../host/docker-engine.fake.ts';
import { createManualTime } from '../lib/manual-time.fake.ts';
import { createMatrixCheck } from './matrix.ts';
import { connectTo, type InsideAnswer, type InsideQuestion } from './tcp.ts';

const echoes = (received: number): string =>
  `3 packets transmitted, ${received} received, 0% packet loss, time 400ms\n${received === 0 ? '' : 'rtt min/avg/max/mdev = 0.1/0.2/0.3/0.0 ms\n'}`;
const neigh = '[{"dst":"10.0.0.2","lladdr":"02:42:AC:10:64:14"},{"dst":"10.0.0.9","state":["FAILED"]}]';

const check: DesiredMatrixCheck = {
  id: '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11',
  kind: 'matrix',
  sources: ['box1', null, 'gone'],
  tries: [
    { from: 0, address: '10.0.0.2', port: 80 },
    { from: 1, address: '10.0.0.2', port: null },
    { from: 2, address: '10.0.0.2', port: null },
    { from: 0, address: '10.0.0.9', port: null },
  ],
  names: [
    { from: 0, name: 'box2' },
    { from: 0, name: 'nobody' },
    { from: 2, name: 'box2' },
  ],
  count: 3,
  seconds: 24,
  expiresAt: '2026-11-24T09:31:00.000Z',
};

interface Run {
  readonly line: string;
  readonly options: RunOptions | undefined;
}

async function setup(answer?: (run: Run) => Promise<void>) {
  const docker = createFakeDockerEngine();
  docker.addImage('busybox');
  await docker.createContainer({ name: 'box1', image: 'busybox' });
  await docker.startContainer('box1');
  const time = createManualTime(1);
  const runs: Run[] = [];
  const run: RunCommand = async (file, argv, options) => {
    const one = { line: [file, ...argv].join(' '), options };
    runs.push(one);
    await answer?.(one);
    if (one.line.includes('ping '))
      return { stdout: echoes(one.line.endsWith('10.0.0.2') ? 3 : 0), stderr: '', code: 0 };
    if (one.line.includes('neigh')) return { stdout: neigh, stderr: '', code: 0 };
    const question = JSON.parse(options?.input ?? '') as InsideQuestion;
    const inside: InsideAnswer = {
      names: question.names.map(() => ({ addresses: [], error: 'ENOTFOUND' })),
      ports: question.ports.map(() => ({ outcome: 'open', ms: 0.4, error: null })),
    };
    return { stdout: JSON.stringify(inside), stderr: '', code: 0 };
  };
  const matrix = createMatrixCheck({
    docker,
    run,
    nodePath: 'node',
    readContainerFile: async (_pid, path) =>
      path === '/etc/hosts' ? '10.0.0.2 box2\n' : 'nameserver 127.0.0.11\n',
    timing: time,
  });
  const go = async (of: DesiredMatrixCheck = check): Promise<MatrixTaskResult> => {
    const report = await matrix(of, new AbortController().signal);
    expect(report).toMatchObject({ state: 'done', error: null });
    return report.result as MatrixTaskResult;
  };
  const { pid } = await docker.container('box1');
  return { docker, time, runs, go, inside: `nsenter --net=/proc/${pid}/ns/net -- ` };
}

test('each source is tried from its own network, and answers come in the order of the task', async () => {
  const { go, runs, inside } = await setup();
  const { tries, resolved } = await go();
  const answered = { sent: 3, received: 3, mac: '02:42:ac:10:64:14', tried: true, error: null };
  expect(tries).toMatchObject([
    { ...answered, address: '10.0.0.2', tcp: { outcome: 'open', ms: 0.4 } },
    { ...answered, address: '10.0.0.2', tcp: null },
    { address: '10.0.0.2', tried: false, error: 'container gone is not on this host' },
    { address: '10.0.0.9', received: 0, rttMs: null, mac: null, tried: true },
  ]);
  expect(resolved).toEqual([
    { addresses: ['10.0.0.2'], error: null, tried: true },
    { addresses: [], error: 'NXDOMAIN', tried: true },
    { addresses: [], error: 'container gone is not on this host', tried: false },
  ]);
  const lines = runs.map(({ line }) => line);
  const ping = 'ping -n -q -4 -c 3 -i 0.2 -W 1 10.0.0.2';
  expect(lines.filter((line) => line.endsWith(ping)).toSorted()).toEqual([`${inside}${ping}`, ping]);
  // All ports and the names that the hosts file lacks are one program.
  const programs = runs.filter(({ line }) => line.includes('try-inside'));
  expect(programs.map(({ line }) => line.startsWith(`${inside}node `))).toEqual([true]);
  expect(JSON.parse(programs[0]?.options?.input ?? '')).toMatchObject({
    servers: ['127.0.0.11'],
    names: ['nobody'],
    ports: [{ address: '10.0.0.2', port: 80 }],
    leftMs: 24_000,
  });
});

const many = (count: number): DesiredMatrixCheck => ({
  ...check,
  sources: [null],
  tries: Array.from({ length: count }, () => ({ from: 0, address: '10.0.0.2', port: null })),
  names: [],
});

test('programs at a time are bounded, over all checks of this host', async () => {
  let [running, highest] = [0, 0];
  const { go } = await setup(async () => {
    running += 1;
    highest = Math.max(highest, running);
    await new Promise(setImmediate);
    running -= 1;
  });
  await Promise.all([go(many(100)), go(many(100))]);
  expect(highest).toBe(32);
});

test('what cannot be begun in time is said to be not tried, and the rest is answered', async () => {
  const { go, time } = await setup(async () => {
    await time.advance(1000);
  });
  const { tries } = await go({ ...many(100), seconds: 10 });
  const late = tries.filter(({ tried }) => !tried);
  expect(tries).toHaveLength(100);
  expect(tries[0]).toMatchObject({ tried: true, received: 3 });
  expect(late.length).toBeGreaterThan(0);
  expect(late.every(({ error }) => error?.includes('the time of the check was up') === true)).toBe(true);
});

test('a container that stopped meanwhile tried nothing: its process id may be of another one', async () => {
  const { go, docker } = await setup(async ({ line }) => {
    if (line.endsWith('10.0.0.9')) docker.crash('box1', 1);
  });
  const { tries } = await go();
  expect(tries.map(({ tried }) => tried)).toEqual([false, true, false, false]);
  expect(tries[0]?.error).toContain('box1 stopped or was restarted meanwhile');
});

test('where the program inside cannot be run, the tries of ports say why', async () => {
  const { go } = await setup(async ({ line }) => {
    if (!line.includes('try-inside')) return;
    const failure = { argv: ['node'], code: null, stdout: '', stderr: '' };
    throw new CommandFailed({ ...failure, kind: 'timeout', reason: 'no answer within 1 ms' });
  });
  const { tries, resolved } = await go();
  expect(tries[0]).toMatchObject({ tried: false, error: expect.stringContaining('no answer within 1 ms') });
  expect(tries[1]).toMatchObject({ tried: true, received: 3 });
  expect(resolved[1]).toMatchObject({
    tried: false,
    error: expect.stringContaining('no answer within 1 ms'),
  });
});

test('a port or a name that the program inside had no time for was not tried, whatever ping found', async () => {
  const { go, time } = await setup(async ({ line }) => {
    if (line.includes('ping ')) await time.advance(10_000);
  });
  const one = { ...check, sources: ['box1'], tries: check.tries.slice(0, 1), names: check.names.slice(0, 2) };
  const { tries, resolved } = await go({ ...one, seconds: 5 });
  expect(tries[0]).toMatchObject({
    tried: false,
    error: expect.stringContaining('the time of the check was up'),
  });
  // What the hosts file has needs no program.
  expect(resolved).toMatchObject([
    { addresses: ['10.0.0.2'], tried: true },
    { addresses: [], tried: false },
  ]);
});

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

test('a port is open, and refused once nobody listens', async () => {
  const { server, port } = await listening();
  expect(await connectTo('127.0.0.1', port)).toMatchObject({ outcome: 'open', error: null });
  server.close();
  await once(server, 'close');
  expect(await connectTo('127.0.0.1', port)).toMatchObject({ outcome: 'refused', error: null });
});

test('the program inside answers in the order of the question, and null for what it has no time for', async () => {
  const { port } = await listening();
  const script = fileURLToPath(new URL('try-inside.ts', import.meta.url));
  const ask = async (leftMs: number): Promise<InsideAnswer> => {
    const ports = [
      { address: '127.0.0.1', port },
      { address: '::1', port: 1 },
    ];
    const question: InsideQuestion = { servers: ['127.0.0.1:1'], names: [], ports, leftMs };
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const child = execFile(process.execPath, [script], (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
    child.stdin?.end(JSON.stringify(question));
    return JSON.parse(await promise) as InsideAnswer;
  };
  expect((await ask(5000)).ports).toMatchObject([
    { outcome: 'open' },
    { outcome: expect.stringMatching(/refused|no-answer/) },
  ]);
  expect((await ask(0)).ports).toEqual([null, null]);
});
