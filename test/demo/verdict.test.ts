import {
  connectivityOf,
  type Check,
  type Container,
  type Network,
  type Placement,
} from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import { shortJson } from './narrator.ts';
import { judge, type Seen } from './verdict.ts';

const expected = {
  networks: ['mac_net1'],
  reach: [
    ['box1', 'box2'],
    ['box2', 'box1'],
  ] as const,
  apart: [],
  hosts: ['docker01', 'docker02'],
  addresses: { box1: '172.16.100.10', box2: '172.16.100.20' },
};
const macs: Record<string, string> = { box1: '02:42:ac:10:64:0a', box2: '02:42:ac:10:64:14' };

const container = (name: 'box1' | 'box2', mac: string | null = macs[name]!): Container =>
  ({
    name,
    running: true,
    observed: { state: 'running' },
    attachments: [{ network: 'mac_net1', address: expected.addresses[name], observedMac: mac }],
  }) as unknown as Container;

const placement = (host: string, status = 'True'): Placement =>
  ({
    host,
    network: 'mac_net1',
    conditions: [{ type: 'Ready', status, message: 'there' }],
  }) as unknown as Placement;

const check = (from: 'box1' | 'box2', to: 'box1' | 'box2', received = 5, mac = macs[to]!): Check =>
  ({
    from: { container: from },
    to: { container: to },
    result: { byAddress: [{ address: expected.addresses[to], sent: 5, received, mac }] },
    error: null,
  }) as unknown as Check;

const good: Seen = {
  networks: [{ name: 'mac_net1', status: { ready: true, conditions: [] } } as unknown as Network],
  placements: expected.hosts.map((host) => placement(host)),
  containers: [container('box1'), container('box2')],
  checks: [check('box1', 'box2'), check('box2', 'box1')],
};

const failed = (change: Partial<Seen>): readonly string[] =>
  judge({ ...good, ...change }, expected)
    .filter(({ held }) => !held)
    .map(({ promise }) => promise);

const apart = (checks: readonly Check[]): boolean =>
  judge({ ...good, checks }, { ...expected, reach: [], apart: [['box1', 'box2']] }).every(({ held }) => held);

describe('the demo reports that S1 passed', () => {
  test('when all of it did', () => {
    expect(failed({})).toEqual([]);
    expect(judge(good, expected)).toHaveLength(8);
  });

  test.each<[string, Partial<Seen>, string]>([
    [
      'a host has no network',
      { placements: [placement('docker01')] },
      'network mac_net1 is ready on docker02',
    ],
    [
      'a host is not ready',
      { placements: [placement('docker01'), placement('docker02', 'Unknown')] },
      'network mac_net1 is ready on docker02',
    ],
    [
      'a container is missing',
      { containers: [container('box1')], checks: good.checks },
      'box2 runs with address 172.16.100.20',
    ],
    [
      'both have one MAC',
      { containers: [container('box1'), container('box2', macs['box1'])] },
      'each container has a MAC of its own',
    ],
    [
      'a MAC was not seen',
      { containers: [container('box1', null), container('box2')] },
      'each container has a MAC of its own',
    ],
    [
      'one reply is lost',
      { checks: [check('box1', 'box2', 4), check('box2', 'box1')] },
      'box1 pings box2 at 172.16.100.20 without loss',
    ],
    [
      'only one way was tried',
      { checks: [check('box1', 'box2')] },
      'box2 pings box1 at 172.16.100.10 without loss',
    ],
    [
      'somebody else answered',
      { checks: [check('box1', 'box2', 5, '02:00:00:00:00:66'), check('box2', 'box1')] },
      'box1 pings box2 at 172.16.100.20 without loss',
    ],
  ])('not when %s', (_, change, promise) => {
    expect(failed(change)).toContain(promise);
  });

  test('not when the network is not ready', () => {
    const network = { name: 'mac_net1', status: { ready: false, conditions: [] } } as unknown as Network;
    expect(failed({ networks: [network] })).toEqual(['network mac_net1 is ready']);
  });

  test('not when one that must be kept apart answers, or was not pinged at all', () => {
    const silent = { ...check('box1', 'box2', 0) };
    connectivityOf(silent)!.byAddress[0]!.error = null;
    expect(apart([silent])).toBe(true);
    expect(apart([check('box1', 'box2', 1)])).toBe(false);
    expect(apart([])).toBe(false);
  });
});

test('a request is shown in one line where it fits, else with a field a line', () => {
  expect(shortJson({ a: 1, b: ['x', 'y'] })).toBe('{ "a": 1, "b": ["x", "y"] }');
  expect(shortJson({ a: 1, b: 2 }, 10)).toBe('{\n  "a": 1,\n  "b": 2\n}');
  expect(JSON.parse(shortJson({ a: { b: [1, { c: 'ö' }] } }, 8))).toEqual({ a: { b: [1, { c: 'ö' }] } });
});
