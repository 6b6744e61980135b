import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, docker, pings } from './outside.ts';
import { box1, box2, macNet1, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('changed');
const host = (name: string) => fleet().lab.host(name);
const seen = async (name = 'box1') => {
  const found = await containerNamed(host('docker01'), name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
};

beforeAll(async () => {
  const { client } = fleet();
  await client.networks.put('mac_net1', macNet1, { wait: '30s' });
  await client.containers.put('box1', box1, { wait: '60s' });
  await client.containers.put('box2', box2, { wait: '60s' });
});
afterAll(async () => {
  await removeAll(fleet());
});

test('a container that is changed is replaced, and has its address and MAC on the wire again', async () => {
  const { client } = fleet();
  const before = await seen();
  const { body: is } = await client.containers.get('box1');
  const change = { ...is, env: { COLOUR: 'green' } };
  const { body: would } = await client.containers.put('box1', change, { ifMatch: '*', dryRun: true });
  expect(would.change).toEqual({ how: 'replace', fields: ['env'] });
  const { body } = await client.containers.put('box1', change, { ifMatch: '*', wait: '60s' });
  expect(body).toMatchObject({ running: true, generation: 2 });
  expect(body.attachments).toEqual(is.attachments);
  const after = await seen();
  expect(after.Id).not.toBe(before.Id);
  expect(await docker(host('docker01'), 'exec', 'box1', 'env')).toContain('COLOUR=green');
  const reached = (): Promise<boolean> => pings(host('docker02'), 'box2', '172.16.100.10');
  await waitFor('box2 reaching box1', reached, 20_000, 200);
});

test('its restart policy is changed while it runs', async () => {
  const { client } = fleet();
  const before = await seen();
  const { body: is } = await client.containers.get('box1');
  await client.containers.put('box1', { ...is, restart: 'always' }, { ifMatch: '*', wait: '60s' });
  expect(await seen()).toMatchObject({ Id: before.Id });
  const policy = ['inspect', '-f', '{{.HostConfig.RestartPolicy.Name}}', 'box1'];
  await waitFor(
    'Docker having the policy',
    async () => (await docker(host('docker01'), ...policy)).trim() === 'always',
    20_000,
    200,
  );
});

test('what shares its network stack is replaced with it', async () => {
  const { client } = fleet();
  await client.containers.put(
    'sidecar',
    { name: 'sidecar', host: 'docker01', image: 'busybox', tty: true, networkMode: 'container:box1' },
    { wait: '60s' },
  );
  const { body: is } = await client.containers.get('box1');
  await client.containers.put('box1', { ...is, labels: { tier: 'one' } }, { ifMatch: '*', wait: '60s' });
  const { Id } = await seen();
  const mode = ['inspect', '-f', '{{.State.Running}} {{.HostConfig.NetworkMode}}', 'sidecar'];
  const joined = async (): Promise<boolean> =>
    (await docker(host('docker01'), ...mode).catch(() => '')).trim() === `true container:${Id}`;
  await waitFor('the sidecar being in the new stack', joined, 60_000, 500);
  expect(await docker(host('docker01'), 'exec', 'sidecar', 'ip', 'addr')).toContain('172.16.100.10/24');
});
