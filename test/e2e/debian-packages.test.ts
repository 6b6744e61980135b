/** The Debian packages on a clean Debian: installed, brought up to date, removed and purged. */
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unpackCleanRoot } from '@trunkline/lab/hosts/clean-root.ts';
import { agentUnits, agentFiles } from '../../scripts/package/agent.ts';
import { makeDeb } from '../../scripts/package/deb.ts';
import { architectureHere } from '../../scripts/package/node-binary.ts';
import { ownTlsServer } from './own-tls-server.ts';
import { serverPackage } from '../../scripts/package/server.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const versions = { older: '0.0.8', newer: '0.0.9' } as const;
const settings = 'etc/trunkline/agent.env';
const programs = ['usr/sbin/trunkline-agent', 'usr/lib/trunkline-agent'];

let work: string;
let root: string;
let why: string | null;

beforeAll(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'trunkline-clean-'));
  root = path.join(work, 'root');
  why = await unpackCleanRoot(root, (line) => process.stderr.write(`${line}\n`));
  if (why !== null) {
    process.stderr.write(`the package is not tried on a clean Debian: ${why}\n`);
    return;
  }
  for (const version of Object.values(versions)) {
    await makeDeb({
      name: 'trunkline-agent',
      version,
      architecture: architectureHere,
      files: await agentFiles({ root: repository, version, architecture: architectureHere }),
      controlDir: path.join(repository, 'packaging/debian/trunkline-agent'),
      time: 1_700_000_000,
      compression: 'fast',
      outDir: path.join(root, 'packages'),
    });
  }
  await serverPackage({
    root: repository,
    version: versions.newer,
    architecture: architectureHere,
    time: 1_700_000_000,
    compression: 'fast',
    outDir: path.join(root, 'packages'),
  });
}, 600_000);

afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

const has = (name: string): boolean => existsSync(path.join(root, name));
const put = async (name: string, text: string): Promise<void> => {
  await mkdir(path.dirname(path.join(root, name)), { recursive: true });
  await writeFile(path.join(root, name), text);
};

/** Runs a program in the clean root, which has a /proc and no systemd. */
function inside(...argv: string[]): SpawnSyncReturns<string> {
  const enter = ['--mount', '--pid', '--fork', `--mount-proc=${path.join(root, 'proc')}`, 'chroot', root];
  return spawnSync('unshare', [...enter, ...argv], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** As {@link inside}, while this process serves what the program asks for. */
async function insideBeside(
  ...argv: string[]
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const enter = ['--mount', '--pid', '--fork', `--mount-proc=${path.join(root, 'proc')}`, 'chroot', root];
  const child = spawn('unshare', [...enter, ...argv], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const status = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  return { status: await status, stdout, stderr };
}

function apt(...argv: string[]): SpawnSyncReturns<string> {
  return inside('apt-get', '-qq', '-o', 'Dpkg::Use-Pty=0', '--no-install-recommends', ...argv);
}

function install(version: string, name = 'trunkline-agent'): SpawnSyncReturns<string> {
  return apt('install', `/packages/${name}_${version}_${architectureHere}.deb`);
}

function ended(ran: SpawnSyncReturns<string>): { status: number | null; output: string } {
  return { status: ran.status, output: ran.status === 0 ? '' : `${ran.stdout}${ran.stderr}` };
}
const well = { status: 0, output: '' };

/** Links that systemd starts the units by. */
async function enabled(): Promise<string[]> {
  const folder = path.join(root, 'etc/systemd/system');
  const all = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return all
    .filter((one) => one.isSymbolicLink() && one.name.startsWith('trunkline'))
    .map((one) => path.join(path.relative(folder, one.parentPath), one.name))
    .sort();
}

const allEnabled = [
  'docker.service.wants/trunkline-agent-boot.service',
  'docker.service.wants/trunkline-agent.service',
  'docker.service.wants/trunkline-agent.socket',
  'multi-user.target.wants/trunkline-agent-boot.service',
  'multi-user.target.wants/trunkline-agent.service',
  'sockets.target.wants/trunkline-agent.socket',
];

/** Everything in the root but what apt and dpkg keep of their own work. */
async function listing(): Promise<string[]> {
  const all = await readdir(root, { recursive: true, withFileTypes: true });
  return all
    .map((one) => path.relative(root, path.join(one.parentPath, one.name)))
    .filter(
      (name) =>
        !/^(proc|packages|run|tmp|var\/log|var\/lib\/(dpkg|apt)|var\/cache\/(apt|ldconfig))(\/|$)/.test(name),
    )
    .sort();
}

describe('the agent on a clean Debian, without systemd running', () => {
  let before: string[];

  test('it is installed by apt, with nothing but what it depends on', async ({ skip }) => {
    if (why !== null) skip(why);
    before = await listing();
    expect(ended(install(versions.older))).toEqual(well);
    expect(inside('trunkline-agent', '--version').stdout).toBe(`${versions.older}\n`);
    expect((await lstat(path.join(root, settings))).mode & 0o777).toBe(0o600);
    for (const unit of agentUnits) expect(has(`usr/lib/systemd/system/${unit}`)).toBe(true);
    // None of its files differs from its checksum.
    expect(inside('dpkg', '--verify', 'trunkline-agent').stdout).not.toMatch(/^..5/m);
  });

  test('its units are enabled, and nothing was started', async ({ skip }) => {
    if (why !== null) skip(why);
    expect(await enabled()).toEqual(allEnabled);
    expect(has('var/lib/trunkline-agent')).toBe(false);
    expect(inside('trunkline-agent').stderr).toContain('TRUNKLINE_SERVER is not set');
  });

  test('by hand it takes the settings of the host', async ({ skip }) => {
    if (why !== null) skip(why);
    await put(settings, 'TRUNKLINE_SERVER=not-a-url\n');
    expect(inside('trunkline-agent').stderr).toContain('not-a-url');
  });

  test('one line joins it to a server with TLS of its own, and no file is copied', async ({ skip }) => {
    if (why !== null) skip(why);
    await put(settings, '# mine\nTRUNKLINE_SERVER=\nTRUNKLINE_LOG_LEVEL=warn\n');
    await using server = await ownTlsServer();
    const { command } = await server.newToken('clean01');
    const [program = '', ...argv] = command.split(' ');
    const joined = await insideBeside(program, ...argv);
    expect(joined).toMatchObject({ status: 0, stderr: '' });
    expect(joined.stdout).toContain(`clean01 has joined the fleet of ${server.url}`);
    const written = await readFile(path.join(root, settings), 'utf8');
    expect(written).toBe(
      `# mine\nTRUNKLINE_SERVER=${server.url}\nTRUNKLINE_LOG_LEVEL=warn\nTRUNKLINE_HOST_NAME=clean01\n`,
    );
    expect((await lstat(path.join(root, settings))).mode & 0o777).toBe(0o600);
    expect(await server.hosts()).toEqual(['clean01']);
    const { stdout } = await insideBeside('trunkline-agent', 'doctor');
    expect(stdout).toMatch(/^ok {7}ip +ip utility, iproute2/m);
    expect(stdout).toMatch(/^missing {2}Docker /m);
    expect(stdout).toMatch(new RegExp(`^ok {7}server +${server.url} answers$`, 'm'));
    const left = await insideBeside('trunkline-agent', 'leave', '--force');
    expect(left).toMatchObject({ status: 0, stdout: expect.stringContaining('DELETE /v1/hosts/clean01') });
    expect(has('var/lib/trunkline-agent/identity.json')).toBe(false);
    await rm(path.join(root, 'var/lib/trunkline-agent'), { recursive: true });
    await put(settings, 'TRUNKLINE_SERVER=not-a-url\n');
  }, 300_000);

  test('a newer version keeps settings, state and what an administrator disabled', async ({ skip }) => {
    if (why !== null) skip(why);
    await put('var/lib/trunkline-agent/identity.json', '{}');
    const disabled = 'trunkline-agent-boot.service';
    // As systemctl disable does it.
    for (const link of await enabled())
      if (link.endsWith(disabled)) await rm(path.join(root, 'etc/systemd/system', link));
    expect(ended(install(versions.newer))).toEqual(well);
    expect(inside('trunkline-agent', '--version').stdout).toBe(`${versions.newer}\n`);
    expect(await readFile(path.join(root, settings), 'utf8')).toBe('TRUNKLINE_SERVER=not-a-url\n');
    expect(has('var/lib/trunkline-agent/identity.json')).toBe(true);
    expect(await enabled()).toEqual(allEnabled.filter((one) => !one.endsWith(disabled)));
  });

  test('removed, it leaves settings and state, and no program', async ({ skip }) => {
    if (why !== null) skip(why);
    await put('var/cache/trunkline-agent/compiled', 'x');
    expect(ended(apt('remove', 'trunkline-agent'))).toEqual(well);
    for (const name of [...programs, 'var/cache/trunkline-agent'])
      expect([name, has(name)]).toEqual([name, false]);
    expect(has(settings)).toBe(true);
    expect(has('var/lib/trunkline-agent/identity.json')).toBe(true);
  });

  test('installed again and purged, it leaves nothing', async ({ skip }) => {
    if (why !== null) skip(why);
    expect(ended(install(versions.newer))).toEqual(well);
    await put('var/cache/trunkline-agent/compiled', 'x');
    expect(ended(apt('purge', 'trunkline-agent'))).toEqual(well);
    expect(await enabled()).toEqual([]);
    expect(await listing()).toEqual(before);
  });

  test('it is not installed beside units of an agent that was installed by hand', async ({ skip }) => {
    if (why !== null) skip(why);
    const unit = 'etc/systemd/system/trunkline-agent.service';
    await put(unit, '[Service]\nExecStart=/bin/sh /opt/trunkline/scripts/with-node.sh node main.ts\n');
    const refused = install(versions.newer);
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain(`/${unit} runs an agent that was installed by hand`);
    expect(has('usr/sbin/trunkline-agent')).toBe(false);
    await rm(path.join(root, unit));
    expect(ended(install(versions.newer))).toEqual(well);
    expect(ended(apt('purge', 'trunkline-agent'))).toEqual(well);
  });
});

test('the server is installed with a user of its own, enabled, and purged without a trace but that user', async ({
  skip,
}) => {
  if (why !== null) skip(why);
  const before = await listing();
  expect(ended(install(versions.newer, 'trunkline-server'))).toEqual(well);
  expect(inside('trunkline-server', '--version').stdout).toBe(`${versions.newer}\n`);
  expect(inside('id', '--user', '--name', 'trunkline').stdout).toBe('trunkline\n');
  expect(await enabled()).toEqual(['multi-user.target.wants/trunkline-server.service']);
  expect((await lstat(path.join(root, 'etc/trunkline/server.env'))).mode & 0o777).toBe(0o600);
  await put('var/lib/trunkline/admin-token', 'x');
  await put('var/cache/trunkline-server/compiled', 'x');
  expect(ended(apt('remove', 'trunkline-server'))).toEqual(well);
  expect(has('usr/lib/trunkline-server')).toBe(false);
  expect(has('var/lib/trunkline/admin-token')).toBe(true);
  expect(ended(apt('purge', 'trunkline-server'))).toEqual(well);
  expect(await enabled()).toEqual([]);
  // adduser keeps a copy of what it changed.
  const accounts = /^etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$/;
  expect((await listing()).filter((name) => !accounts.test(name))).toEqual(
    before.filter((name) => !accounts.test(name)),
  );
});
