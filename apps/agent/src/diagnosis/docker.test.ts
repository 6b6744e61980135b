import { expect, test } from 'vitest';
import { networkLabel } from '../observation/marks.ts';
import {
  container,
  createFakeHost,
  document,
  id,
  network,
  type FakeHost,
} from '../reconcile/subjects.fixture.ts';
import { dockerExaminer } from './docker.ts';
import { examine, sceneOn, shown } from './scene.fixture.ts';

const byHand = {
  name: 'mac_net1',
  driver: 'macvlan',
  options: { parent: 'ens33' },
  subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
};

interface Row {
  readonly name: string;
  readonly prepare: (host: FakeHost) => Promise<void> | void;
  readonly finds: readonly string[];
  /** In the message of the first. */
  readonly says?: string;
}

const differs = ['docker-network-differs: Docker network mac_net1'];
const create =
  (change: Partial<Parameters<FakeHost['docker']['createNetwork']>[0]>) =>
  async ({ docker }: FakeHost): Promise<void> =>
    void (await docker.createNetwork({ ...byHand, ...change }));

const rows: readonly Row[] = [
  {
    name: 'nothing, where the network is as the agent made it and a container runs on it',
    prepare: async (host) => void (await host.settle(document([network()], [container()]))),
    finds: [],
  },
  { name: 'nothing of a network that somebody made and that fits', prepare: create({}), finds: [] },
  {
    name: 'a network that is missing',
    prepare: () => {},
    finds: ['docker-network-missing: Docker network mac_net1'],
  },
  {
    name: 'Docker that does not answer, and nothing of its networks',
    prepare: ({ docker }) => docker.setReachable(false),
    finds: ['docker-silent: Docker Engine'],
  },
  {
    name: 'another parent',
    prepare: create({ options: { parent: 'eth9' } }),
    finds: differs,
    says: 'its parent is eth9, not ens33',
  },
  {
    name: 'another driver',
    prepare: create({ driver: 'bridge' }),
    finds: differs,
    says: 'its driver is bridge, not macvlan',
  },
  {
    name: 'another subnet and mode, both',
    prepare: create({
      options: { parent: 'ens33', macvlan_mode: 'private' },
      subnets: [{ cidr: '172.16.101.0/24' }],
    }),
    finds: differs,
    says: 'its macvlan mode is private, not bridge; it has no subnet 172.16.100.0/24; it has another subnet 172.16.101.0/24',
  },
  {
    name: 'another gateway',
    prepare: create({ subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.254' }] }),
    finds: differs,
    says: 'the gateway of 172.16.100.0/24 is 172.16.100.254, not 172.16.100.1',
  },
  {
    name: 'an internal network',
    prepare: create({ internal: true }),
    finds: differs,
    says: 'internal flag is true',
  },
  {
    name: 'the label of another network of ours',
    prepare: create({ labels: { [networkLabel]: id(7) } }),
    finds: differs,
    says: `it has the label of Trunkline network ${id(7)}`,
  },
  {
    name: 'a network of another name that stands for it on another parent, where the container is on it',
    prepare: async (host) => {
      await host.settle(document([network()]));
      const ipam = { ipamDriver: 'trunkline', ipamOptions: { network: 'mac_net1' } };
      await host.docker.createNetwork({ ...byHand, ...ipam, name: 'other', options: { parent: 'eth9' } });
      await run(host, 'other');
    },
    finds: ['docker-network-differs: Docker network other'],
    says: 'its parent is eth9, not ens33',
  },
  {
    name: 'containers on a network that Docker does not have, beside the one that it has now',
    prepare: async (host) => {
      await host.settle(document([network()]));
      await run(host, 'mac_net1');
      await host.docker.stopContainer('box1', 0);
      await host.docker.removeNetwork('mac_net1');
      await create({})(host);
    },
    finds: ['docker-lost-containers: Docker network mac_net1'],
    says: 'box1 hang',
  },
  {
    name: 'a network that Docker lists and has lost',
    prepare: async (host) => {
      await host.settle(document([network()], [container()]));
      host.docker.loseNetwork('mac_net1');
    },
    finds: ['docker-lost-containers: Docker network mac_net1'],
    says: 'its parent did not exist when Docker started',
  },
  {
    name: 'a pair: another parent, and containers on an earlier network of that name',
    prepare: async (host) => {
      await host.settle(document([network()]));
      await run(host, 'mac_net1');
      await host.docker.stopContainer('box1', 0);
      await host.docker.removeNetwork('mac_net1');
      await create({ options: { parent: 'eth9' } })(host);
    },
    finds: [...differs, 'docker-lost-containers: Docker network mac_net1'],
  },
];

/** box1, as somebody runs it by hand. */
async function run({ docker }: FakeHost, on: string): Promise<void> {
  const attachments = [{ network: on, ipv4: '172.16.100.10' }];
  await docker.createContainer({ name: 'box1', image: 'busybox', attachments });
  await docker.startContainer('box1');
}

test.each(rows)('Docker: finds $name', async ({ prepare, finds, says }) => {
  const host = createFakeHost();
  await prepare(host);
  const { findings } = await examine(dockerExaminer, await sceneOn(host, [network()], ['box1']));
  expect(shown(findings)).toEqual(finds);
  expect(findings.every(({ evidence }) => evidence.length > 0)).toBe(true);
  if (says !== undefined) expect(findings[0]?.message).toContain(says);
});
