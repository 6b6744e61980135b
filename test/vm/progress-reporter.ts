import type { Reporter, TestCase } from 'vitest/node';

/** Says on stderr how each test ended, as soon as it did: stdout is another reporter's. */
export default class ProgressReporter implements Reporter {
  onTestCaseResult(test: TestCase): void {
    process.stderr.write(`${test.result().state}: ${test.fullName}\n`);
  }
}
