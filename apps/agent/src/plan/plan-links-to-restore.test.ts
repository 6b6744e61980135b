/** Which links are set down again after a change that had set them up was undone, and which are never touched. */
import type { DesiredNetwork } from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import type { LinkAddress } from '../host/links.ts';
import { linkAlias, networkLabel } from '../observation/marks.ts';
import type { Observed } from '../observation/observed.ts';
import { planLinksToRestore } from './plan-links-to-restore.ts';
import { createFakeHost, document, id, network, type FakeHost } from '../reconcile/subjects.fixture.ts';

/** Back on ens33, after its second generation had been tried on ens34. */
const undone = network({ generation: 2, force: true });
const global: LinkAddress = { family: 4, address: '10.0.0.2', prefixLength: 24, scope: 'global' };
const subnets = [{ cidr: '10.9.0.0/24' }];
const dockerNetwork = (name: string, parent: string, labels: Record<string, string> = {}) => ({
  name,
  driver: 'macvlan',
  options: { parent },
  labels,
  subnets,
});
const ours = { [networkLabel]: id(1) };

interface Setting {
  readonly host?: (host: FakeHost) => unknown;
  readonly others?: readonly DesiredNetwork[];
  readonly form?: Partial<DesiredNetwork>;
  readonly seen?: Partial<Observed>;
}

/** What is planned for ens34, which is up by now without addresses, in a setting. */
async function plannedFor({ host: change, others = [], form = {}, seen = {} }: Setting): Promise<string> {
  const host = createFakeHost();
  host.links.put({ name: 'ens34', up: true, carrier: true });
  await change?.(host);
  const wanted = { ...undone, ...form };
  const observed: Observed = {
    ...(await host.look(document([wanted, ...others]))),
    defaultRoute: 'ens33',
    linksToRestore: { [id(1)]: { generation: 2, links: ['ens34'] } },
    ...seen,
  };
  const [step, ...more] = planLinksToRestore(wanted, observed, [wanted, ...others]);
  expect(more).toEqual([]);
  if (step !== undefined) expect(step).toMatchObject({ networkId: id(1), link: 'ens34' });
  return step?.do ?? 'nothing';
}

const put = (link: Parameters<FakeHost['links']['put']>[0]): Setting => ({
  host: ({ links }) => links.put(link),
});
const linkLocal: LinkAddress = { family: 6, address: 'fe80::1', prefixLength: 64, scope: 'link' };

describe('is set down again', () => {
  test.each<[string, Setting]>([
    ['with nothing on it', {}],
    [
      'with the address that the kernel gives each link',
      { host: ({ links }) => links.put({ name: 'ens34', up: true, addresses: [linkLocal] }) },
    ],
    [
      'a bridge with the ports it had',
      {
        host: ({ links }) => {
          links.put({ name: 'ens34', up: true, kind: 'bridge' });
          links.put({ name: 'ens35', up: true, master: 'ens34' });
        },
      },
    ],
    [
      'while another network is on another link',
      { others: [network({ id: id(2), name: 'b', parent: 'ens33', vlan: 34 })] },
    ],
    [
      'while another network leaves it',
      { others: [network({ id: id(2), name: 'b', parent: 'ens34', state: 'absent' })] },
    ],
    [
      'while Docker has networks elsewhere',
      {
        host: async ({ docker }) => {
          await docker.createNetwork(dockerNetwork('x', 'ens3'));
          await docker.createNetwork(dockerNetwork('y', 'ens345'));
        },
      },
    ],
  ])('%s', async (_, setting) => {
    expect(await plannedFor(setting)).toBe('set-link-down');
  });
});

describe('is left as it is, for good,', () => {
  test.each<[string, Setting]>([
    ['where it is gone', { host: ({ links }) => links.takeAway('ens34') }],
    ['where it is down already', put({ name: 'ens34' })],
    ['with the default route', { seen: { defaultRoute: 'ens34' } }],
    ['with an address', put({ name: 'ens34', up: true, addresses: [linkLocal, global] })],
    [
      'with a global address that a router made',
      put({ name: 'ens34', up: true, addresses: [{ ...linkLocal, scope: 'global' }] }),
    ],
    [
      'with an IPv4 address of link scope, which somebody chose',
      put({ name: 'ens34', up: true, addresses: [{ ...global, scope: 'link' }] }),
    ],
    ['as a port of something', put({ name: 'ens34', up: true, master: 'br0' })],
    ['as a sub-interface of ours', put({ name: 'ens34', up: true, alias: linkAlias(id(3)) })],
    ['with the sub-interface of somebody else', put({ name: 'ens34.7', parent: 'ens34', kind: 'vlan' })],
    [
      'with the sub-interface of another network',
      put({ name: 'ens34.7', parent: 'ens34', kind: 'vlan', alias: linkAlias(id(2)) }),
    ],
    ['with the macvlan of somebody else', put({ name: 'mv0', parent: 'ens34', kind: 'macvlan' })],
    ['where another network uses it', { others: [network({ id: id(2), name: 'b', parent: 'ens34' })] }],
    [
      'where another network has a VLAN on it',
      { others: [network({ id: id(2), name: 'b', parent: 'ens34', vlan: 7 })] },
    ],
    ['where the old form of the network uses it as well', { form: { parent: 'ens34', vlan: 7 } }],
    [
      'where another network takes the default route, which leads over it',
      { others: [network({ id: id(2), name: 'b', parent: null })], seen: { defaultRoute: 'ens34' } },
    ],
    [
      'with a Docker network by hand',
      { host: ({ docker }) => docker.createNetwork(dockerNetwork('x', 'ens34')) },
    ],
    [
      'with a Docker network by hand on a VLAN of it',
      { host: ({ docker }) => docker.createNetwork(dockerNetwork('x', 'ens34.9')) },
    ],
    [
      'with the Docker network of another network of ours',
      { host: ({ docker }) => docker.createNetwork(dockerNetwork('b', 'ens34', { [networkLabel]: id(2) })) },
    ],
  ])('%s', async (_, setting) => {
    expect(await plannedFor(setting)).toBe('forget-link-to-restore');
  });
});

describe('is waited for', () => {
  test.each<[string, Setting]>([
    [
      'while the Docker network of the change is still there',
      { host: ({ docker }) => docker.createNetwork(dockerNetwork('mac_net1', 'ens34', ours)) },
    ],
    [
      'while the sub-interface of the change is still there',
      {
        host: ({ links }) =>
          links.put({ name: 'ens34.7', parent: 'ens34', kind: 'vlan', alias: linkAlias(id(1)) }),
      },
    ],
    ['while Docker is silent', { host: ({ docker }) => docker.setReachable(false) }],
  ])('%s', async (_, setting) => {
    expect(await plannedFor(setting)).toBe('nothing');
  });
});

test('nothing is planned for a network without such links, or when another generation is tried by now', async () => {
  expect(await plannedFor({ seen: { linksToRestore: {} } })).toBe('nothing');
  expect(
    await plannedFor({ seen: { linksToRestore: { [id(2)]: { generation: 2, links: ['ens34'] } } } }),
  ).toBe('nothing');
  expect(await plannedFor({ form: { generation: 3 } })).toBe('nothing');
});
