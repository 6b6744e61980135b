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
import type { TestResult } from './test-result.ts';
import { logProgress } from './vm-command.ts';

const repository = path.resolve(import.meta.dirname, '../../../..');

async function runSuite(): Promise<readonly TestResult[]> {
  await ensureInstalled(logProgress);
  const stdout = new PassThrough();
  const printed = text(stdout);
  const vitest = path.join(repository, 'node_modules/.bin/vitest');
  const code = await runInVm({
    argv: [
      process.execPath,
      vitest,
      'run',
      '--project',
      'vlan',
      '--reporter=./packages/lab/src/vm/json-lines-reporter.ts',
    ],
    cwd: repository,
    stdout,
    log: logProgress,
  }).finally(() => stdout.end());
  const output = await printed;
  const results = output
    .split('\n')
    .filter((line) => line.startsWith('{"name":'))
    .map((line) => JSON.parse(line) as TestResult);
  const ended = { name: 'the VM ran all of test/vlan', status: 'passed', why: '' };
  if (results.length > 0 && (code === 0 || results.some(({ status }) => status === 'failed')))
    return [...results, ended];
  return [...results, { ...ended, status: `exit code ${String(code)}`, why: output }];
}

test.each(await runSuite())('$name', ({ status, why }) => {
  expect({ status, why }).toEqual({ status: 'passed', why: '' });
});
