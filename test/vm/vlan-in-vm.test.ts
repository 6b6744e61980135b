/**
 * The tests of test/vlan where this kernel has no VLANs: they run in the VM, and each is told here as a test of its own.
 * Takes a quarter of an hour under emulation.
 */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ensureInstalled } from '../lab/install.ts';
import { runInVm } from './run-in-vm.ts';
import { sayProgress } from './vm-command.ts';

const repository = path.resolve(import.meta.dirname, '../..');

/** What is read of vitest's JSON report. */
interface Told {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

interface Result {
  readonly name: string;
  readonly status: string;
  readonly why: string;
}

async function runSuite(): Promise<readonly Result[]> {
  await ensureInstalled(sayProgress);
  const stdout = new PassThrough();
  const said = text(stdout);
  const vitest = path.join(repository, 'node_modules/.bin/vitest');
  const code = await runInVm({
    argv: [
      vitest,
      'run',
      '--project',
      'vlan',
      '--reporter=json',
      '--reporter=./test/vm/progress-reporter.ts',
    ],
    cwd: repository,
    stdout,
    log: sayProgress,
  }).finally(() => stdout.end());
  const output = await said;
  // Programs that the tests start may have said something before.
  const begin = output.indexOf('{"numTotalTestSuites"');
  if (begin === -1) return [{ name: 'test/vlan', status: `exit code ${String(code)}`, why: output }];
  const { testResults } = JSON.parse(output.slice(begin)) as Told;
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const file = path.relative(repository, name);
    if (assertionResults.length === 0) return [{ name: file, status: 'did not run', why: message }];
    return assertionResults.map(({ fullName, status, failureMessages }) => ({
      name: `${file}: ${fullName}`,
      status,
      why: failureMessages.join('\n'),
    }));
  });
}

test.each(await runSuite())('$name', ({ status, why }) => {
  expect({ status, why }).toEqual({ status: 'passed', why: '' });
});
