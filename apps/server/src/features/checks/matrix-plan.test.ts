import { matrixBounds } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import {
  acrossHosts,
  hostTasks,
  ringOf,
  ringPairs,
  type MatrixMember,
  type MatrixPlan,
} from './matrix-plan.ts';

const member = (host: number, index: number, families = 1): MatrixMember => ({
  hostId: `id-${host}`,
  host: `docker0${host}`,
  name: `box-${host}-${index}`,
  addresses: ['10.0.0.1', 'fd00::1'].slice(0, families),
});
/** So many containers on each of so many hosts, host by host. */
const fleet = (hosts: number, each: number, families = 1): MatrixMember[] =>
  Array.from({ length: hosts * each }, (_, index) =>
    member(Math.floor(index / each), index % each, families),
  );

test('a few containers try each other in both directions', () => {
  const { members, others } = ringOf(fleet(2, 2));
  const pairs = ringPairs(members.length, others);
  expect(pairs).toHaveLength(12);
  expect(new Set(pairs.map(([from, to]) => `${from}>${to}`)).size).toBe(12);
  expect(pairs.every(([from, to]) => from !== to)).toBe(true);
});

test.each([
  [0, 0, 1],
  [1, 1, 1],
  [2, 16, 1],
  [2, 16, 2],
  [2, 200, 1],
  [1, 600, 2],
  [100, 3, 1],
  [100, 50, 2],
])(
  'whatever there is, what is tried stays in its bounds and goes on evenly: %i hosts with %i containers of %i addresses',
  (hosts, each, families) => {
    const { members, others } = ringOf(acrossHosts(fleet(hosts, each, families)));
    const pairs = ringPairs(members.length, others);
    expect(pairs.length * families).toBeLessThanOrEqual(matrixBounds.tries);
    const ofHost = Map.groupBy(pairs, ([from]) => members[from]?.host);
    for (const those of ofHost.values())
      expect(those.length * families).toBeLessThanOrEqual(matrixBounds.triesOfHost);
    const tried = Map.groupBy(pairs, ([, to]) => to);
    for (const [place] of members.entries()) expect(tried.get(place)?.length ?? 0).toBe(others);
    if (members.length > 1) expect(others).toBeGreaterThan(0);
  },
);

test('32 containers on two hosts are all tried, 33 are a sample', () => {
  expect(ringOf(fleet(2, 16)).others).toBe(31);
  expect(ringOf(fleet(3, 11)).others).toBe(32);
  expect(ringOf(fleet(2, 17)).others).toBeLessThan(33);
});

test('in the order of the ring neighbours are on different hosts', () => {
  const hosts = acrossHosts(fleet(3, 4)).map(({ host }) => host);
  expect(hosts.every((host, place) => host !== hosts[(place + 1) % hosts.length])).toBe(true);
});

const plan: MatrixPlan = {
  network: null,
  pairs: [],
  port: null,
  names: true,
  count: 3,
  timeoutSeconds: 30,
  hosts: [
    { id: 'a', name: 'docker01', left: null },
    { id: 'b', name: 'docker02', left: null },
  ],
  targets: [
    { container: 'box2', host: 'docker02', gateway: null, addresses: ['10.0.0.2', 'fd00::2'] },
    { container: null, host: null, gateway: 'lan', addresses: ['10.0.0.254'] },
  ],
  tries: [
    { host: 0, container: 'box1', target: 0, address: '10.0.0.2', port: 80, limit: null },
    { host: 1, container: 'box2', target: 1, address: '10.0.0.254', port: null, limit: null },
    { host: 0, container: 'box1', target: 0, address: 'fd00::2', port: 80, limit: null },
    { host: 0, container: null, target: 0, address: '10.0.0.2', port: null, limit: null },
    { host: 0, container: 'box1', target: 1, address: null, port: null, limit: null },
  ],
  sample: null,
};

test('a host is asked for its own tries, and for each name once; names are for containers', () => {
  expect(hostTasks(plan)[0]).toEqual({
    task: {
      sources: ['box1', null],
      tries: [
        { from: 0, address: '10.0.0.2', port: 80 },
        { from: 0, address: 'fd00::2', port: 80 },
        { from: 1, address: '10.0.0.2', port: null },
      ],
      names: [{ from: 0, name: 'box2' }],
      count: 3,
      seconds: 24,
    },
    tries: [0, 2, 3],
    names: ['0 box1'],
  });
  expect(hostTasks(plan)[1]?.task).toMatchObject({ sources: ['box2'], names: [] });
});

test.each([
  [5, 20],
  [5, 1],
  [120, 20],
])(
  'the last try ends before the check does, where there is time at all: %i s, %i echoes',
  (timeoutSeconds, count) => {
    const seconds = hostTasks({ ...plan, timeoutSeconds, count })[0]?.task.seconds ?? 0;
    expect(seconds).toBeGreaterThanOrEqual(1);
    if (timeoutSeconds > 10) expect(seconds + count * 0.2 + 1).toBeLessThan(timeoutSeconds);
  },
);
