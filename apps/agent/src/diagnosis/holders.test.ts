/** Two machines with one address: a diagnosis asks the wire itself, and does not wait until somebody hears the other one. */
import { describe, expect, test } from 'vitest';
import { createFakeHost, document, network, type FakeHost } from '../reconcile/subjects.fixture.ts';
import type { Ask, ProbeAnswer } from '../wire/address-probe.ts';
import { holdersExaminer } from './holders.ts';
import { examine, sceneOn, shown } from './scene.fixture.ts';

const own = '02:42:ac:10:64:0a';
const other = '02:00:00:00:66:66';
const router = '02:00:00:00:00:01';

/** One that cannot be asked. */
const deaf: Ask = async () => ({ answer: 'unknown', reason: 'nft is not installed' });

/** A wire where these MACs answer for these addresses. */
const wire =
  (stations: Readonly<Record<string, readonly string[]>>): Ask =>
  async ({ ip, known = [] }): Promise<ProbeAnswer> => {
    const mac = stations[ip]?.find((one) => !known.includes(one));
    return mac === undefined ? { answer: 'clear' } : { answer: 'taken', mac };
  };

async function boxHost(): Promise<FakeHost> {
  const host = createFakeHost();
  await host.settle(document([network()]));
  await host.docker.createContainer({
    name: 'box1',
    image: 'busybox',
    attachments: [{ network: 'mac_net1', ipv4: '172.16.100.10' }],
  });
  await host.docker.startContainer('box1');
  return host;
}

async function found(recheck: Ask, wanted = network()) {
  const scene = await sceneOn(await boxHost(), [wanted], ['box1'], { recheck });
  return await examine(holdersExaminer, scene);
}
const well = { '172.16.100.10': [own], '172.16.100.1': [router] };
const passthru = network({ mode: 'passthru' });

test.each<[string, Readonly<Record<string, readonly string[]>>, readonly string[], typeof passthru?]>([
  ['nothing where a container and a gateway answer alone', well, []],
  ['nothing of a gateway that nobody has', { '172.16.100.10': [own] }, []],
  ['nothing on a link that one container has for itself', { '172.16.100.10': [other] }, [], passthru],
  [
    'another machine with the address of a container, which answers first or last',
    { ...well, '172.16.100.10': [own, other] },
    ['address-foreign: address 172.16.100.10 of network mac_net1'],
  ],
  [
    'a second gateway',
    { ...well, '172.16.100.1': [router, other] },
    ['gateway-two-macs: gateway 172.16.100.1 of network mac_net1'],
  ],
  [
    'both',
    { '172.16.100.10': [other, own], '172.16.100.1': [other, router] },
    [
      'address-foreign: address 172.16.100.10 of network mac_net1',
      'gateway-two-macs: gateway 172.16.100.1 of network mac_net1',
    ],
  ],
])('finds %s', async (_, stations, finds, wanted = network()) => {
  const { findings } = await found(wire(stations), wanted);
  expect(shown(findings)).toEqual(finds);
  expect(findings.every(({ evidence }) => evidence.some((line) => line.includes(other)))).toBe(true);
});

describe('an address inside a container that Docker did not give it', () => {
  const third = '02:42:ac:10:64:14';
  const shownInside = (address: string, local = '172.16.100.10'): string =>
    JSON.stringify([
      {
        ifindex: 1,
        ifname: 'lo',
        flags: ['UP'],
        addr_info: [{ family: 'inet', local: address, prefixlen: 32, scope: 'global' }],
      },
      {
        ifindex: 2,
        ifname: 'eth0',
        address: own,
        flags: ['UP'],
        addr_info: [{ family: 'inet', local, prefixlen: 24, scope: 'global' }],
      },
    ]);

  async function foundInside(address: string, stations: Readonly<Record<string, readonly string[]>>) {
    const host = await boxHost();
    const { pid } = await host.docker.container('box1');
    const program = `nsenter --net=/proc/${pid}/ns/net -- ip -json -details address show`;
    const programs = { [program]: shownInside(address) };
    const scene = await sceneOn(host, [network()], ['box1'], { recheck: wire(stations), programs });
    return (await examine(holdersExaminer, scene)).findings;
  }

  test('is found where another machine answers for it, also when only that container is asked about', async () => {
    const [finding, ...others] = await foundInside('172.16.100.20', {
      ...well,
      '172.16.100.20': [own, third],
    });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      code: 'address-foreign',
      message: expect.stringContaining(`has 172.16.100.20 on its interface lo`),
      remedy: expect.stringContaining('ip address del 172.16.100.20/32 dev lo inside box1'),
    });
    expect(finding?.evidence.join('\n')).toContain(third);
  });

  test.each([
    ['a virtual address that nobody else has', '172.16.100.99', { ...well, '172.16.100.99': [own] }],
    ['one of another subnet', '10.9.9.9', { ...well, '10.9.9.9': [third] }],
  ])('is no fault where it is %s', async (_, address, stations) => {
    expect(await foundInside(address, stations)).toEqual([]);
  });
});

test('asked once more, where it could not be asked the first time', async () => {
  const asked = new Set<string>();
  const { findings } = await found(async (request, signal) => {
    if (asked.has(request.ip)) return await wire(well)(request, signal);
    asked.add(request.ip);
    return await deaf(request, signal);
  });
  expect(findings).toEqual([]);
});

test('not looked, where the wire cannot be asked', async () => {
  await expect(found(deaf)).rejects.toThrow('nft is not installed');
});
