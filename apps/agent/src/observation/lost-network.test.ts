/** How a network that Docker lists and lost is distinguished from one that is whole, and what it takes for that. */
import { describe, expect, test } from 'vitest';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import { isDead, lostNetworkIn, removedNetworkIn, containersThatShowLoss } from './lost-network.ts';
import { containerLabel, networkLabel } from './marks.ts';
import type { ObservedDocker } from './observed.ts';
import { createFakeHost, document, id, network } from '../reconcile/subjects.fixture.ts';

const networkId = 'a'.repeat(64);

test.each<[string, string | null, string | null]>([
  [
    '20.10',
    `failed to create endpoint byhand on network mac_net1: network id "${networkId}" not found`,
    networkId,
  ],
  [
    'an Engine that puts words before and after',
    `failed to set up container networking: network id "${networkId}" not found (try later)`,
    networkId,
  ],
  ['a network that was removed', `network ${networkId} not found`, null],
  ['the driver that is not there', 'plugin "trunkline" not found', null],
  ['no failure', null, null],
])('the words of %s', (_, error, expected) => {
  expect(lostNetworkIn(error)).toBe(expected);
});

test.each<[string, string | null, string | null]>([
  ['20.10', `network ${networkId} not found`, networkId],
  [
    'an Engine that puts words before',
    `failed to set up container networking: network ${networkId} not found`,
    networkId,
  ],
  ['one that Docker lost', `network id "${networkId}" not found`, null],
  ['a name', 'network mac_net1 not found', null],
  ['no failure', null, null],
])('the words of a network that was removed: %s', (_, error, expected) => {
  expect(removedNetworkIn(error)).toBe(expected);
});

interface Member {
  readonly status: string;
  readonly of?: 'trunkline';
  readonly lost?: boolean;
  readonly other?: string;
}

/** mac_net1 of ours with containers on it; `lost`: the last start failed since Docker lost it. */
async function seenWith(members: readonly Member[]): Promise<ObservedDocker> {
  const host = createFakeHost();
  await host.settle(document([network()]));
  const docker = host.docker.behindOurBack;
  const made = await docker.network('mac_net1');
  const details = await Promise.all(
    members.map(async ({ status, of, lost = false, other }, at): Promise<DockerContainerDetail> => {
      const labels = of === undefined ? {} : { [containerLabel]: id(101) };
      const attachments = [{ network: 'mac_net1' }];
      const { id: one } = await docker.createContainer({
        name: `c${at}`,
        image: 'busybox',
        labels,
        attachments,
      });
      const error = other ?? (lost ? `network id "${made.id}" not found` : null);
      return { ...(await docker.container(one)), status: status as 'exited', error };
    }),
  );
  const { docker: seen } = await host.look(document([network()]));
  if (!seen.reachable) throw new Error('unreachable');
  return { ...seen, containers: details, details: new Map(details.map((one) => [one.id, one])) };
}
const ours = (docker: ObservedDocker) => docker.networks.find(({ name }) => name === 'mac_net1')!;

describe('is lost', () => {
  test.each<[string, readonly Member[]]>([
    ['when a container by hand failed there', [{ status: 'exited', lost: true }]],
    ['when one that never ran failed there', [{ status: 'created', lost: true }]],
    ['when one of several failed there', [{ status: 'exited' }, { status: 'exited', lost: true }]],
    ['when one of Trunkline failed there', [{ status: 'exited', of: 'trunkline', lost: true }]],
    [
      'when one of Trunkline failed there, whatever runs on since before (live restore)',
      [{ status: 'running' }, { status: 'exited', of: 'trunkline', lost: true }],
    ],
  ])('%s', async (_, members) => {
    const docker = await seenWith(members);
    expect(isDead(docker, ours(docker))).toBe(true);
  });
});

describe('is not lost', () => {
  test.each<[string, readonly Member[]]>([
    ['without containers', []],
    ['with one that a person stopped', [{ status: 'exited' }]],
    [
      'when something runs there: what a container by hand failed of may be over since',
      [{ status: 'running' }, { status: 'exited', lost: true }],
    ],
    ['when something is paused there', [{ status: 'paused' }, { status: 'created', lost: true }]],
    ['when the one that failed runs by now', [{ status: 'running', lost: true }]],
    [
      'when the network that was lost is another, or an earlier one of the name',
      [{ status: 'exited', other: `network id "${networkId}" not found` }],
    ],
    [
      'when a container failed of something else',
      [{ status: 'exited', other: 'plugin "trunkline" not found' }],
    ],
  ])('%s', async (_, members) => {
    const docker = await seenWith(members);
    expect(isDead(docker, ours(docker))).toBe(false);
  });
});

describe('who is asked', () => {
  const asked = async (members: readonly Member[], labels?: Record<string, string>) => {
    const { containers, networks } = await seenWith(members);
    const seen = networks.map((one) => (labels === undefined ? one : { ...one, labels }));
    return containersThatShowLoss(containers, seen).map(({ name }) => name);
  };

  test('those by hand that do not run, where nothing runs', async () => {
    expect(await asked([{ status: 'exited' }, { status: 'created' }])).toEqual(['c0', 'c1']);
  });

  test.each<[string, readonly Member[], Record<string, string>?]>([
    ['where something runs', [{ status: 'exited' }, { status: 'running' }]],
    ['which Docker is removing or starting again', [{ status: 'removing' }, { status: 'restarting' }]],
    ['of Trunkline, which are looked at anyway', [{ status: 'exited', of: 'trunkline' }]],
    ['on networks of others', [{ status: 'exited' }], {}],
    ['on networks that others marked for something', [{ status: 'exited' }], { [`${networkLabel}.x`]: 'y' }],
  ])('none %s', async (_, members, labels) => {
    expect(await asked(members, labels)).toEqual([]);
  });
});
