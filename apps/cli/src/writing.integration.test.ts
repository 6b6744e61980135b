/** What changes the fleet: the real program against a real server. */
import type { TestAgent } from '@trunkline/test/integration/server.ts';
import { beforeAll, expect, test } from 'vitest';
import { carryOut, useCli } from './run-cli.fixture.ts';

const cli = useCli();
let docker01: TestAgent;

beforeAll(async () => {
  docker01 = await cli.server.joinHost('docker01');
});

const fleet = `
# The container comes first: the order in a file is free.
kind: container
name: box1
host: docker01
image: busybox
attachments: [{network: mac_net1, address: 172.16.100.10}]
---
kind: address
network: mac_net1
owner: web-1
ip: 172.16.100.50
requestedMac: 02-42-AC-10-64-32
labels: {team: core}
---
kind: network
name: mac_net1
parent: ens33
vlan: 10
labels: {team: core}
subnets:
  - cidr: 172.16.100.0/24
    gateway: 172.16.100.1
    exclude: [172.16.100.60]
---
kind: host
name: docker01
labels: {rack: a3}
`;

const apply = (input: string, ...flags: string[]) => cli.asAdmin(['apply', '-f', '-', ...flags], { input });
const diff = (input: string) => cli.asAdmin(['diff', '-f', '-'], { input });
const networkNow = async () =>
  (await cli.server.request('GET', '/v1/networks/mac_net1')).body as Record<string, unknown>;
const revision = async () => {
  const { rows } = await cli.server.platform.database.pool.query<{ value: string }>(
    'SELECT value FROM revision',
  );
  return rows[0]?.value;
};
const nothingToDo = {
  code: 0,
  stdout:
    'host/docker01 unchanged\nnetwork/mac_net1 unchanged\naddress/mac_net1/172.16.100.50 unchanged\ncontainer/box1 unchanged\n',
  stderr: 'nothing to do: all is as the documents say\n',
};

test('apply makes what the documents describe, what is needed first, and shows it before; a second time there is nothing to do', async () => {
  const before = await diff(fleet);
  expect(before).toMatchObject({ code: 5, stderr: '' });
  expect((await cli.server.request('GET', '/v1/networks')).body.items).toEqual([]);

  const dry = await apply(fleet, '--dry-run');
  expect(dry.stdout).toContain('network/mac_net1 would be created');
  expect(dry.stdout).toContain('network/mac_net1 on docker01: did not answer');
  expect((await cli.server.request('GET', '/v1/networks')).body.items).toEqual([]);

  const made = await apply(fleet);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout.startsWith(before.stdout)).toBe(true);
  expect(made.stdout.slice(before.stdout.length)).toBe(
    'host/docker01 changed\nnetwork/mac_net1 created\naddress/mac_net1/172.16.100.50 created\ncontainer/box1 created\n',
  );
  const { body } = await cli.server.request('GET', '/v1/networks/mac_net1/addresses/172.16.100.50');
  expect(body).toMatchObject({ owner: 'web-1', requestedMac: '02:42:ac:10:64:32', labels: { team: 'core' } });

  const at = await revision();
  expect(await apply(fleet)).toEqual(nothingToDo);
  expect(await diff(fleet)).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(await revision()).toBe(at);
});

test('what get prints can be applied and does nothing, as YAML and as JSON', async () => {
  await carryOut(docker01);
  const at = await revision();
  const everything: string[] = [];
  for (const kind of ['hosts', 'networks', 'addresses', 'containers'] as const) {
    const { stdout } = await cli.asAdmin(['get', kind, '-o', 'yaml']);
    everything.push(stdout);
    const json = (await cli.asAdmin(['get', kind, '-o', 'json'])).stdout;
    expect(await apply(json)).toMatchObject({ code: 0, stderr: nothingToDo.stderr });
  }
  expect(await apply(everything.join('---\n'))).toMatchObject({ code: 0, stderr: nothingToDo.stderr });
  expect(await revision()).toBe(at);
});

test('a document is the whole resource: what is left out takes its default; the difference is shown', async () => {
  const changed = `
kind: network
name: mac_net1
parent: ens33
quarantineSeconds: 600
subnets: [{cidr: 172.16.100.0/24, gateway: 172.16.100.1}]
`;
  const shown = await diff(changed);
  expect(shown.code).toBe(5);
  for (const line of [
    'network/mac_net1 differs:',
    '- vlan: 10',
    '+ vlan: null',
    '- quarantineSeconds: 300',
    '+ quarantineSeconds: 600',
  ])
    expect(shown.stdout.split('\n')).toContain(line);
  expect(shown.stdout).not.toContain('allocatable');
  // Docker cannot change a VLAN while a container is attached.
  expect(shown.stderr).toMatch(/^stdin:2: network_in_use: /);
  expect(await apply(changed)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^trunkline: stdin:2: network_in_use: /),
  });
  const kept = changed.replace('quarantine', 'vlan: 10\nquarantine');
  expect((await apply(kept)).stdout).toMatch(/network\/mac_net1 changed\n$/);
  expect((await apply(changed, '--force', '--dry-run')).stdout).toContain(
    'network/mac_net1 would be changed',
  );
  expect(await networkNow()).toMatchObject({ quarantineSeconds: 600, labels: {}, vlan: 10 });
  expect((await apply(fleet)).stdout).toMatch(/network\/mac_net1 changed\n/);
});

test('the same written otherwise does not differ', async () => {
  const v6 = `kind: network\nname: six\nspace: six\nsubnets: [{cidr: "fd00:0:0::/64", ranges: ["fd00:0::10-fd00::0020"]}]\n`;
  expect((await apply(v6)).code).toBe(0);
  expect(await diff(v6)).toEqual({ code: 0, stdout: '', stderr: '' });
  const box = `kind: container\nname: six1\nhost: docker01\nimage: busybox\nattachments: [{network: six, address: "FD00:0::0010", mac: 02-42-AC-00-00-06}]\n`;
  expect(await apply(box)).toMatchObject({ code: 0 });
  expect(await diff(box)).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('one document that is refused stops all of them before anything is changed', async () => {
  const at = await revision();
  const documents = `
kind: network
name: good
subnets: [{cidr: 10.77.0.0/24}]
---
kind: network
name: bad
subnets: [{cidr: 10.78.0.5/24}]
`;
  const { code, stdout, stderr } = await apply(documents);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^trunkline: stdin:6: invalid_request: \/subnets\/0\/cidr .*10\.78\.0\.0\/24.*\n$/);
  expect(await revision()).toBe(at);
});

test('a container that differs is shown and changed; what it keeps is refused by name', async () => {
  const other = fleet.replace('image: busybox', 'image: nginx');
  expect(await diff(other)).toMatchObject({ code: 5, stdout: expect.stringContaining('+ image: nginx') });
  expect((await apply(other, '--dry-run')).stdout).toContain(
    'container/box1 would be changed, and replaced on its host\n',
  );
  expect((await apply(other)).stdout).toMatch(/container\/box1 changed, and is replaced on its host\n$/);
  expect((await cli.server.request('GET', '/v1/containers/box1')).body).toMatchObject({ image: 'nginx' });
  const policy = other.replace('image: nginx', 'image: nginx\nrestart: always');
  expect((await apply(policy)).stdout).toMatch(/container\/box1 changed\n$/);
  expect(await apply(fleet.replace('172.16.100.10', '172.16.100.11'))).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^trunkline: stdin:3: .*\/attachments\/0\/address must be 172\.16\.100\.10/,
    ),
  });
  expect((await apply(fleet)).code).toBe(0);
});

test('an address of an owner is changed; what hosts and containers hold is not written', async () => {
  const changed = fleet.replace('{team: core}\n---\nkind: network', '{team: edge}\n---\nkind: network');
  const { code, stdout } = await apply(changed);
  expect([code, stdout]).toEqual([0, expect.stringContaining('+   team: edge')]);
  expect(
    (await cli.server.request('GET', '/v1/networks/mac_net1/addresses/172.16.100.50')).body.labels,
  ).toEqual({
    team: 'edge',
  });
  const foreign = 'kind: address\nnetwork: mac_net1\nip: 172.16.100.99\n';
  expect(await apply(foreign)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('with an `owner` of yours'),
  });
});

test('--wait waits for what agents report, and says in vain what is missing', async () => {
  const network =
    'kind: network\nname: waited\nspace: waited\nparent: ens33\nsubnets: [{cidr: 10.90.0.0/24}]\n';
  await carryOut(docker01);
  const vain = await apply(network, '--wait=0');
  expect(vain).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(
      /^trunkline: waited in vain, after 0 s: network waited is in place on 0 of 1 hosts; docker01: /,
    ),
  });
  await carryOut(docker01);
  expect(await apply(network, '--wait')).toMatchObject({ code: 0, stdout: 'network/waited unchanged\n' });
  // Removing is waited for as well: the agent reports while the program looks.
  const removing = cli.asAdmin(['delete', '--wait', 'network', 'waited']);
  await expect
    .poll(async () => {
      await carryOut(docker01);
      return (await cli.server.request('GET', '/v1/networks/waited')).status;
    })
    .toBe(404);
  expect(await removing).toEqual({ code: 0, stdout: 'network/waited is being removed\n', stderr: '' });
});

test('a silent host is not waited for', async () => {
  cli.server.clock.advance(600_000);
  const network =
    'kind: network\nname: silent\nspace: silent\nparent: ens33\nsubnets: [{cidr: 10.91.0.0/24}]\n';
  expect(await apply(network, '--wait=300')).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(
      /^trunkline: waited in vain, nobody is there to make it so: .*docker01: HostOffline/,
    ),
  });
});

test('delete by name and by documents, which may be gone already', async () => {
  expect(await cli.asAdmin(['delete', 'network', 'mac_net1'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^trunkline: network_in_use: /),
  });
  expect(await cli.asAdmin(['delete', 'container', 'nothing'])).toMatchObject({ code: 7 });
  expect((await cli.asAdmin(['delete', 'address', '172.16.100.50', '--dry-run'])).stdout).toBe(
    'address/172.16.100.50 would be deleted\n',
  );
  const withoutHost = await cli.file('fleet.yaml', fleet.slice(0, fleet.indexOf('---\nkind: host')));
  const removed = await cli.asAdmin(['delete', '-f', withoutHost]);
  expect(removed.stdout).toContain(
    'container/box1 is being removed\naddress/mac_net1/172.16.100.50 deleted\n',
  );
  await carryOut(docker01);
  await cli.asAdmin(['delete', '-f', withoutHost]);
  await carryOut(docker01);
  expect(await cli.asAdmin(['delete', '-f', withoutHost])).toEqual({
    code: 0,
    stdout:
      'container/box1 is not there\naddress/mac_net1/172.16.100.50 is not there\nnetwork/mac_net1 is not there\n',
    stderr: '',
  });
  expect(await cli.asAdmin(['delete', '-f', '-'], { input: fleet })).toMatchObject({ code: 2, stdout: '' });
});

test.each([
  [['apply'], "required option '-f, --file <file>' not specified"],
  [['apply', '-f', 'nowhere.yaml'], 'nowhere.yaml cannot be read: ENOENT'],
  [['apply', '-f', '-'], 'stdin has no document'],
  [['delete'], 'say what to delete'],
  [['delete', 'network'], 'say which'],
  [['delete', 'event', '12'], 'events cannot be deleted'],
] as const)('%j is wrong use', async (args, says) => {
  const run = await cli.asAdmin(args);
  expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(`trunkline: ${says}`) });
});

test('a viewer may look and not write', async () => {
  const { authorization } = await cli.server.as('viewer');
  const env = { TRUNKLINE_TOKEN: authorization.replace('Bearer ', '') };
  expect((await cli.asAdmin(['get', 'networks'], { env })).code).toBe(0);
  expect(
    await cli.asAdmin(['diff', '-f', '-'], {
      env,
      input: 'kind: network\nname: ab\nsubnets: [{cidr: 10.1.0.0/24}]\n',
    }),
  ).toMatchObject({
    code: 8,
    stderr: expect.stringContaining('forbidden'),
  });
});
