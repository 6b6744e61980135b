/** What becomes of Docker networks and containers around the address book: old networks, several subnets, a late agent. */
import { afterEach, describe, expect, test } from 'vitest';
import { readJournal } from '../../apps/agent/src/ipam/leases/lease-journal.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, docker, networksNamed, pings } from './outside.ts';
import { conditionOf, emptyFleet, macNet1, placementOn, useFleet } from './setup.ts';

// What an agent misses while it is down is found soon.
const fleet = useFleet('book', { agentEnv: { TRUNKLINE_LEAK_SECONDS: '2' } });
const host = (name: string) => fleet().lab.host(name);
const addressOf = async (on: string, name: string): Promise<string | undefined> =>
  (await containerNamed(host(on), name))?.NetworkSettings.Networks['mac_net1']?.IPAddress;
const runs = async (on: string, name: string): Promise<boolean> =>
  (await containerNamed(host(on), name))?.State.Running === true;
const ipamOf = async (on: string): Promise<string | undefined> => {
  // Between the list and the look it may be made again.
  const [seen] = await networksNamed(host(on), 'mac_net1').catch(() => []);
  return (seen as unknown as { IPAM: { Driver: string } } | undefined)?.IPAM.Driver;
};
const bookOn = async (on: string) =>
  conditionOf((await placementOn(fleet(), 'mac_net1', on)).conditions, 'AddressPool');

async function run(on: string, name: string, ...options: string[]): Promise<string> {
  // sleep as process 1 ends on no SIGTERM, and Docker would wait 10 s for it.
  const how = ['--stop-signal', 'KILL', '--network', 'mac_net1', ...options];
  const argv = ['run', '-d', '--name', name, ...how];
  await docker(host(on), ...argv, 'busybox', 'sleep', '10000');
  return (await addressOf(on, name)) ?? '';
}

afterEach(() => emptyFleet(fleet()));

/**
 * As older versions made it: our mark, and addresses of Docker's own. It is there before its host is of the network: a Docker
 * network of the driver is removed slowly while no agent answers.
 */
async function madeBefore(on: string, container: string | null): Promise<void> {
  const { client, lab } = fleet();
  const others = lab.hosts.map(({ name }) => name).filter((name) => name !== on);
  const { body } = await client.networks.create({ ...macNet1, hosts: { names: others } }, { wait: '30s' });
  const marks = ['--label', `io.trunkline.network=${body.id}`, '-o', 'parent=ens33'];
  const subnet = ['--subnet', '172.16.100.0/24', '--gateway', '172.16.100.1'];
  await docker(host(on), 'network', 'create', '-d', 'macvlan', ...marks, ...subnet, 'mac_net1');
  if (container !== null) await run(on, container, '--network-alias', 'web');
  await client.networks.patch('mac_net1', { hosts: { all: true } }, { ifMatch: '*' });
}

describe('a network that was made before there was an address book', () => {
  test('is moved at once when nothing is attached', async () => {
    await madeBefore('docker01', null);
    await waitFor('the driver', async () => (await ipamOf('docker01')) === 'trunkline', 30_000, 100);
    await waitFor('Ready', async () => (await bookOn('docker01'))?.status === 'True', 30_000, 100);
    expect(await run('docker01', 'new')).not.toBe(await run('docker02', 'peer'));
  });

  test('works on under its container, says so, and is moved by force with the same address', async () => {
    await madeBefore('docker01', 'old');
    const before = await addressOf('docker01', 'old');
    await waitFor(
      'MovesWhenFree',
      async () => (await bookOn('docker01'))?.reason === 'MovesWhenFree',
      30_000,
      100,
    );
    expect((await bookOn('docker01'))?.message).toMatch(/\(now: old\).*\?force=true/);
    const placement = await placementOn(fleet(), 'mac_net1', 'docker01');
    expect(conditionOf(placement.conditions, 'Ready')?.status).toBe('True');
    expect(await ipamOf('docker01')).toBe('default');

    const { url, token } = fleet();
    const answer = await fetch(`${url}/v1/networks/mac_net1?force=true`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${token}`,
        'if-match': '*',
        'content-type': 'application/merge-patch+json',
      },
      body: JSON.stringify({ vlan: null }),
    });
    expect(answer.status).toBe(200);
    await waitFor(
      'the driver, and the container on it',
      async () =>
        (await ipamOf('docker01')) === 'trunkline' && (await addressOf('docker01', 'old')) === before,
      30_000,
      100,
    );
    expect(await runs('docker01', 'old')).toBe(true);
    const aliases = '{{json .NetworkSettings.Networks.mac_net1.Aliases}}';
    expect(await docker(host('docker01'), 'inspect', '-f', aliases, 'old')).toContain('"web"');
    const peer = await run('docker02', 'peer');
    expect(peer).not.toBe(before);
    expect(await pings(host('docker01'), 'old', peer)).toBe(true);
  });
});

async function runFive(on: string, prefix: string): Promise<string[]> {
  const addresses: string[] = [];
  for (const index of [1, 2, 3, 4, 5]) addresses.push(await run(on, `${prefix}${String(index)}`));
  return addresses;
}

test('a network with two IPv4 subnets gives addresses of both, no two alike', async () => {
  const subnets = [
    { cidr: '172.16.100.0/29', gateway: '172.16.100.1' },
    { cidr: '172.16.101.0/29', gateway: '172.16.101.1' },
  ];
  await fleet().client.networks.create({ ...macNet1, warm: 2, subnets }, { wait: '30s' });
  const addresses = (await Promise.all([runFive('docker01', 'a'), runFive('docker02', 'b')])).flat();
  expect(new Set(addresses).size).toBe(10);
  expect(addresses.filter((ip) => ip.startsWith('172.16.100.'))).toHaveLength(5);
  expect(addresses.filter((ip) => ip.startsWith('172.16.101.'))).toHaveLength(5);
  // All are given back, whatever subnet Docker names.
  await docker(host('docker01'), 'rm', '-f', 'a1', 'a2', 'a3', 'a4', 'a5');
  // Until docker01 has noticed they count as in use there, and docker02 is told so.
  await waitFor(
    'docker01 to have none in use',
    async () => {
      for await (const { state, host: holder } of fleet().client.addresses.all(macNet1.name))
        if (state === 'bound' && holder === 'docker01') return false;
      return true;
    },
    60_000,
    100,
  );
  await runFive('docker02', 'c');
});

test('what Docker gave up because the agent was late is started by the agent, and nothing that a person stopped', async () => {
  await fleet().client.networks.create(macNet1, { wait: '30s' });
  await run('docker01', 'always', '--restart', 'always');
  await run('docker01', 'unless', '--restart', 'unless-stopped');
  await run('docker01', 'stopped', '--restart', 'unless-stopped');
  await run('docker01', 'plain');
  await docker(host('docker01'), 'stop', '-t', '0', 'stopped');
  await fleet().killAgent('docker01');
  await fleet().lab.stopDockerd('docker01');
  await fleet().lab.startDockerd('docker01');
  expect(await runs('docker01', 'always')).toBe(false);
  await fleet().startAgent('docker01');
  await waitFor(
    'both run again',
    async () => (await runs('docker01', 'always')) && (await runs('docker01', 'unless')),
    60_000,
    200,
  );
  expect(await runs('docker01', 'stopped')).toBe(false);
  expect(await runs('docker01', 'plain')).toBe(false);
});

const macOf = (n: number): string => `02:00:00:aa:00:0${String(n)}`;
const stateOf = async (ip: string) => (await fleet().client.addresses.get('mac_net1', ip)).body;
const box = (name: string, attachment: object = {}) => ({
  name,
  host: 'docker01',
  image: 'busybox',
  command: ['sleep', '10000'],
  attachments: [{ network: 'mac_net1', ...attachment }],
});

/**
 * What a host holds for its next containers of a network and asked the wire for, the oldest first. What it held of a network that
 * ended stays in the file until the next comparison.
 */
const warmOn = async (on: string, network: string): Promise<readonly string[]> => {
  const { stdout } = await host(on).exec(['cat', '/var/lib/trunkline-agent/leases.jsonl']);
  const records = [...readJournal(stdout).records.values()];
  const free = records.filter(({ use, networkId }) => use === 'free' && networkId === network);
  return free.toSorted((a, b) => a.since - b.since).map(({ ip }) => ip);
};

describe('a station of somebody else on the wire (A8)', () => {
  const stations: string[] = [];
  const plug = async (ip: string, mac: string): Promise<void> => {
    stations.push((await fleet().lab.addStation({ ip, mac })).name);
  };

  afterEach(async () => {
    for (const name of stations.splice(0)) await fleet().lab.removeStation(name);
    for await (const { ip, state, owner } of fleet().client.addresses.all('mac_net1')) {
      // What is a container's goes with it.
      if (state === 'conflicted' && owner === null)
        await fleet().client.addresses.release('mac_net1', ip, { force: true });
    }
  });

  test('keeps its address, by whatever road a container asks for it', async () => {
    const { client } = fleet();
    await client.networks.create({ ...macNet1, warm: 0 }, { wait: '30s' });
    await plug('172.16.100.50', macOf(1));
    await expect(run('docker01', 'named', '--ip', '172.16.100.50')).rejects.toThrow(
      `172.16.100.50 is in use on the network by ${macOf(1)}`,
    );
    await waitFor(
      'conflicted',
      async () => (await stateOf('172.16.100.50')).state === 'conflicted',
      10_000,
      100,
    );
    expect((await stateOf('172.16.100.50')).mac).toBe(macOf(1));

    // The address that the next container without one would get.
    const next = async (): Promise<string> => {
      const { body } = await client.containers.create(box('dry'), { dryRun: true });
      return body.attachments[0]?.address ?? '';
    };
    const taken = await next();
    await plug(taken, macOf(2));
    const { body: moved } = await client.containers.create(box('chosen'), { wait: '60s' });
    expect(moved.running).toBe(true);
    expect(await addressOf('docker01', 'chosen')).toBe(moved.attachments[0]?.address);
    expect(moved.attachments[0]?.address).not.toBe(taken);
    expect(await stateOf(taken)).toMatchObject({ state: 'conflicted', mac: macOf(2), owner: null });

    await plug('172.16.100.60', macOf(3));
    await client.containers.create(box('fixed', { address: '172.16.100.60' }));
    const readyOf = async () =>
      conditionOf((await client.containers.get('fixed')).body.conditions, 'Ready')?.message ?? '';
    await waitFor('the MAC in the condition', async () => (await readyOf()).includes(macOf(3)), 30_000, 200);
    expect(await runs('docker01', 'fixed')).toBe(false);

    const other = await next();
    await plug(other, macOf(4));
    expect(await run('docker01', 'plain')).not.toBe(other);
  });

  test('promise 1: keeps an address of a warm pool, from who names it, and from all while the server is away', async () => {
    const { client } = fleet();
    const { body } = await client.networks.create({ ...macNet1, warm: 5 }, { wait: '30s' });
    const warm = await waitFor(
      'a warm pool that was asked for',
      async () => {
        const now = await warmOn('docker01', body.id);
        return now.length === 5 && now;
      },
      60_000,
      200,
    );
    const [first = '', second = '', silent = '', spare = '', named = ''] = warm;
    await plug(named, macOf(1));
    await expect(run('docker01', 'named', '--ip', named)).rejects.toThrow(
      `${named} is in use on the network by ${macOf(1)}`,
    );
    await fleet().stopServer();
    // The warm pool was asked for before it started.
    await fleet().stopAgent('docker01');
    await plug(first, macOf(2));
    await plug(second, macOf(3));
    await fleet().startAgent('docker01');
    try {
      // Whoever asks first waits for the link to ask from.
      expect(await run('docker01', 'spare', '--ip', spare)).toBe(spare);
      expect(await run('docker01', 'plain')).toBe(silent);
    } finally {
      await fleet().startServer();
    }
    const isTold = async () => (await stateOf(first)).state === 'conflicted';
    await waitFor('the server to hear of it', isTold, 30_000, 200);
  });

  test('that comes later is shown, and the container keeps its address', async () => {
    const { client } = fleet();
    await client.networks.create(macNet1, { wait: '30s' });
    const ip = await run('docker01', 'first');
    const conflict = async () =>
      conditionOf((await placementOn(fleet(), 'mac_net1', 'docker01')).conditions, 'AddressConflict');
    await plug(ip, macOf(5));
    await waitFor('the conflict', async () => (await conflict())?.status === 'True', 90_000, 500);
    const message = (await conflict())?.message ?? '';
    for (const part of [ip, 'first', macOf(5)]) expect(message).toContain(part);
    const { body } = await client.checks.create({ kind: 'addresses', network: 'mac_net1' }, { wait: '30s' });
    expect((body.result as { findings: object[] }).findings).toContainEqual(
      expect.objectContaining({ kind: 'conflicted', ip, mac: macOf(5), state: 'bound' }),
    );
    expect((await stateOf(ip)).state).toBe('bound');
    expect(await runs('docker01', 'first')).toBe(true);
    await fleet().lab.removeStation(stations.splice(0)[0] ?? '');
    await waitFor('the end of it', async () => (await conflict())?.status === 'False', 90_000, 500);
  });
});
