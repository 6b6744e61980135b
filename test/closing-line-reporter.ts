import type { Reporter, TestModule } from 'vitest/node';

/**
 * Ends the run with one plain line, `N passed, N failed`, for scripts that read the result. Before it come the tests
 * that passed at their second try only, with what was wrong at the first.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    let skipped = 0;
    const flaky: string[] = [];
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
        else skipped += 1;
        if (test.diagnostic()?.flaky === true)
          flaky.push(`${module.relativeModuleId}: ${test.fullName}: ${firstLine(errors?.[0]?.message)}`);
      }
    }
    process.once('exit', () => {
      for (const name of flaky) process.stdout.write(`\npassed at the second try only: ${name}`);
      process.stdout.write(
        `\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
      );
    });
  }
}

const maxLength = 300;

function firstLine(message = 'no error was reported'): string {
  return message.split('\n', 1)[0]?.slice(0, maxLength) ?? '';
}
