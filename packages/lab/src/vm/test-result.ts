/** The result of a test in the VM, as the reporter prints it: one line of JSON each. */
export interface TestResult {
  /** Of the file from the root of the repository, and of the test. */
  readonly name: string;
  /** vitest's word; `passed` is the good one. */
  readonly status: string;
  /** What failed, empty without failure. */
  readonly why: string;
}
