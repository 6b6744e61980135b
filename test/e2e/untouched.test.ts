/** Promise 6 on real hosts: whatever is asked of the product, what it did not make stays byte for byte as it was. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiError } from '@trunkline/client';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { docker, linksOf, must } from './outside.ts';
import { seeded } from './seeded.ts';
import { placementOn, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('untouched');
const host = () => fleet().lab.host('docker01');
const operations = 100;
const settleMs = 120_000;

/** Things of somebody else's: links, a bridge, Docker networks, one with a mark of ours that is not in the fleet. */
beforeAll(async () => {
  await must(host(), 'ip', 'link', 'add', 'ens34', 'type', 'veth', 'peer', 'name', 'wall');
  await must(host(), 'ip', 'link', 'set', 'ens34', 'up', 'alias', 'cabled by hand');
  await must(host(), 'ip', 'link', 'add', 'shim', 'link', 'ens34', 'type', 'macvlan', 'mode', 'bridge');
  await must(host(), 'ip', 'address', 'add', '10.77.0.1/24', 'dev', 'shim');
  await must(host(), 'ip', 'link', 'add', 'br0', 'type', 'bridge');
  await must(host(), 'ip', 'link', 'set', 'br0', 'up');
  await docker(host(), 'network', 'create', '-d', 'bridge', '--subnet', '10.78.0.0/24', 'by_hand');
  const mark = 'io.trunkline.network=0192f0c1-6d7e-7a52-9c1b-ffffffffffff';
  const macvlan = ['-d', 'macvlan', '--subnet', '10.79.0.0/24', '-o', 'parent=ens34'];
  await docker(host(), 'network', 'create', ...macvlan, '--label', mark, 'left_over');
});

afterAll(async () => {
  await removeAll(fleet());
});

/** All of the host that is not ours. The agent may set the parents that it was given up and promiscuous, no more. */
async function foreign(): Promise<string> {
  const links = (await linksOf(host())).map(({ ifname, mtu, address, ifalias, addr_info }) => ({
    ifname,
    mtu,
    address,
    ifalias,
    // The kernel gives link-local addresses by itself, in its own time.
    addresses: addr_info.flatMap(({ local, prefixlen }) =>
      local.startsWith('fe80:') ? [] : [`${local}/${String(prefixlen)}`],
    ),
  }));
  const networks = await docker(host(), 'network', 'ls', '--no-trunc', '--format', '{{.ID}} {{.Name}}');
  const theirs = networks.split('\n').filter((line) => !/ op_\d+$/.test(line));
  const routes = await must(host(), 'ip', '-4', 'route', 'show', 'table', 'all');
  return JSON.stringify({ links, networks: theirs.sort(), routes }, null, 1);
}

/** Mistakes are part of it: names that are taken, parents that are not there, subnets in use. */
async function tryIt(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return false;
    throw error;
  }
}

test('passthru never takes a NIC that the host needs, however it is asked for, and a dry run says so before', async () => {
  const { client, lab } = fleet();
  const refused = { type: 'ParentReady', status: 'False', reason: 'HostNeedsParent' };
  const subnets = [{ cidr: '10.68.0.0/24', gateway: '10.68.0.1' }];
  const asked = { name: 'pt', mode: 'passthru', hosts: { all: true }, subnets } as const;
  const placement = async () => await placementOn(fleet(), 'pt', 'docker01');
  await must(host(), 'ip', 'address', 'add', '10.76.0.1/24', 'dev', 'br0');
  try {
    // Nothing else on this host takes its parent from the default route: a dry run knows it all the same.
    const plain = await client.networks.create({ ...asked, mode: 'bridge' }, { dryRun: true });
    expect(plain.body.preflight?.map(({ conditions }) => conditions.at(-1)?.reason)).toEqual([
      'Preflight',
      'Preflight',
    ]);
    for (const parents of [{}, { parent: 'ens33' }, { parents: { docker01: 'br0', docker02: 'ens33' } }]) {
      const { body } = await client.networks.create({ ...asked, ...parents }, { dryRun: true });
      for (const { actions, conditions } of body.preflight ?? []) {
        expect({ actions, conditions }).toMatchObject({
          actions: [],
          conditions: expect.arrayContaining([expect.objectContaining(refused)]),
        });
      }
    }
    await client.networks.create(asked, { wait: '30s' });
    const box = { name: 'taker', host: 'docker01', image: 'busybox', attachments: [{ network: 'pt' }] };
    const { body } = await client.containers.create(box, { wait: '3s' });
    expect(body.conditions.find(({ type }) => type === 'Ready')?.message).toContain('this host needs it');
    expect((await placement()).conditions).toContainEqual(expect.objectContaining(refused));
    await client.networks.patch('pt', { mode: 'bridge' }, { ifMatch: '*', wait: '30s', force: true });
    await client.networks.patch('pt', { mode: 'passthru' }, { ifMatch: '*', wait: '30s', force: true });
    const uplink = (await linksOf(host())).find(({ ifname }) => ifname === 'ens33');
    expect(uplink?.address).toBe(host().mac);
    await must(host(), 'ping', '-c', '1', '-W', '2', lab.switchAddress);
    expect((await placement()).conditions).toContainEqual(expect.objectContaining(refused));
  } finally {
    await must(host(), 'ip', 'address', 'del', '10.76.0.1/24', 'dev', 'br0');
    await removeAll(fleet());
  }
});

test(`what is not ours is the same after ${String(operations)} random operations`, async () => {
  const { client } = fleet();
  const seed = Number(process.env['TRUNKLINE_TEST_SEED'] ?? Date.now() % 1_000_000);
  const random = seeded(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const before = await foreign();
  let carriedOut = 0;
  for (let n = 0; n < operations; n += 1) {
    const number = Math.floor(random() * 6);
    const name = `op_${String(number)}`;
    const parent = pick(['ens33', 'ens34', 'br0', 'lo', 'nothing0', null]);
    const subnets = [{ cidr: `10.80.${String(number)}.0/24`, gateway: `10.80.${String(number)}.1` }];
    const any = { ifMatch: '*' } as const;
    const done = await tryIt(
      pick([
        () => client.networks.create({ name, parent, subnets, quarantineSeconds: 0 }),
        () => client.networks.create({ name: pick(['by_hand', 'left_over']), parent, subnets }),
        () => client.networks.patch(name, { parent }, { ...any, force: true }),
        () => client.networks.patch(name, { mode: pick(['bridge', 'private', 'vepa']) }, any),
        () => client.networks.patch(name, { hosts: { names: [pick(['docker01', 'docker02'])] } }, any),
        () => client.networks.remove(name, any),
        () => client.networks.remove(pick(['by_hand', 'left_over']), any),
        () => client.hosts.patch('docker01', { labels: { round: String(n) } }, any),
      ])(),
    );
    if (done) carriedOut += 1;
  }
  await removeAll(fleet());
  await waitFor(
    'every network gone',
    async () => (await client.networks.list()).body.items.length === 0,
    settleMs,
    200,
  );
  expect(carriedOut, `with TRUNKLINE_TEST_SEED=${String(seed)}`).toBeGreaterThan(operations / 4);
  expect(await foreign(), `with TRUNKLINE_TEST_SEED=${String(seed)}`).toBe(before);
});
