/** Who has an address, put together from Docker's last look and the kernel. */
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { SandboxLook, Sandboxes } from '../../host/sandboxes.ts';
import type { Observed } from '../../observation/observed.ts';
import { standsFor, type NetworkResolver, type StandsFor } from '../../observation/stands-for.ts';
import { createFakeHost, id, network as desired } from '../../reconcile/subjects.fixture.ts';
import { arrived, auxiliary, keyOf, type LeaseKey, type LeaseRecord } from '../leases/lease-record.ts';
import { createLiveAddresses } from './live-addresses.ts';

const ip = '172.16.100.30';
const address = { networkId: id(1), ip };
const mac = '02:42:ac:10:64:1e';
const lan = desired({ name: 'lan' });
const sandbox = { file: '/netns/1a2b', inode: 401 };

const known = (one: Parameters<NetworkResolver>[0]): StandsFor =>
  standsFor(one, { networks: [lan], held: [] });

/** A host with two Docker networks of one Trunkline network on `ens33`, and one of Docker's own on `ens34`. */
async function setUp() {
  const host = createFakeHost({ version: '27.0.0', apiVersion: '1.46' });
  const { docker } = host;
  const subnets = [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1', aux: { router: '172.16.100.9' } }];
  const make = async (name: string, parent: string, ipamDriver: string): Promise<void> => {
    const ipamOptions = ipamDriver === 'default' ? {} : { network: 'lan' };
    await docker.createNetwork({
      name,
      driver: 'macvlan',
      options: { parent },
      ipamDriver,
      ipamOptions,
      subnets,
    });
  };
  await make('first', 'ens33', 'trunkline');
  await make('second', 'ens33', 'trunkline');
  await make('other', 'ens34', 'default');
  let kernel: SandboxLook = { known: true, having: new Map() };
  let asked = 0;
  let isMacvlan = true;
  /** Which containers were looked for among processes, each time: how many live, and how many others. */
  const sought: (readonly [number, number])[] = [];
  const sandboxes: Sandboxes = {
    look: async () => kernel,
    seekStrays: ({ live: running, others }) => void sought.push([running.size, others.size]),
    macvlanWith: async () => {
      asked += 1;
      return isMacvlan ? { mac } : null;
    },
  };
  const live = createLiveAddresses({ sandboxes, standsFor: known, log: pino({ level: 'silent' }) });
  let at = 1000;
  let outage: { from: number; to: number } | null = null;
  return {
    docker,
    live,
    asked: () => asked,
    sought: () => sought,
    kernelShows: (...ips: string[]) => {
      kernel = { known: true, having: new Map(ips.map((one) => [one, [sandbox]])) };
    },
    /** The interfaces that the kernel shows are of another kind. */
    withoutMacvlan: () => {
      isMacvlan = false;
    },
    kernelShowsStray: () => {
      kernel = { known: true, having: new Map([[ip, [{ ...sandbox, stray: true }]]]) };
    },
    kernelFails: () => {
      kernel = { known: false, why: 'EACCES' };
    },
    run: async (name: string, network: string) => {
      await docker.createContainer({
        name,
        image: 'busybox',
        attachments: [{ network, ipv4: ip, mac }],
      });
      await docker.startContainer(name);
    },
    dockerStarts: () => {
      outage = { from: at, to: at + 500 };
    },
    look: async (held: ReadonlyMap<LeaseKey, LeaseRecord> = new Map()) => {
      const [networks, containers, version] = await Promise.all([
        docker.networks(),
        docker.containers(),
        docker.version(),
      ]);
      const nothing = {
        details: new Map(),
        failedStarts: [],
        interfaces: new Map(),
        routes: new Map(),
        images: new Set<string>(),
      };
      const seen: Observed['docker'] = {
        reachable: true,
        version,
        networks,
        containers,
        outage,
        ...nothing,
      };
      return await live.onObservation({ at: (at += 1000), docker: seen }, held);
    },
  };
}

const lease = { ...address, subnet: '172.16.100.0/24', generation: 3, owner: null, mac: null, bound: false };
const held = new Map([[keyOf(address), arrived(lease, 'probing', 0)]]);

test('a container is named by what Docker showed of it last', async () => {
  const { live, run, look, kernelShows } = await setUp();
  expect(await live.of(address)).toEqual({ kernel: null, docker: null });
  await run('a1', 'first');
  kernelShows(ip);
  expect(await live.of(address)).toEqual({ kernel: { name: null, mac }, docker: null });
  await look();
  const a1 = { name: 'a1', mac };
  expect(await live.of(address)).toEqual({ kernel: a1, docker: { holder: a1, at: 2000 } });
});

test('what the kernel shows on another kind of interface proves nothing before the first look at Docker', async () => {
  const { live, look, kernelShows, withoutMacvlan } = await setUp();
  withoutMacvlan();
  kernelShows(ip);
  expect(await live.of(address)).toEqual({ kernel: 'unknown', docker: null });
  await look();
  expect(await live.of(address)).toEqual({ kernel: null, docker: null });
});

const as = (change: Partial<LeaseRecord>) =>
  new Map([...held.values()].map((record) => [keyOf({ ...record, ...change }), { ...record, ...change }]));

describe('containers that run and that Docker does not know to be live are looked for', () => {
  test('when nobody is seen on what was granted', async () => {
    const { docker, run, look, sought, kernelShows } = await setUp();
    const used = as({ use: 'used' });
    await run('a1', 'first');
    kernelShows(ip);
    await look(used);
    await docker.stopContainer('a1', 0);
    kernelShows();
    await look(held);
    expect(sought()).toEqual([]);
    await look(used);
    expect(sought()).toEqual([[0, 1]]);
    for (const use of ['released', 'kept'] as const) {
      const before = sought().length;
      await look(as({ use }));
      expect(sought()).toHaveLength(before + 1);
      // The last look saw nobody.
      await look(as({ use, cleared: true }));
      expect(sought()).toHaveLength(before + 1);
    }
    await look(as({ use: 'used', lastName: auxiliary.name }));
    expect(sought()).toHaveLength(3);
  });

  test('also those that were removed, as long as the agent runs', async () => {
    const { docker, run, look, sought } = await setUp();
    await run('a1', 'first');
    await look();
    await docker.removeContainer('a1', { force: true });
    await run('a2', 'second');
    await look(as({ use: 'used', ip: '172.16.100.31' }));
    expect(sought()).toEqual([[1, 1]]);
  });
});

test('what is on any Docker network of the Trunkline network is seen, with what is asked for by name', async () => {
  const { run, look, docker, kernelShows } = await setUp();
  await run('a1', 'second');
  kernelShows(ip);
  const seen = await look();
  expect(seen?.live).toMatchObject([{ networkId: id(1), ip, name: 'a1', mac }]);
  expect(seen?.kernel).toEqual(new Set([keyOf(address)]));
  expect(seen?.asked.get(keyOf(address))).toMatchObject({ ...address, name: 'a1' });
  expect(seen?.own).toEqual(new Set([`${id(1)}/172.16.100.1`, `${id(1)}/172.16.100.9`]));
  await docker.stopContainer('a1', 0);
  kernelShows();
  const after = await look();
  expect(after?.live).toEqual([]);
  expect(after?.asked.get(keyOf(address))?.name).toBe('a1');
});

test('what only the kernel shows is seen, and what it is is asked for once', async () => {
  const { look, kernelShows, asked } = await setUp();
  kernelShows(ip);
  for (let n = 0; n < 3; n += 1) {
    expect((await look(held))?.live).toMatchObject([{ ip, container: 'netns:401', mac }]);
  }
  expect(asked()).toBe(1);
  kernelShows();
  await look(held);
  kernelShows(ip);
  await look(held);
  expect(asked()).toBe(2);
});

test('the same address on a network with other neighbours is not this one', async () => {
  const { live, run, look, kernelShows } = await setUp();
  await run('elsewhere', 'other');
  kernelShows(ip);
  expect(await look(held)).toMatchObject({ live: [] });
  expect(await live.of(address)).toEqual({ kernel: null, docker: null });
});

describe('the kernel', () => {
  test('that cannot be asked is unknown', async () => {
    const { live, look, kernelFails } = await setUp();
    kernelFails();
    expect(await live.of(address)).toMatchObject({ kernel: 'unknown' });
    expect((await look())?.kernel).toBeNull();
  });

  test('that shows nothing of what Docker shows twice is not believed until it does', async () => {
    const { live, run, look, kernelShows } = await setUp();
    await run('a1', 'first');
    expect((await look())?.kernel).toEqual(new Set());
    expect((await look())?.kernel).toBeNull();
    expect(await live.of({ ...address, ip: '172.16.100.31' })).toMatchObject({ kernel: 'unknown' });
    kernelShows(ip);
    expect((await look())?.kernel).toEqual(new Set([keyOf(address)]));
    expect(await live.of({ ...address, ip: '172.16.100.31' })).toMatchObject({ kernel: null });
  });

  test('that shows a container elsewhere than in the folder of Docker is not looked at in the right place', async () => {
    const { live, run, look, kernelShowsStray } = await setUp();
    await run('a1', 'first');
    kernelShowsStray();
    await look();
    expect((await look())?.kernel).toBeNull();
    expect(await live.of(address)).toMatchObject({ kernel: { name: 'a1' } });
    expect(await live.of({ ...address, ip: '172.16.100.31' })).toMatchObject({ kernel: 'unknown' });
  });

  test('that has shown a container is believed when that one ends and Docker still shows it, until Docker is started again', async () => {
    const { live, run, look, kernelShows, dockerStarts } = await setUp();
    await run('a1', 'first');
    kernelShows(ip);
    await look();
    kernelShows();
    for (let n = 0; n < 3; n += 1) expect((await look())?.kernel).toEqual(new Set());
    expect(await live.of(address)).toMatchObject({ kernel: null });
    dockerStarts();
    await look();
    expect((await look())?.kernel).toBeNull();
  });
});
