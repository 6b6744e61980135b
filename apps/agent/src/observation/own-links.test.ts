/** Promise 6: nothing that a network asks for takes the host off its own network, as a table. */
import type { DesiredNetwork } from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import type { Link, LinkAddress } from '../host/links.ts';
import { whyHarmfulNow } from '../plan/passthru-harm.ts';
import { planHost } from '../plan/plan.ts';
import {
  container,
  createFakeHost,
  document,
  id,
  network,
  type FakeHost,
} from '../reconcile/subjects.fixture.ts';

const address = (text: string, change: Partial<LinkAddress> = {}): LinkAddress => ({
  family: text.includes(':') ? 6 : 4,
  address: text,
  prefixLength: 24,
  scope: 'global',
  ...change,
});
const lan = address('172.16.1.30');
const nic = (name: string, change: Partial<Link> = {}) => ({
  name,
  up: true,
  carrier: true,
  promiscuous: true,
  ...change,
});
const on = (parent: string, name: string, kind: string, change: Partial<Link> = {}) =>
  nic(name, { kind, parent, ...(kind === 'vlan' ? { vlanId: 10 } : {}), ...change });

interface Row {
  name: string;
  links: (Partial<Link> & { name: string })[];
  want?: Partial<DesiredNetwork>;
  /** Link of the default route; none when left out. */
  route?: string;
  /** What the refusal names; null: it is not refused. */
  refused: RegExp | null;
}

const rows: Row[] = [
  {
    name: 'a NIC with an address of the host',
    links: [nic('ens33', { addresses: [lan] })],
    refused: /172\.16\.1\.30/,
  },
  {
    name: 'a NIC with an IPv6 address of the host',
    links: [nic('ens33', { addresses: [address('2001:db8::30')] })],
    refused: /2001:db8::30/,
  },
  {
    name: 'a NIC without an address that has the default route',
    links: [nic('ens33')],
    route: 'ens33',
    refused: /default route/,
  },
  {
    name: 'the NIC that is taken by default, since no parent is named',
    links: [nic('ens33', { addresses: [lan] })],
    route: 'ens33',
    want: { parent: null },
    refused: /ens33.*172\.16\.1\.30/,
  },
  {
    name: 'a bond with the address',
    links: [nic('bond0', { kind: 'bond', addresses: [lan] }), nic('ens33', { master: 'bond0' })],
    want: { parent: 'bond0' },
    refused: /bond0/,
  },
  {
    name: 'a bridge with the address',
    links: [nic('br0', { kind: 'bridge', addresses: [lan] }), nic('ens33', { master: 'br0' })],
    want: { parent: 'br0' },
    refused: /br0/,
  },
  {
    name: 'a port of the bridge that has the address',
    links: [nic('br0', { kind: 'bridge', addresses: [lan] }), nic('ens33', { master: 'br0' })],
    refused: /port of br0/,
  },
  {
    name: 'a VLAN link with the address, named as parent',
    links: [nic('ens33'), on('ens33', 'ens33.10', 'vlan', { addresses: [lan] })],
    want: { parent: 'ens33.10' },
    refused: /ens33\.10/,
  },
  {
    name: 'a VLAN link with the address, meant by parent and VLAN',
    links: [nic('ens33'), on('ens33', 'ens33.10', 'vlan', { addresses: [lan] })],
    want: { vlan: 10 },
    refused: /ens33\.10/,
  },
  {
    name: 'the NIC under a VLAN link with the address',
    links: [nic('ens33'), on('ens33', 'ens33.10', 'vlan', { addresses: [lan] })],
    refused: /the parent of ens33\.10 is ens33/,
  },
  {
    name: 'the NIC under a VLAN under a bridge with the default route',
    links: [nic('ens33'), on('ens33', 'vlan10', 'vlan', { master: 'br0' }), nic('br0', { kind: 'bridge' })],
    route: 'br0',
    refused: /the parent of br0 is ens33.*default route/,
  },
  {
    name: 'a macvlan of the host, which the kernel takes the NIC below for',
    links: [nic('ens33', { addresses: [lan] }), on('ens33', 'shim', 'macvlan')],
    want: { parent: 'shim' },
    refused: /gives ens33/,
  },
  {
    name: 'the same with force',
    links: [nic('ens33', { addresses: [lan] })],
    want: { force: true },
    refused: /172\.16\.1\.30/,
  },
  {
    name: 'a NIC with a link-local IPv6 address alone, which the kernel gives to each',
    links: [
      nic('ens33', { addresses: [lan] }),
      nic('ens34', { addresses: [address('fe80::1', { scope: 'link' })] }),
    ],
    want: { parent: 'ens34' },
    refused: null,
  },
  {
    name: 'a VLAN of its own over the NIC with the address',
    links: [nic('ens33', { addresses: [lan] })],
    route: 'ens33',
    want: { vlan: 10 },
    refused: null,
  },
  ...(['bridge', 'private', 'vepa'] as const).map((mode) => ({
    name: `the NIC with the address in mode ${mode}`,
    links: [nic('ens33', { addresses: [lan] })],
    route: 'ens33',
    want: { mode },
    refused: null,
  })),
];

async function hostWith({ links, route }: Pick<Row, 'links' | 'route'>): Promise<FakeHost> {
  const host = createFakeHost();
  host.links.takeAway('ens33');
  for (const link of links) host.links.put(link);
  host.kernel.setDefaultRoute(route ?? null);
  return host;
}

describe('passthru', () => {
  test.each(rows)('$name', async ({ links, route, want, refused }) => {
    const host = await hostWith({ links, ...(route === undefined ? {} : { route }) });
    const wanted = network({ mode: 'passthru', ...want });
    const desired = document([wanted], [container()]);
    const { networks, containers } = planHost(desired, await host.look(desired));
    const plan = networks.get(wanted.id)!();
    const box = containers.get(id(101))!();
    if (refused === null) {
      expect(plan.steps.map((step) => step.do)).toContain('create-network');
      expect(await whyHarmfulNow(wanted, host.sources)).toBeNull();
      return;
    }
    expect([...plan.steps, ...box.steps]).toEqual([]);
    expect(plan.conditions.at(-1)).toMatchObject({ type: 'Ready', status: 'False' });
    expect(plan.conditions.at(-1)!.message).toMatch(refused);
    expect(box.conditions.at(-1)!.message).toMatch(refused);
  });

  test.each<[string, Pick<Row, 'links' | 'route'>, RegExp | null]>([
    [
      'no address anywhere, as before DHCP answered',
      { links: [nic('ens33'), nic('ens34')] },
      /may need ens34/,
    ],
    [
      'addresses that the kernel gives alone',
      { links: [nic('ens33', { addresses: [address('fe80::1', { scope: 'link' })] }), nic('ens34')] },
      /may need ens34/,
    ],
    [
      'an address on a bridge of Docker alone, whose ports are containers',
      {
        links: [
          nic('ens34'),
          nic('docker0', { kind: 'bridge', addresses: [address('172.17.0.1')] }),
          nic('veth1', { kind: 'veth', master: 'docker0' }),
        ],
      },
      /may need ens34/,
    ],
    [
      'its address on the bridge over another NIC',
      {
        links: [
          nic('ens33', { master: 'br0' }),
          nic('br0', { kind: 'bridge', addresses: [lan] }),
          nic('ens34'),
        ],
      },
      null,
    ],
    [
      'its address on another NIC, and no route',
      { links: [nic('ens33', { addresses: [lan] }), nic('ens34')] },
      null,
    ],
    ['a default route over another NIC', { links: [nic('ens33'), nic('ens34')], route: 'ens33' }, null],
    [
      'no address anywhere, and the link is one that we made',
      { links: [nic('ens33'), on('ens33', 'ens34', 'vlan', { alias: `trunkline:${id(1)}` })] },
      null,
    ],
  ])('a container starts while the host has %s', async (_, links, refused) => {
    const host = await hostWith(links);
    const harm = await whyHarmfulNow(network({ mode: 'passthru', parent: 'ens34' }), host.sources);
    if (refused === null) expect(harm).toBeNull();
    else expect(harm).toMatch(refused);
  });

  test('no container starts on the NIC of the default route while there is none yet', async () => {
    const host = await hostWith({ links: [nic('ens33')] });
    expect(await whyHarmfulNow(network({ mode: 'passthru', parent: null }), host.sources)).toMatch(
      /no default route yet/,
    );
    expect(await whyHarmfulNow(network({ parent: null }), host.sources)).toBeNull();
  });

  test('changed from bridge to passthru: what is there stays, containers and all', async () => {
    const host = await hostWith({ links: [nic('ens33', { addresses: [lan] })], route: 'ens33' });
    await host.settle(document([network()], [container()]));
    host.changes();
    const changed = document([network({ mode: 'passthru', force: true, generation: 2 })], [container()]);
    expect(await host.settle(changed)).toEqual([]);
    expect(host.changes()).toEqual([]);
    const plan = planHost(changed, await host.look(changed)).networks.get(id(1))!();
    expect(plan.conditions.find(({ type }) => type === 'ParentReady')).toMatchObject({
      status: 'False',
      reason: 'HostNeedsParent',
    });
  });

  test('the default route moves to its NIC later: nothing more starts on it, and Docker gets no address', async () => {
    const host = await hostWith({ links: [nic('ens33'), nic('ens34')], route: 'ens33' });
    const wanted = network({ mode: 'passthru', parent: 'ens34' });
    await host.settle(document([wanted]));
    expect(await whyHarmfulNow(wanted, host.sources)).toBeNull();
    host.kernel.setDefaultRoute('ens34');
    expect(await whyHarmfulNow(wanted, host.sources)).toMatch(/ens34.*default route/);
    expect(await host.steps(document([wanted], [container()]))).toEqual([]);
  });

  test('a Docker network of somebody else in passthru is not adopted where the host needs its NIC', async () => {
    const host = await hostWith({ links: [nic('ens33', { addresses: [lan] })] });
    await host.docker.behindOurBack.createNetwork({
      name: 'mac_net1',
      driver: 'macvlan',
      options: { parent: 'ens33', macvlan_mode: 'passthru' },
      subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
    });
    expect(await host.steps(document([network({ mode: 'passthru' })], [container()]))).toEqual([]);
  });
});

test('a VLAN link that we made stays while the host has an address on it, also when its network goes', async () => {
  const ours = on('ens33', 'ens33.10', 'vlan', { alias: `trunkline:${id(1)}` });
  const absent = document([network({ state: 'absent', vlan: 10 })]);
  const host = await hostWith({ links: [nic('ens33'), ours] });
  expect((await host.steps(absent)).map((step) => step.do)).toEqual(['remove-link']);
  host.links.put({ ...ours, addresses: [address('172.16.10.30')] });
  expect(await host.steps(absent)).toEqual([]);
});

test('the MTU of a NIC is never changed, and no mark of ours makes it a link to remove', async () => {
  const uplink = nic('ens33', { addresses: [lan], mtu: 1500, alias: `trunkline:${id(1)}` });
  const host = await hostWith({ links: [uplink], route: 'ens33' });
  const steps = await host.steps(document([network({ mtu: 1400 })]));
  expect(steps.map((step) => step.do)).toEqual(['create-network']);
  const gone = await host.steps(document([network({ state: 'absent' })]));
  expect(gone).toEqual([]);
});
