/** How a test in the VM ended, as a line of JSON tells it to who runs the VM. */
export interface ToldResult {
  /** Of the file from the root of the repository, and of the test. */
  readonly name: string;
  /** vitest's word; `passed` is the good one. */
  readonly status: string;
  /** What failed, empty without failure. */
  readonly why: string;
}
