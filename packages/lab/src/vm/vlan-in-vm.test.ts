/**
 * The tests of test/vlan where this kernel has no VLANs: they run in the VM, and each is shown here as a test of its own.
 * Takes a quarter of an hour under emulation.
 */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ensureInstalled } from '../hosts/install.ts';
import { runInVm } from './run-in-vm.ts';
import type { ToldResult } from './told-result.ts';
import { sayProgress } from './vm-command.ts';

const repository = path.resolve(import.meta.dirname, '../../../..');

async function runSuite(): Promise<readonly ToldResult[]> {
  await ensureInstalled(sayProgress);
  const stdout = new PassThrough();
  const said = text(stdout);
  const vitest = path.join(repository, 'node_modules/.bin/vitest');
  const code = await runInVm({
    argv: [
      process.execPath,
      vitest,
      'run',
      '--project',
      'vlan',
      '--reporter=./packages/lab/src/vm/telling-reporter.ts',
    ],
    cwd: repository,
    stdout,
    log: sayProgress,
  }).finally(() => stdout.end());
  const output = await said;
  const results = output
    .split('\n')
    .filter((line) => line.startsWith('{"name":'))
    .map((line) => JSON.parse(line) as ToldResult);
  const ended = { name: 'the VM ran all of test/vlan', status: 'passed', why: '' };
  if (results.length > 0 && (code === 0 || results.some(({ status }) => status === 'failed')))
    return [...results, ended];
  return [...results, { ...ended, status: `exit code ${String(code)}`, why: output }];
}

test.each(await runSuite())('$name', ({ status, why }) => {
  expect({ status, why }).toEqual({ status: 'passed', why: '' });
});
