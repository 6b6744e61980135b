import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';
import type { TestResult } from './test-result.ts';

const words = (errors: readonly { readonly message: string; readonly stack?: string }[]): string =>
  errors.map(({ message, stack }) => stack ?? message).join('\n');

/** Reports how each test ended: on stdout as lines of JSON for the program that runs the VM, and at once on stderr for people. */
export default class JsonLinesReporter implements Reporter {
  #root = '';

  onInit(vitest: Vitest): void {
    this.#root = `${vitest.config.root}/`;
  }

  onTestCaseResult(test: TestCase): void {
    const { state, errors = [] } = test.result();
    process.stderr.write(`${state}: ${test.fullName}\n`);
    // It has the errors of its first try (docs/decisions/0046-a-second-try-is-named.md).
    if (state === 'passed' && errors.length > 0)
      process.stderr.write(`passed at the second try only: ${test.fullName}\n${words(errors)}\n`);
  }

  onTestModuleEnd(module: TestModule): void {
    const file = module.moduleId.replace(this.#root, '');
    // A set-up that fails leaves the tests skipped, and its reason with the file.
    const before = words(module.errors());
    if (before !== '') this.#report({ name: file, status: 'failed', why: before });
    for (const test of module.children.allTests()) {
      const { state, errors = [] } = test.result();
      this.#report({
        name: `${file}: ${test.fullName}`,
        status: state,
        why: state === 'passed' ? '' : words(errors),
      });
    }
  }

  #report(result: TestResult): void {
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}
