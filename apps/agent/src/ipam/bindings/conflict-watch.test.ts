/** Addresses in use that something foreign takes as well: found, shown as long as it lasts, and never made up. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createFakeDockerEngine } from '../../host/docker-engine.fake.ts';
import { ipamNetworkOption } from '../../observation/marks.ts';
import { standsFor } from '../../observation/stands-for.ts';
import { createManualTime, turns } from '../../lib/manual-time.fake.ts';
import type { ProbeAnswer } from '../../wire/address-probe.ts';
import { createConflictWatch } from './conflict-watch.ts';
import type { AddressOnWire } from './network-wire.ts';

const networkId = '0192f0c1-6d7e-7a52-9c1b-000000000001';
const foreign = '02:00:00:aa:00:01';
const roundMs = 36_000;

async function setUp() {
  const docker = createFakeDockerEngine({ version: '28.0.1' });
  docker.addImage('busybox');
  await docker.createNetwork({
    name: 'lan',
    driver: 'macvlan',
    options: { parent: 'ens33' },
    labels: {},
    ipamDriver: 'trunkline',
    ipamOptions: { [ipamNetworkOption]: networkId },
    subnets: [{ cidr: '172.16.0.0/16', gateway: '172.16.0.1' }],
  });
  const stations = new Map<string, string>();
  const rounds: AddressOnWire[][] = [];
  let asked: AddressOnWire[] = [];
  let deaf = false;
  const time = createManualTime();
  const changes: number[] = [];
  const look = async (): Promise<void> => {
    const networks = await docker.networks();
    const containers = await docker.containers();
    const rest = {
      details: new Map(),
      failedStarts: [],
      interfaces: new Map(),
      routes: new Map(),
      images: new Set<string>(),
      outage: null,
    };
    const version = await docker.version();
    watch.onObservation({ docker: { reachable: true, version, networks, containers, ...rest } });
  };
  const watch = createConflictWatch({
    wire: {
      ask: async (how, about): Promise<ProbeAnswer> => {
        expect(how).toBe('recheck');
        asked.push(about);
        if (deaf) return { answer: 'unknown', reason: 'nobody listens' };
        const mac = stations.get(about.ip);
        return mac === undefined || about.known?.includes(mac)
          ? { answer: 'clear' }
          : { answer: 'taken', mac };
      },
    },
    standsFor: (network) => standsFor(network, { networks: [], held: [] }),
    look,
    onChange: () => void changes.push(time.now()),
    timing: time,
    log: pino({ level: 'silent' }),
  });
  const ended = new AbortController();
  const running = watch.run(ended.signal);
  return {
    docker,
    stations,
    watch,
    look,
    changes,
    rounds,
    asked: () => asked.map(({ ip }) => ip),
    deafen: (to: boolean) => void (deaf = to),
    run: async (name: string, ip: string) => {
      await docker.createContainer({ name, image: 'busybox', attachments: [{ network: 'lan', ipv4: ip }] });
      await docker.startContainer(name);
      await look();
    },
    round: async (): Promise<readonly string[]> => {
      asked = [];
      await time.advance(roundMs);
      await turns();
      return asked.map(({ ip }) => ip);
    },
    end: async () => {
      ended.abort();
      await running;
    },
  };
}

test('a station that comes later is a conflict, until it has gone, and is asked for in each round', async () => {
  const at = await setUp();
  await at.run('box1', '172.16.0.17');
  expect(await at.round()).toEqual(['172.16.0.17']);
  expect(at.watch.conflicts()).toEqual([]);
  at.stations.set('172.16.0.17', foreign);
  await at.round();
  const conflict = { networkId, ip: '172.16.0.17', container: 'box1', mac: foreign };
  expect(at.watch.conflicts()).toEqual([conflict]);
  await at.round();
  expect(at.changes).toHaveLength(1);
  // That nobody could look says nothing.
  at.deafen(true);
  await at.round();
  expect(at.watch.conflicts()).toEqual([conflict]);
  at.deafen(false);
  at.stations.clear();
  await at.round();
  expect(at.watch.conflicts()).toEqual([]);
  expect(at.changes).toHaveLength(2);
  await at.end();
});

test('an address that nobody could ask for when it was granted is asked for once its container has it', async () => {
  const at = await setUp();
  at.stations.set('172.16.0.17', foreign);
  at.watch.soon({ networkId, ip: '172.16.0.17' });
  await at.look();
  await turns();
  expect(at.asked()).toEqual([]);
  await at.run('box1', '172.16.0.17');
  await turns();
  expect(at.watch.conflicts()).toMatchObject([{ container: 'box1', mac: foreign }]);
  await at.end();
});

test('a container that went takes its conflict with it', async () => {
  const at = await setUp();
  await at.run('box1', '172.16.0.17');
  at.stations.set('172.16.0.17', foreign);
  await at.round();
  expect(at.watch.conflicts()).toHaveLength(1);
  await at.docker.stopContainer('box1', 1);
  await at.look();
  expect(at.watch.conflicts()).toEqual([]);
  await at.end();
});

test('a container that was started again since it was seen, with another MAC, is nobody foreign', async () => {
  const at = await setUp();
  await at.run('box1', '172.16.0.17');
  // It answers with a MAC that no look has seen; the next look, which the suspicion causes, sees it.
  await at.docker.stopContainer('box1', 1);
  await at.docker.startContainer('box1');
  const [box] = await at.docker.containers();
  at.stations.set('172.16.0.17', box!.endpoints[0]!.mac!);
  await at.round();
  expect(at.watch.conflicts()).toEqual([]);
  await at.end();
});

test('what a round asks for is bounded, in turn, and what is in conflict comes first', async () => {
  const at = await setUp();
  for (let n = 1; n <= 70; n += 1) await at.run(`box${n}`, `172.16.1.${n}`);
  const first = await at.round();
  expect(first).toHaveLength(64);
  at.stations.set(first[0]!, foreign);
  const second = await at.round();
  const missing = Array.from({ length: 70 }, (_, n) => `172.16.1.${n + 1}`).filter(
    (ip) => !first.includes(ip),
  );
  expect(second.slice(0, 6)).toEqual(missing);
  await at.round();
  expect((await at.round())[0]).toBe(first[0]);
  await at.end();
});
