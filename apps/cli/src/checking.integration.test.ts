/** Checks, joining and completion: the real program against a real server. */
import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkKindTable, type CheckReport } from '@trunkline/contracts';
import type { TestAgent } from '@trunkline/test/integration/server.ts';
import { beforeAll, expect, test } from 'vitest';
import { carryOut, useCli } from './run-cli.fixture.ts';

const cli = useCli();
let docker01: TestAgent;

beforeAll(async () => {
  docker01 = await cli.server.joinHost('docker01');
  await cli.server.request('POST', '/v1/networks', {
    name: 'mac_net1',
    parent: 'ens33',
    subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
  });
  for (const name of ['box1', 'box2'])
    await cli.server.request('POST', '/v1/containers', {
      name,
      host: 'docker01',
      image: 'busybox',
      attachments: [{ network: 'mac_net1' }],
    });
  await carryOut(docker01);
});

/** What an agent answers to a connectivity check. */
const connectivity = (reachable: boolean): CheckReport => ({
  state: 'done',
  error: null,
  result: {
    reachable,
    byAddress: [
      {
        address: '172.16.100.3',
        sent: 5,
        received: reachable ? 5 : 0,
        lossPercent: reachable ? 0 : 100,
        rttMs: reachable ? { min: 0.05, avg: 0.07, max: 0.11 } : null,
        mac: null,
        error: null,
      },
    ],
    byName: { name: 'box2', resolved: [], reachable: false, message: 'box2 does not resolve\u001b[2J' },
    message: reachable ? 'box1 reaches box2' : 'box1 does not reach box2',
  },
});

/** Runs a check, and answers it as the agent of docker01 once it is asked. */
async function answered(args: readonly string[], report: CheckReport) {
  const run = cli.asAdmin(['check', ...args]);
  await expect
    .poll(async () => {
      const { checks } = await docker01.document();
      for (const { id } of checks) await docker01.checkResult(id, report);
      return checks.length;
    })
    .toBeGreaterThan(0);
  return run;
}

test('a check shows what it found, and ends with 0, or with 6 where something is wrong', async () => {
  const good = await answered(['connectivity', 'box1', 'box2'], connectivity(true));
  expect(good).toMatchObject({ code: 0, stderr: '' });
  expect(good.stdout).toMatch(
    /^box1 reaches box2\nADDRESS +ANSWERED +TIME +MAC\n172\.16\.100\.3 +5\/5 +0\.07 ms +-\n/,
  );
  expect(good.stdout).toContain(String.raw`box2 does not resolve\x1b[2J`);
  const bad = await answered(['connectivity', 'box1', 'box2', '-o', 'json'], connectivity(false));
  expect(bad.code).toBe(6);
  expect(JSON.parse(bad.stdout)).toMatchObject({
    kind: 'connectivity',
    state: 'done',
    result: { reachable: false },
  });
});

test('a check that could not run ends with 1, one that the server refuses too', async () => {
  const failed = await answered(['connectivity', 'box1', 'box2'], {
    state: 'failed',
    result: null,
    error: 'Docker does not answer',
  });
  expect(failed).toMatchObject({
    code: 1,
    stderr: 'trunkline: the check could not run: Docker does not answer\n',
  });
  const refused = await cli.asAdmin(['check', 'diagnose', 'mac_net1', '--host', 'docker01']);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^trunkline: invalid_request: /) });
});

test('what a check of addresses finds is shown with what to do', async () => {
  // The agent of this test reports its containers, and none of them on the wire.
  const run = await cli.asAdmin(['check', 'addresses', 'mac_net1']);
  expect(run.code).toBe(6);
  expect(run.stdout).toMatch(
    /^error +bound-not-seen +mac_net1 +172\.16\.100\.2\n {2}172\S+ is bound to box1 .*\n {2}do: /m,
  );
});

test('there is a command for each kind of check', async () => {
  const { stdout } = await cli.run(['check', '--help']);
  for (const kind of Object.keys(checkKindTable)) expect(stdout).toMatch(new RegExp(`^ +${kind} `, 'm'));
});

test('checks that ran are listed and described', async () => {
  const { stdout } = await cli.asAdmin(['get', 'checks']);
  expect(stdout).toMatch(/ connectivity +box1 to box2 +done +ok /);
  const id =
    (await cli.asAdmin(['get', 'checks', '-o', 'name'])).stdout.split('\n')[0]?.replace('check/', '') ?? '';
  expect(await cli.asAdmin(['describe', 'check', id])).toMatchObject({ code: 0, stderr: '' });
});

test('join-command makes a token, and the line that a shell on the host can run', async () => {
  const made = await cli.asAdmin([
    'join-command',
    'docker02',
    '--expires',
    '600',
    '--server',
    'https://trunkline.example:7400',
  ]);
  expect(made.code).toBe(0);
  expect(made.stdout).toMatch(
    /^trunkline-agent join https:\/\/trunkline\.example:7400 tlj_\S+ --name docker02\n$/,
  );
  expect(made.stderr).toContain('docker02');
  const tokens = (await cli.server.request('GET', '/v1/join-tokens')).body.items as { host: string }[];
  expect(tokens.filter(({ host }) => host === 'docker02')).toHaveLength(1);
  expect((await cli.asAdmin(['join-command'])).stderr).toContain('--server gives the one that hosts reach');
});

test('a shell completes commands, kinds, names of this fleet and files', async () => {
  const words = async (...typed: string[]) =>
    (await cli.asAdmin(['__complete', '--', ...typed])).stdout.split('\n').filter((word) => word !== '');
  expect(await words('desc')).toEqual(['describe']);
  expect(await words('get', 'ne')).toEqual(['networks']);
  expect(await words('get', 'network', '')).toEqual(['mac_net1']);
  expect(await words('delete', 'container', 'box')).toEqual(['box1', 'box2']);
  expect(await words('apply', '-f', '')).toEqual([':files']);
  const alone = await cli.run(['__complete', '--', 'get', 'network', '']);
  expect(alone).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('bash completes with the script that the program writes', async () => {
  const { stdout: script } = await cli.run(['completion', 'bash']);
  const bin = join(cli.home, 'bin');
  await mkdir(bin, { recursive: true });
  await symlink(join(import.meta.dirname, '../bin/trunkline'), join(bin, 'trunkline'));
  const typed =
    "COMP_WORDS=(trunkline get network ''); COMP_CWORD=3; _trunkline; printf '%s\\n' \"${COMPREPLY[@]}\"";
  const { stdout } = await promisify(execFile)('bash', ['-c', `${script}\n${typed}`], {
    env: {
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      XDG_CONFIG_HOME: cli.home,
      TRUNKLINE_URL: cli.baseUrl,
      TRUNKLINE_TOKEN: cli.server.token,
    },
  });
  expect(stdout).toBe('mac_net1\n');
  for (const shell of ['zsh', 'fish'])
    expect((await cli.run(['completion', shell])).stdout).toContain('trunkline __complete');
  expect((await cli.run(['completion', 'csh'])).code).toBe(2);
});
