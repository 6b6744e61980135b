/** Issue 13: who reaches whom, by address, name and port, from containers of the API, plain ones and hosts. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Check, CheckCreate, MatrixDirection, MatrixResult } from '@trunkline/contracts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { docker, must } from './outside.ts';
import { box1, box2, emptyFleet, macNet1, useFleet } from './setup.ts';

const fleet = useFleet('matrix');
const host = (name: string): LabHost => fleet().lab.host(name);
const router = '172.16.100.1';
const names = ['box1', 'box2', 'plain'] as const;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const { client, lab } = fleet();
  await lab.addStation({ ip: router, mac: '02:00:00:00:00:01' });
  await client.networks.create({ ...macNet1, names: true }, { wait: '30s' });
  await client.containers.create(box1, { wait: '60s' });
  await client.containers.create({ ...box2, command: ['httpd', '-f', '-p', '80'] }, { wait: '60s' });
  const plain = ['--name', 'plain', '--network', macNet1.name, 'busybox', 'sleep', '1000000'];
  await docker(host('docker02'), 'run', '-d', ...plain);
  await waitFor(
    'the plain container in the endpoints',
    async () => (await addressOf('plain')) !== null,
    30_000,
    100,
  );
});
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});
afterAll(async () => {
  await emptyFleet(fleet());
});

async function addressOf(container: string): Promise<string | null> {
  const { body } = await fleet().client.endpoints.list({ container });
  return body.items[0]?.ipv4 ?? null;
}

async function matrix(about: Omit<CheckCreate, 'kind'>): Promise<MatrixResult> {
  const { body } = await fleet().client.checks.create({ kind: 'matrix', ...about }, { wait: '60s' });
  expect(body).toMatchObject({ kind: 'matrix', state: 'done' });
  return (body as Check & { result: MatrixResult }).result;
}
const words = ({ from, to, verdict }: MatrixDirection): string =>
  `${from.container ?? from.host} > ${to.container ?? to.gateway ?? to.host ?? to.address ?? ''}: ${verdict}`;

/** Once every container has the names of the others, which takes hosts some seconds. */
async function withNames(about: Omit<CheckCreate, 'kind'>): Promise<MatrixResult> {
  let result = await matrix(about);
  await waitFor(
    'names in every container',
    async () => {
      result = await matrix(about);
      return result.directions.every(({ name }) => name?.matches === true);
    },
    60_000,
    500,
  );
  return result;
}

test('every container of a network reaches every other by address and name, whoever runs it', async () => {
  const result = await withNames({ network: macNet1.name, names: true });
  expect(result).toMatchObject({ ok: true, sampled: false, message: 'all 6 directions on mac_net1 work' });
  expect(result.directions.map(words).toSorted()).toEqual(
    names.flatMap((from) => names.filter((to) => to !== from).map((to) => `${from} > ${to}: ok`)),
  );
  for (const direction of result.directions) {
    expect(direction).toMatchObject({ sent: 3, received: 3, lossPercent: 0, tcp: null });
    expect(direction.rttMs?.avg).toBeGreaterThan(0);
    expect(direction.mac).toMatch(/^[0-9a-f:]{17}$/);
    expect(direction.name?.resolved).toEqual([direction.to.address]);
  }
});

test('a port is open, refused or filtered, from where it was asked', async () => {
  const netns = await docker(host('docker02'), 'inspect', '-f', '{{.State.Pid}}', 'plain');
  const inside = ['nsenter', `--net=/proc/${netns}/ns/net`, '--'];
  await must(
    host('docker02'),
    ...inside,
    'iptables',
    '-A',
    'INPUT',
    '-p',
    'tcp',
    '--dport',
    '80',
    '-j',
    'DROP',
  );
  const from = { container: 'box1' };
  const result = await matrix({
    port: 80,
    pairs: [
      { from, to: { container: 'box2' } },
      { from, to: { container: 'box2' }, port: 81 },
      { from, to: { container: 'plain' } },
      { from: { container: 'plain' }, to: { container: 'box2' } },
      { from, to: { address: '172.16.100.99' } },
    ],
  });
  expect(result.directions.map(({ tcp, verdict }) => [tcp?.port, tcp?.outcome, verdict])).toEqual([
    [80, 'open', 'ok'],
    [81, 'refused', 'port-refused'],
    [80, 'no-answer', 'port-silent'],
    [80, 'open', 'ok'],
    [80, 'no-answer', 'no-answer'],
  ]);
  expect(result.ok).toBe(false);
  expect(result.message).toContain(
    '2 of 5 directions work; box1 reaches box2 at 172.16.100.20, and TCP port 81 is refused',
  );
});

test('from a host: others, gateways and any address; its own containers only with host access', async () => {
  const { client } = fleet();
  // A host with an address in the subnet of its containers, as many have.
  const own = ['172.16.100.230/24', 'dev', 'ens33'];
  await must(host('docker01'), 'ip', 'address', 'add', ...own);
  cleanups.push(async () => await must(host('docker01'), 'ip', 'address', 'del', ...own));
  const from = { host: 'docker01' };
  const pairs = [
    { from, to: { container: 'box1' } },
    { from, to: { container: 'box2' }, port: 80 },
    { from, to: { host: 'docker02' } },
    { from, to: { gateway: macNet1.name } },
    { from, to: { address: router } },
    { from: { container: 'box1' }, to: { gateway: macNet1.name } },
    { from: { container: 'box1' }, to: { address: (await addressOf('plain')) ?? '' } },
  ];
  const without = await matrix({ pairs });
  expect(without.directions.map(words)).toEqual([
    'docker01 > box1: known-limit',
    'docker01 > box2: ok',
    'docker01 > docker02: ok',
    'docker01 > mac_net1: ok',
    `docker01 > ${router}: ok`,
    'box1 > mac_net1: ok',
    `box1 > ${(await addressOf('plain')) ?? ''}: ok`,
  ]);
  expect(without).toMatchObject({ ok: true, message: '6 of 7 directions work; 1 cannot, which is no fault' });
  expect(without.directions[0]?.message).toContain('"hostAccess": true on mac_net1');

  await client.networks.patch(macNet1.name, { hostAccess: true }, { ifMatch: '*', wait: '30s' });
  cleanups.push(
    async () =>
      await client.networks.patch(macNet1.name, { hostAccess: false }, { ifMatch: '*', wait: '30s' }),
  );
  const ok = async (): Promise<boolean> => (await matrix({ pairs })).message === 'all 7 directions work';
  await waitFor('host access', ok, 30_000, 200);
  expect(await ok()).toBe(true);
});

test('a path that is cut is named, as is a host that cannot answer, and the rest is found', async () => {
  await fleet().lab.cut('docker02');
  cleanups.push(async () => await fleet().lab.mend('docker02'));
  const [one, two] = [{ container: 'box1' }, { container: 'box2' }];
  const pairs = [
    { from: one, to: two },
    { from: two, to: one },
    { from: one, to: { gateway: macNet1.name } },
  ];
  const result = await matrix({ pairs, timeoutSeconds: 10 });
  expect(result.directions.map(words)).toEqual([
    'box1 > box2: no-answer',
    'box2 > box1: not-tried',
    'box1 > mac_net1: ok',
  ]);
  expect(result.directions[1]?.message).toContain('docker02 did not try');
});
