/** Contexts, and what only reads: the real program against a real server. */
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { beforeAll, expect, test } from 'vitest';
import { carryOut, useCli } from './run-cli.fixture.ts';

const cli = useCli();

beforeAll(async () => {
  const docker01 = await cli.server.joinHost('docker01');
  await cli.server.request('POST', '/v1/networks', {
    name: 'mac_net1',
    parent: 'ens33',
    subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
  });
  await cli.server.request('POST', '/v1/containers', {
    name: 'box1',
    host: 'docker01',
    image: 'busybox',
    attachments: [{ network: 'mac_net1', address: '172.16.100.10', mac: '02:42:ac:10:64:0a' }],
  });
  await cli.server.request('PUT', '/v1/networks/mac_net1/addresses/by-owner/web-1', {
    address: '172.16.100.50',
    labels: { team: 'core' },
  });
  await carryOut(docker01);
});

test('login keeps a token that works, 0600 in a folder of 0700, and never shows it', async () => {
  const { token } = cli.server;
  const login = await cli.run(['login', cli.baseUrl, '--name', 'lab'], { input: `${token}\n` });
  expect(login).toMatchObject({ code: 0, stderr: '' });
  const path = join(cli.home, 'trunkline', 'contexts.json');
  const modes = [path, join(cli.home, 'trunkline')].map(async (one) =>
    ((await stat(one)).mode & 0o777).toString(8),
  );
  expect(await Promise.all(modes)).toEqual(['600', '700']);
  expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({
    current: 'lab',
    contexts: { lab: { token } },
  });
  const list = await cli.run(['context', 'list']);
  expect(list.stdout).toMatch(/^\* +lab +http:/m);
  expect(login.stdout + list.stdout).not.toContain(token);
  expect(await cli.run(['get', 'networks', '-o', 'name'])).toEqual({
    code: 0,
    stdout: 'network/mac_net1\n',
    stderr: '',
  });
});

test('a token from a file; a token that does not work is not kept; contexts are used and removed by name', async () => {
  const good = await cli.file('token', cli.server.token);
  const bad = await cli.file('bad', 'tl_nothing');
  const login = (name: string, file: string) =>
    cli.run(['login', cli.baseUrl, '--name', name, '--token-file', file]);
  expect((await login('one', good)).code).toBe(0);
  const refused = await login('two', bad);
  expect(refused).toMatchObject({
    code: 8,
    stderr: expect.stringMatching(/^trunkline: unauthenticated: .*\n$/),
  });
  expect((await login('two', good)).code).toBe(0);
  expect((await cli.run(['context', 'use', 'one'])).stdout).toBe('context one is in use\n');
  expect((await cli.run(['context', 'use', 'three'])).code).toBe(2);
  expect((await cli.run(['context', 'remove', 'two'])).code).toBe(0);
  expect((await cli.run(['context', 'list'])).stdout).not.toContain('two');
});

test('a token is not taken from the command line', async () => {
  const { code, stderr } = await cli.run(['login', cli.baseUrl, '--token', 'tl_secret']);
  expect([code, stderr]).toEqual([2, expect.stringContaining('unknown option')]);
});

test.each([
  [
    'networks',
    /^NAME +PARENT +VLAN +SUBNETS +HOSTS +FREE +READY\nmac_net1 +ens33 +- +172\.16\.100\.0\/24 +1\/1 +\d+ +yes\n$/,
  ],
  ['hosts', /^docker01 +yes +yes/m],
  ['placements', /^mac_net1 +docker01 +yes +ens33/m],
  ['addresses', /^mac_net1 +172\.16\.100\.50 +reserved +web-1 +- +-$/m],
  ['containers', /^box1 +docker01 +busybox +172\.16\.100\.10 +running +yes$/m],
  ['events', /^\S+Z +network\.created +\/v1\/networks\/mac_net1 +token:admin$/m],
])('get %s is a table, in words without colours', async (kind, pattern) => {
  const { code, stdout, stderr } = await cli.asAdmin(['get', kind]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(pattern);
  expect(stdout).not.toContain('\u001b');
});

test('get of nothing says so and is no failure', async () => {
  expect(await cli.asAdmin(['get', 'checks'])).toEqual({
    code: 0,
    stdout: '',
    stderr: 'there are no checks\n',
  });
});

test('-o wide, json, yaml and name; one item by its name', async () => {
  const get = async (...args: string[]) => (await cli.asAdmin(['get', ...args])).stdout;
  expect(await get('networks', '-o', 'wide')).toContain('SPACE');
  const one = JSON.parse(await get('network', 'mac_net1', '-o', 'json')) as object;
  const { body } = await cli.server.request('GET', '/v1/networks/mac_net1');
  expect(one).toEqual({ kind: 'network', ...(body as object) });
  expect(JSON.parse(await get('networks', '-o', 'json'))).toEqual([one]);
  const documents = parseAllDocuments(await get('addresses', '-o', 'yaml'));
  expect([...documents].map((document) => document.toJS() as object)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ kind: 'address', owner: 'web-1', labels: { team: 'core' } }),
    ]),
  );
  expect(await get('address', '172.16.100.50', '-o', 'name')).toBe('address/mac_net1/172.16.100.50\n');
  expect(await get('placement', 'mac_net1/docker01', '-o', 'name')).toBe('placement/mac_net1/docker01\n');
});

test('filters are those of the kind', async () => {
  const names = await cli.asAdmin(['get', 'addresses', '--owner', 'web-1', '-o', 'name']);
  expect(names.stdout).toBe('address/mac_net1/172.16.100.50\n');
  const { code, stderr } = await cli.asAdmin(['get', 'networks', '--host', 'docker01']);
  expect([code, stderr]).toEqual([2, expect.stringContaining('cannot be limited with --host')]);
});

test('describe shows fields, conditions, what belongs to it, and its last events', async () => {
  const { code, stdout } = await cli.asAdmin(['describe', 'network', 'mac_net1']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^network mac_net1\n\nid: /);
  expect(stdout).toMatch(/^CONDITION +STATUS +REASON +FOR +MESSAGE$/m);
  expect(stdout).toMatch(/^mac_net1 +docker01 +yes/m);
  expect(stdout).toMatch(/network\.created/);
  const container = await cli.asAdmin(['describe', 'container', 'box1']);
  expect(container.stdout).toMatch(/^\S+ +container\.\S+ +\/v1\/containers\/box1 /m);
  for (const [kind, name] of [
    ['host', 'docker01'],
    ['address', '172.16.100.50'],
    ['placement', 'mac_net1/docker01'],
  ] as const)
    expect(await cli.asAdmin(['describe', kind, name])).toMatchObject({ code: 0, stderr: '' });
});

const who = (asked: string) => cli.asAdmin(['who', asked]);

test('who has an address, a MAC or a name; and what is known where nobody has it', async () => {
  expect((await who('172.16.100.10')).stdout).toMatch(
    /^address +172\.16\.100\.10 +mac_net1 +docker01 +box1/m,
  );
  expect((await who('02-42-AC-10-64-0A')).stdout).toMatch(/box1/);
  expect((await who('web-1')).stdout).toMatch(/172\.16\.100\.50/);
  expect((await who('docker01')).stdout).toMatch(/^host +docker01/m);
  expect((await who('172.16.100.1')).stdout).toMatch(/^gateway +of 172\.16\.100\.0\/24 +mac_net1/m);
  expect(await who('172.16.100.99')).toEqual({
    code: 7,
    stdout: '',
    stderr: 'trunkline: nobody has 172.16.100.99: it is in 172.16.100.0/24 of mac_net1\n',
  });
});

test('events: the last ones, those after a revision, and those that come', async () => {
  const json = async (...args: string[]) => {
    const { stdout } = await cli.asAdmin(['events', '-o', 'json', ...args]);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { revision: string; type: string });
  };
  const all = await json();
  expect(all.map(({ type }) => type)).toContain('network.created');
  expect(await json('--last', '1')).toEqual(all.slice(-1));
  expect(await json('--after', all.at(-3)?.revision ?? '')).toEqual(all.slice(-2));

  const following = cli.start(['events', '-f', '--last', '1', '-o', 'json']);
  let seen = '';
  following.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  await expect.poll(() => seen).toContain(all.at(-1)?.revision ?? 'none');
  await cli.server.request('POST', '/v1/tokens', { name: 'followed', role: 'viewer' });
  await expect.poll(() => seen).toContain('token.created');
  following.kill('SIGINT');
});

test('the reader of a pipe may go at any time', async () => {
  const following = cli.start(['events', '-f', '--after', '0']);
  const ended = new Promise<number | null>((resolve) => following.once('close', resolve));
  let errors = '';
  following.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  following.stdout.once('data', () => following.stdout.destroy());
  await expect
    .poll(async () => {
      await cli.server.request('POST', '/v1/tokens', { name: `t${Date.now()}`, role: 'viewer' });
      return Promise.race([ended, Promise.resolve('runs')]);
    })
    .toBe(0);
  expect(errors).toBe('');
});

test('what a terminal would act on arrives as text', async () => {
  await cli.server.request(
    'PATCH',
    '/v1/hosts/docker01',
    { labels: { evil: '\u001b[2J\u009b31m\u202ex' } },
    { 'if-match': '*' },
  );
  for (const output of ['wide', 'json', 'yaml']) {
    const { stdout } = await cli.asAdmin(['get', 'hosts', '-o', output]);
    expect(stdout).toMatch(/evil/);
    expect(stdout).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  }
  const { stdout } = await cli.asAdmin(['get', 'host', 'docker01', '-o', 'json']);
  expect((JSON.parse(stdout) as { labels: object }).labels).toEqual({ evil: '\u001b[2J\u009b31m\u202ex' });
  await cli.server.request('PATCH', '/v1/hosts/docker01', { labels: null }, { 'if-match': '*' });
});

test.each([
  [['get', 'network', 'none'], 7, 'trunkline: network_not_found: '],
  [['get', 'network', 'a/../b'], 1, 'trunkline: invalid_request: '],
  [['describe', 'address', '10.9.9.9'], 7, 'trunkline: 10.9.9.9 is in no subnet of any network'],
  [['get', 'nets'], 2, 'trunkline: there is no kind "nets": there are networks'],
  [['get', 'networks', '--verbose'], 2, "trunkline: unknown option '--verbose'"],
  [['fetch'], 2, "trunkline: unknown command 'fetch'"],
  [['context', 'list', 'more'], 2, 'trunkline: too many arguments'],
  [['events', '--last', 'many'], 2, 'trunkline: option'],
  [['login', 'ftp://x'], 2, 'trunkline: "ftp://x" is no URL of a server'],
] as const)('%j ends with %i and one sentence', async (args, code, begins) => {
  const run = await cli.asAdmin(args, { input: 'tl_x' });
  expect(run).toMatchObject({ code, stdout: '' });
  expect(run.stderr).toContain(begins);
  expect(run.stderr).not.toMatch(/\n {4}at /);
});

test('a server that is not there, and one that is another program, end with 3', async () => {
  const other = createServer((socket) =>
    socket
      .on('error', () => undefined)
      .resume()
      .end('SSH-2.0-OpenSSH_9.2\r\n'),
  );
  const port = await new Promise<number>((resolve) =>
    other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port)),
  );
  const env = { TRUNKLINE_TOKEN: 'tl_x' };
  const strange = await cli.run(['get', 'hosts'], {
    env: { ...env, TRUNKLINE_URL: `http://127.0.0.1:${port}` },
  });
  expect(strange).toMatchObject({ code: 3, stdout: '' });
  await new Promise((resolve) => other.close(resolve));
  const nobody = await cli.run(['get', 'hosts'], {
    env: { ...env, TRUNKLINE_URL: `http://127.0.0.1:${port}` },
  });
  expect(nobody).toMatchObject({ code: 3, stderr: expect.stringContaining('see that the server runs') });
});

test('help and version are written to stdout and end with 0', async () => {
  const help = await cli.run(['--help']);
  expect([help.code, help.stderr]).toEqual([0, '']);
  expect(help.stdout).toContain('describe');
  expect((await cli.run(['--version'])).stdout).toBe('0.1.0\n');
});
