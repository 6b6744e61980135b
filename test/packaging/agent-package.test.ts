/** The agent as it is given away: what is bundled runs on Node alone, and the same source makes the same bytes. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agentFiles } from '../../scripts/package/agent.ts';
import { asAscii, withoutImports } from '../../scripts/package/bundle.ts';
import { makeDeb } from '../../scripts/package/deb.ts';
import { architectureHere, withoutSymbols } from '../../scripts/package/node-binary.ts';
import { makeTarball } from '../../scripts/package/tarball.ts';
import { writeTree, type PackagedFile } from '../../scripts/package/tree.ts';

const root = path.resolve(import.meta.dirname, '../..');
const version = '7.8.9';
let work: string;
let files: readonly PackagedFile[];
let installed: string;

beforeAll(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'trunkline-package-'));
  files = await agentFiles({ root, version, architecture: architectureHere });
  installed = path.join(work, 'installed');
  await writeTree(installed, files);
}, 60_000);

afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

const text = (name: string): string => readFileSync(path.join(installed, name), 'utf8');
const agent = (argv: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(path.join(installed, 'usr/sbin/trunkline-agent'), argv, {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', NODE_COMPILE_CACHE: path.join(work, 'compiled'), ...env },
  });

describe('the bundled agent', () => {
  test('runs on the Node beside it, and says the version of its package', () => {
    expect(agent(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
    expect(agent(['--help']).stdout).toContain('trunkline-agent [--boot');
    expect(agent(['--nonsense'])).toMatchObject({ status: 2 });
  });

  test('reads its settings and says in one sentence what is missing', () => {
    const { status, stderr } = agent([]);
    expect(status).toBe(2);
    expect(stderr).toBe(
      'TRUNKLINE_SERVER is not set: write the URL of the server, such as http://172.16.1.1:7400\n',
    );
  });

  test('has commands for people, of which the agent that runs carries none', () => {
    expect(agent(['join', '--help'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Usage: trunkline-agent join URL TOKEN/),
      stderr: '',
    });
    expect(agent(['nonsense'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('is no command: write one of join, leave, status, doctor'),
    });
    expect(text('usr/lib/trunkline-agent/agent.mjs')).not.toContain('has left its fleet');
    expect(text('usr/lib/trunkline-agent/command.mjs')).toContain('has left its fleet');
  });

  test('runs its boot stage', () => {
    const ran = agent(['--boot'], { TRUNKLINE_STATE_DIR: path.join(work, 'no-state') });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
  });

  test.each(['agent', 'command', 'resolve-name', 'try-inside'])(
    '%s imports nothing, and is ASCII',
    (name) => {
      const code = text(`usr/lib/trunkline-agent/${name}.mjs`);
      expect(/[^\0-\u007f]/.exec(code)?.[0]).toBeUndefined();
      expect(/(?:^|;)import[ {"*]/.exec(code)?.[0]).toBeUndefined();
    },
  );

  test('has the programs that it runs beside it', () => {
    const code = text('usr/lib/trunkline-agent/agent.mjs');
    const run = [...code.matchAll(/new URL\([`'"]([^`'"]+)[`'"],\s*import\.meta\.url\)/g)].map(
      ([, name]) => name,
    );
    expect(new Set(run)).toEqual(new Set(['command.mjs', 'resolve-name.mjs', 'try-inside.mjs']));
    for (const name of run)
      expect(existsSync(path.join(installed, 'usr/lib/trunkline-agent', name!))).toBe(true);
  });

  test('resolves a name as a program of its own, as in a container', () => {
    const node = path.join(installed, 'usr/lib/trunkline-agent/node');
    const program = path.join(installed, 'usr/lib/trunkline-agent/resolve-name.mjs');
    const { stdout } = spawnSync(node, [program, '127.0.0.1:1', 'box1'], { encoding: 'utf8' });
    expect(JSON.parse(stdout)).toMatchObject({ addresses: [] });
  });

  test('does without what an agent never does', () => {
    const packages = text('usr/share/doc/trunkline-agent/copyright');
    expect(packages).toMatch(/^undici 8/m);
    for (const name of ['@grpc/grpc-js', 'ssh2', 'protobufjs']) expect(packages).not.toContain(`\n${name} `);
    const code = text('usr/lib/trunkline-agent/agent.mjs');
    for (const name of ['MockAgent', 'ProxyAgent', 'EventSource'])
      expect([name, code.includes(`class ${name} `)]).toEqual([name, false]);
  });
});

test('its launcher takes the settings of the host where it is run by hand, and never those of another agent', () => {
  const launcher = text('usr/sbin/trunkline-agent');
  expect(launcher).toContain('settings=/etc/trunkline/agent.env');
  expect(launcher).toMatch(/\[ -z "\$\{TRUNKLINE_SERVER:-\}" \] && \[ -r "\$settings" \]/);
});

test('settings are private, programs can be run, and nothing else can', () => {
  const executable = files.filter(({ mode = 0o644 }) => (mode & 0o111) !== 0).map((file) => file.path);
  expect(executable.sort()).toEqual(['usr/lib/trunkline-agent/node', 'usr/sbin/trunkline-agent']);
  expect(statSync(path.join(installed, 'etc/trunkline/agent.env')).mode & 0o777).toBe(0o600);
});

test('the manual names every option and setting, and the completion every option', () => {
  const page = readFileSync(path.join(root, 'packaging/agent/trunkline-agent.8'), 'utf8').replaceAll(
    '\\-',
    '-',
  );
  const options = [...agent(['--help']).stdout.matchAll(/--[a-z-]+/g)].map(([one]) => one);
  const settings = readFileSync(path.join(root, 'packaging/agent/agent.env'), 'utf8').match(
    /TRUNKLINE_[A-Z_]+/g,
  );
  for (const one of [...options, ...(settings ?? [])]) expect(page).toContain(one);
  const script =
    'source "$0"; COMP_WORDS=(trunkline-agent --); COMP_CWORD=1; _trunkline_agent; echo "${COMPREPLY[@]}"';
  const completion = path.join(root, 'packaging/agent/completion.bash');
  const offered = execFileSync('bash', ['-c', script, completion], { encoding: 'utf8' }).trim().split(' ');
  expect(offered.sort()).toEqual([...new Set(options)].sort());
});

describe('the same source makes the same bytes', () => {
  const small: readonly PackagedFile[] = [
    { path: 'usr/b', content: 'b' },
    { path: 'usr/a', content: 'a', mode: 0o755 },
    { path: 'etc/trunkline/agent.env', content: 'x', mode: 0o600 },
  ];
  const madeOf = { time: 1_700_000_000, compression: 'small' } as const;

  test('of every file of the package', async () => {
    const again = await agentFiles({ root, version, architecture: architectureHere });
    expect(sums(again)).toEqual(sums(files));
  });

  test('of a Debian package, of whoever owns the files and when they were made', async () => {
    const what = {
      ...madeOf,
      name: 'trunkline-agent',
      version: '1.0',
      architecture: 'amd64',
      controlDir: path.join(root, 'packaging/debian/trunkline-agent'),
    };
    const one = await makeDeb({ ...what, files: small, outDir: path.join(work, 'one') });
    const other = await makeDeb({ ...what, files: small.toReversed(), outDir: path.join(work, 'other') });
    expect(path.basename(one)).toBe('trunkline-agent_1.0_amd64.deb');
    expect(sumOf(other)).toBe(sumOf(one));
    const listed = execFileSync('dpkg-deb', ['--contents', one], { encoding: 'utf8', env: { TZ: 'UTC' } });
    expect(listed).toMatch(/-rw------- root\/root +1 2023-11-14 22:13 \.\/etc\/trunkline\/agent\.env/);
    const field = (name: string): string =>
      execFileSync('dpkg-deb', ['--field', one, name], { encoding: 'utf8' }).trim();
    expect([field('Version'), field('Architecture'), field('Installed-Size')]).toEqual(['1.0', 'amd64', '6']);
  });

  test('of an archive', async () => {
    const what = { ...madeOf, name: 'trunkline-agent_1.0_amd64' };
    const one = await makeTarball({ ...what, files: small, outDir: path.join(work, 'one') });
    const other = await makeTarball({ ...what, files: small.toReversed(), outDir: path.join(work, 'other') });
    expect(sumOf(other)).toBe(sumOf(one));
  });
});

const sums = (of: readonly PackagedFile[]) =>
  of.map(({ path: name, content }) => [name, createHash('sha256').update(content).digest('hex')]);
const sumOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

test('the archive installs into /usr/local, keeps settings when it is brought up to date, and removes itself', async () => {
  const from = path.join(work, 'archive');
  await writeTree(from, [...files, ...(await tarballExtras())]);
  const DESTDIR = path.join(work, 'target');
  const install = (...argv: string[]) =>
    execFileSync(path.join(from, 'install.sh'), argv, { env: { PATH: '/usr/bin:/bin', DESTDIR } });
  install();
  const program = path.join(DESTDIR, 'usr/local/sbin/trunkline-agent');
  expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toBe(`${version}\n`);
  const unit = readFileSync(path.join(DESTDIR, 'etc/systemd/system/trunkline-agent.service'), 'utf8');
  expect(unit).toContain('ExecStart=/usr/local/sbin/trunkline-agent\n');
  const settings = path.join(DESTDIR, 'etc/trunkline/agent.env');
  expect(statSync(settings).mode & 0o777).toBe(0o600);
  await writeFile(settings, 'TRUNKLINE_SERVER=http://127.0.0.1:7400\n');
  install();
  expect(readFileSync(settings, 'utf8')).toBe('TRUNKLINE_SERVER=http://127.0.0.1:7400\n');
  install('--remove');
  const left = (await readdir(DESTDIR, { recursive: true, withFileTypes: true })).filter((one) =>
    one.isFile(),
  );
  expect(left.map(({ name }) => name)).toEqual(['agent.env']);
});

async function tarballExtras(): Promise<PackagedFile[]> {
  const content = readFileSync(path.join(root, 'packaging/tarball/install.sh'));
  return [{ path: 'install.sh', content, mode: 0o755 }];
}

describe('pure parts', () => {
  test('import statements become constants', () => {
    const code = [
      'import fs, { open as open$1, stat } from "node:fs";',
      'import * as os from "os";',
      'import tls from "node:tls";',
      'use(fs);',
    ].join('\n');
    const fs = 'process.getBuiltinModule("node:fs")';
    expect(withoutImports(code).split('\n')).toEqual([
      `const fs = ${fs}; const { open:open$1, stat } = ${fs};`,
      'const os = process.getBuiltinModule("os");',
      'const tls = process.getBuiltinModule("node:tls");',
      'use(fs);',
    ]);
  });

  test('what is no module of Node, or not understood, fails', () => {
    expect(() => withoutImports('import a from "left-pad";')).toThrow('left-pad is imported');
    expect(() => withoutImports('import "node:fs";')).toThrow('not understood');
  });

  test('characters beyond ASCII are escaped, and mean the same', () => {
    const code = "const all = ['é', `…`, '😀', /[é]/.test('é')]; all";
    expect(asAscii(code)).toMatch(/^[\0-\u007f]*$/);
    // oxlint-disable-next-line no-eval
    expect((0, eval)(asAscii(code))).toEqual(['é', '…', '😀', true]);
  });

  test('a program without symbols runs, and anything else is refused', async () => {
    const whole = readFileSync('/bin/true');
    const short = withoutSymbols(whole);
    expect(short.length).toBeLessThan(whole.length);
    const file = path.join(work, 'true');
    await writeFile(file, short);
    await chmod(file, 0o755);
    expect(spawnSync(file).status).toBe(0);
    expect(() => withoutSymbols(Buffer.from('#!/bin/sh\n'.repeat(20)))).toThrow('ELF');
  });
});
