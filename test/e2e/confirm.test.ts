/** A change of a network's parent that cuts its host off from the server is undone by the host; one that does not, stays. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, linksOf, must, networksNamed, pings } from './outside.ts';
import { box1, box2, conditionOf, macNet1, placementOn, removeAll, useFleet } from './setup.ts';

const confirmSeconds = 8;
const fleet = useFleet('confirm', { agentEnv: { TRUNKLINE_CONFIRM_SECONDS: String(confirmSeconds) } });
const host = (name: string) => fleet().lab.host(name);
const healMs = 60_000;

/** Other NICs of docker01: `good0` is just there, and `bad0` has an address whose subnet holds the server. */
const nics = ['good0', 'bad0'] as const;

beforeEach(async () => {
  const { client, lab } = fleet();
  for (const nic of nics) await plugNic(nic);
  // The route to an address's own subnet is there from the moment its link is up (net/ipv4/fib_frontend.c,
  // fib_add_ifaddr): the agent itself, when it sets the parent up, sends what is for the server astray.
  await must(host('docker01'), 'ip', 'address', 'add', nearServer(lab.switchAddress), 'dev', 'bad0');
  await client.networks.create(macNet1, { wait: '30s' });
  await Promise.all([
    client.containers.create(box1, { wait: '60s' }),
    client.containers.create(box2, { wait: '60s' }),
  ]);
  await waitFor('box1 answering', box1Answers, healMs, 200);
  await waitFor('a confirmed network', async () => (await kept())?.confirmed.parent === 'ens33', healMs, 50);
});

afterEach(async () => {
  // Whatever a failed test left: the host reaches the server again.
  await host('docker01').exec(['ip', 'address', 'flush', 'dev', 'bad0']);
  await fleet().startAgent('docker01');
  await waitFor('docker01 online', isOnline, healMs, 100);
  await removeAll(fleet());
  for (const nic of nics) await removeNic(nic);
});

/** A neighbour of the server, in a subnet that is smaller than the one that leads there. */
function nearServer(address: string): string {
  const last = Number(address.split('.').at(-1));
  return address.replace(/\d+$/, `${String(last % 4 === 1 ? last + 1 : last - 1)}/30`);
}

/** One end of a cable whose other end is in the host, so that it can come and go without the host. */
async function plugNic(nic: string): Promise<void> {
  await must(host('docker01'), 'ip', 'link', 'add', nic, 'type', 'veth', 'peer', 'name', `${nic}wall`);
  await must(host('docker01'), 'ip', 'link', 'set', `${nic}wall`, 'up');
}
const removeNic = async (nic: string): Promise<void> => {
  await host('docker01').exec(['ip', 'link', 'delete', nic]);
};
const isOnline = async (): Promise<boolean> => (await fleet().client.hosts.get('docker01')).body.online;
const box1Answers = async (): Promise<boolean> => await pings(host('docker02'), 'box2', '172.16.100.10');
/** What Docker has the network on; undefined in the moment in which it is made again. */
async function parentSeen(): Promise<string | undefined> {
  const inspect = ['docker', 'network', 'inspect', '--format', '{{.Options.parent}}', macNet1.name];
  const { code, stdout } = await host('docker01').exec(inspect);
  return code === 0 ? stdout.trim() : undefined;
}
const isUp = async (nic: string): Promise<boolean> =>
  (await linksOf(host('docker01'))).some(({ ifname, flags }) => ifname === nic && flags.includes('UP'));
const readyOn = async () =>
  conditionOf((await placementOn(fleet(), macNet1.name, 'docker01')).conditions, 'Ready');

/** As the agent keeps it. */
interface Kept {
  readonly confirmed: { readonly parent: string | null; readonly generation: number };
  readonly trial: { readonly generation: number; readonly rolledBackAt: number | null } | null;
}
async function kept(): Promise<Kept | undefined> {
  const { code, stdout } = await host('docker01').exec(['cat', '/var/lib/trunkline-agent/trials.json']);
  return code === 0 ? Object.values(JSON.parse(stdout) as Record<string, Kept>)[0] : undefined;
}

async function moveTo(nic: string): Promise<void> {
  await fleet().client.networks.patch(
    macNet1.name,
    { parents: { docker01: nic } },
    { ifMatch: '*', force: true },
  );
}

/** box1 as it was: the same container, at the same address, answering its neighbour. */
async function box1IsBack(id: string | undefined): Promise<void> {
  await waitFor('box1 answering on the old parent', box1Answers, healMs, 200);
  const seen = await containerNamed(host('docker01'), 'box1');
  expect(seen?.Id).toBe(id);
  expect(seen?.NetworkSettings.Networks[macNet1.name]?.IPAddress).toBe('172.16.100.10');
}

test('a change after which the server is reached is confirmed, and stays', async () => {
  await moveTo('good0');
  await waitFor(
    'Ready',
    async () => (await readyOn())?.status === 'True' && (await parentSeen()) === 'good0',
    healMs,
    100,
  );
  await waitFor(
    'the confirmation on disk',
    async () => {
      const record = await kept();
      return record?.trial === null && record.confirmed.parent === 'good0';
    },
    confirmSeconds * 1000,
    50,
  );
  expect(await parentSeen()).toBe('good0');
});

test('a change that cuts the host off is undone by the host, with its containers, and said when the server is back', async () => {
  const id = (await containerNamed(host('docker01'), 'box1'))?.Id;
  await moveTo('bad0');
  await waitFor('the change', async () => (await parentSeen()) === 'bad0', healMs, 20);
  await waitFor('the old parent', async () => (await parentSeen()) === 'ens33', healMs, 100);
  await box1IsBack(id);
  // Nothing but the link that vanishes mends this host, and the server has heard nothing yet.
  expect((await readyOn())?.reason).not.toBe('RolledBack');

  await removeNic('bad0');
  await waitFor('RolledBack', async () => (await readyOn())?.reason === 'RolledBack', healMs, 100);
  const { generation } = (await fleet().client.networks.get(macNet1.name)).body;
  const ready = await readyOn();
  expect(ready).toMatchObject({ status: 'False', observedGeneration: generation });
  expect(ready?.message).toMatch(
    /moved it to bad0.*not be reached for 8 s.*on ens33 again.*change the network again/,
  );
  const other = await placementOn(fleet(), macNet1.name, 'docker02');
  expect(conditionOf(other.conditions, 'Ready')?.status).toBe('True');

  // It is not tried again by itself, also not by an agent that starts again; a further change is.
  const { stopAgent, startAgent, client } = fleet();
  const networkId = (await networksNamed(host('docker01'), macNet1.name))[0]?.Id;
  await stopAgent('docker01');
  await plugNic('bad0');
  await startAgent('docker01');
  const at = Date.now();
  await waitFor(
    'a report of the new agent',
    async () => Date.parse((await placementOn(fleet(), macNet1.name, 'docker01')).observedAt ?? '') > at,
    healMs,
    100,
  );
  expect((await networksNamed(host('docker01'), macNet1.name))[0]?.Id).toBe(networkId);
  expect((await readyOn())?.reason).toBe('RolledBack');
  await client.networks.patch(macNet1.name, { labels: { again: 'yes' } }, { ifMatch: '*' });
  await waitFor('the new try', async () => (await readyOn())?.status === 'True', healMs, 100);
  expect(await parentSeen()).toBe('bad0');
});

test('a parent that such a change had set up is down again afterwards', async () => {
  const { lab } = fleet();
  await moveTo('bad0');
  await waitFor('the change', async () => (await parentSeen()) === 'bad0', healMs, 20);
  // Kept from the server by other means, so that the address can go: a link that has one is not set down.
  await must(host('docker01'), 'ip', 'route', 'add', 'blackhole', `${lab.switchAddress}/32`);
  try {
    await must(host('docker01'), 'ip', 'address', 'flush', 'dev', 'bad0', 'scope', 'global');
    expect(await isUp('bad0')).toBe(true);
    await waitFor('the parent that is down', async () => !(await isUp('bad0')), healMs, 100);
    expect(await parentSeen()).toBe('ens33');
    expect(await isUp('ens33')).toBe(true);
    await waitFor('box1 answering on the old parent', box1Answers, healMs, 200);
  } finally {
    await must(host('docker01'), 'ip', 'route', 'delete', 'blackhole', `${lab.switchAddress}/32`);
  }
  await waitFor('RolledBack', async () => (await readyOn())?.reason === 'RolledBack', healMs, 100);
  expect(await isUp('bad0')).toBe(false);
});

test('an agent that is killed in the middle of such a change undoes it all the same, once it runs again', async () => {
  const { killAgent, startAgent } = fleet();
  const id = (await containerNamed(host('docker01'), 'box1'))?.Id;
  await moveTo('bad0');
  await waitFor('the first step of the change', async () => await isUp('bad0'), healMs, 5);
  await killAgent('docker01');
  expect(await kept()).toMatchObject({
    confirmed: { parent: 'ens33' },
    trial: { rolledBackAt: null },
  });
  await startAgent('docker01');
  await waitFor('the failure on disk', async () => (await kept())?.trial?.rolledBackAt != null, healMs, 100);
  await waitFor('the old parent', async () => (await parentSeen()) === 'ens33', healMs, 100);
  await box1IsBack(id);
  await removeNic('bad0');
  await waitFor('RolledBack', async () => (await readyOn())?.reason === 'RolledBack', healMs, 100);
});
