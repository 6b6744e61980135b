/** Commands of the agent as a person runs them, against a server with TLS. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { repository } from '@trunkline/lab/fleet/server-process.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keepInstance } from '../../../apps/agent/src/machine/instance.ts';
import { ownFiles } from '../../../apps/server/src/tls/own-certificate.ts';
import { startTlsServer, type TlsServer } from './tls-server.ts';

let server: TlsServer;
let url: string;
let ca: string;
let folder: string;
beforeAll(async () => {
  server = await startTlsServer();
  url = `https://localhost:${server.port}`;
  ca = await readFile(ownFiles(server.dataDir).authority, 'utf8');
  folder = await mkdtemp(path.join(tmpdir(), 'trunkline-commands-'));
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const settings = () => path.join(folder, 'agent.env');
const stateDir = () => path.join(folder, 'state');

/** Runs a command with the settings of this test; answers how it ended and all that it wrote. */
async function command(
  argv: readonly string[],
  input = '',
): Promise<{ code: number; out: string; err: string }> {
  const main = path.join(repository, 'apps/agent/src/main.ts');
  const child = spawn(process.execPath, [main, ...argv, '--settings', settings()], {
    env: { PATH: process.env['PATH'] },
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const code = new Promise<number>((resolve) => child.on('exit', (ended) => resolve(ended ?? -1)));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, out, err };
}

const newToken = async (host: string): Promise<string> =>
  (await server.client(url, ca).joinTokens.create({ host })).body.secret;

test('before it has joined, status says what to do, and doctor what is missing', async () => {
  const state = `TRUNKLINE_STATE_DIR=${stateDir()}\n`;
  await writeFile(settings(), `# mine\n${state}TRUNKLINE_DOCKER_SOCKET=/nowhere/docker.sock\n`, {
    mode: 0o644,
  });
  expect(await command(['status'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('TRUNKLINE_SERVER is not set'),
  });
  const { code, out } = await command(['doctor']);
  expect(code).toBe(1);
  expect(out).toMatch(/^missing {2}Docker +.*start it, or name its socket in TRUNKLINE_DOCKER_SOCKET$/m);
  expect(out).toMatch(/^missing {2}server +none is named: trunkline-agent join URL TOKEN$/m);
});

test('a wrong token or server changes nothing, and says what to do', async () => {
  const before = await readFile(settings(), 'utf8');
  const wrong = await command([
    'join',
    url,
    'tlj_never_made_by_anybody',
    '--ca-file',
    ownFiles(server.dataDir).authority,
  ]);
  expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('join_token_invalid') });
  const nobody = await command(['join', 'https://127.0.0.1:9', await newToken('nobody'), '--name', 'nobody']);
  expect(nobody).toMatchObject({ code: 1, err: expect.stringContaining('nobody listens there') });
  expect(await readFile(settings(), 'utf8')).toBe(before);
});

test('one line joins the host: the token on standard input, no file copied, and none of it in the settings', async () => {
  const token = await newToken('docker01');
  const joined = await command(['join', `${url}/`, '-', '--name', 'docker01'], `${token}\n`);
  expect(joined).toEqual({
    code: 0,
    out: `docker01 has joined the fleet of ${url}; systemd does not run its units here: start trunkline-agent yourself\n`,
    err: '',
  });
  const written = await readFile(settings(), 'utf8');
  expect(written).toContain(`# mine\n`);
  expect(written).toContain(`TRUNKLINE_SERVER=${url}\n`);
  expect(written).toContain('TRUNKLINE_HOST_NAME=docker01\n');
  expect(written).toContain('TRUNKLINE_DOCKER_SOCKET=/nowhere/docker.sock\n');
  expect(written).not.toContain('tlj_');
  expect((await stat(settings())).mode & 0o777).toBe(0o600);
  const { body } = await server.client(url, ca).hosts.get('docker01');
  expect(body.name).toBe('docker01');
});

test('joined again it keeps its identity, and takes the authority that the new token names', async () => {
  const identity = await readFile(path.join(stateDir(), 'identity.json'), 'utf8');
  await rm(path.join(stateDir(), 'server-ca.pem'));
  const token = await newToken('docker01');
  expect(await command(['join', url, token])).toMatchObject({
    code: 0,
    out: expect.stringContaining('this host had joined before'),
  });
  expect(await readFile(path.join(stateDir(), 'identity.json'), 'utf8')).toBe(identity);
  expect((await readFile(path.join(stateDir(), 'server-ca.pem'), 'utf8')).trim()).toBe(ca.trim());
});

test('status says what the server says, in the name of the agent that ran last', async () => {
  expect(await command(['status'])).toMatchObject({
    code: 1,
    out: expect.stringContaining('the agent has not run since this host joined'),
  });
  await keepInstance(stateDir(), 'run.machine');
  const { out } = await command(['status', '--json']);
  expect(JSON.parse(out)).toMatchObject({
    server: url,
    reached: true,
    problem: null,
    host: { name: 'docker01' },
  });
  const { body } = await server.client(url, ca).hosts.get('docker01');
  expect(body.conditions.map(({ type }) => type)).not.toContain('IdentityUnique');
});

test('doctor reaches the server, and compares the clocks', async () => {
  const { out } = await command(['doctor', '--json']);
  expect(JSON.parse(out)).toEqual(
    expect.arrayContaining([
      { what: 'server', state: 'ok', detail: `${url} answers` },
      { what: 'clock', state: 'ok', detail: 'as that of the server' },
    ]),
  );
});

test('it leaves: no state, and no server in the settings', async () => {
  expect(await command(['leave'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('Docker does not answer'),
  });
  expect(await command(['leave', '--force'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('DELETE /v1/hosts/docker01'),
  });
  await expect(stat(path.join(stateDir(), 'identity.json'))).rejects.toThrow('ENOENT');
  expect(await readFile(settings(), 'utf8')).toContain('TRUNKLINE_SERVER=\n');
});
