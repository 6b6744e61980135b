/**
 * The first qemu that, as far as we know, locks a page of code while it translates it ("accel/tcg: Always lock pages before
 * translation"). Before, one processor could translate what another was writing, which is what programs with
 * a just-in-time compiler do all the time.
 */
const LOCKS_CODE_PAGES = [8, 1] as const;

/**
 * How many processors the VM may have: all, or one where qemu emulates several wrongly. With two on qemu 7.2 Node
 * crashed (SIGSEGV, SIGTRAP) in 5 of some 80 starts; one processor cannot race with itself. `version` is what
 * `qemu-system-x86_64 --version` prints. Pure.
 */
export function safeProcessors(version: string, available: number): number {
  const [, major = '0', minor = '0'] = /version (\d+)\.(\d+)/.exec(version) ?? [];
  const [firstMajor, firstMinor] = LOCKS_CODE_PAGES;
  const isSafe = Number(major) > firstMajor || (Number(major) === firstMajor && Number(minor) >= firstMinor);
  return isSafe ? available : 1;
}
