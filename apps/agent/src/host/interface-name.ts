/** A text that cannot name a network interface. */
export class InvalidInterfaceName extends Error {
  override readonly name = 'InvalidInterfaceName';
  /** The text as it was given. */
  readonly given: string;

  constructor(given: string, reason: string) {
    super(`${JSON.stringify(given)} is not an interface name: ${reason}`);
    this.given = given;
  }
}

/**
 * Refuses every name that is not safe to hand to the kernel or to `ip`. Stricter than the kernel's `dev_valid_name`
 * (15 bytes, no slash, colon or white space, not `.` or `..`): only letters, digits, `_`, `.` and `-`, and no leading
 * dash, which `ip` could take for an option. `%` is out because the kernel fills it in (`eth%d`), `@` because `ip`
 * prints it between a link and its parent.
 *
 * Fails with {@link InvalidInterfaceName}.
 */
export function assertInterfaceName(name: string): void {
  if (name === '') throw new InvalidInterfaceName(name, 'it is empty');
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) {
    throw new InvalidInterfaceName(name, 'only letters, digits, "_", "." and "-" are allowed');
  }
  if (name.length > 15) throw new InvalidInterfaceName(name, `it has ${name.length} bytes, 15 are allowed`);
  if (name === '.' || name === '..') throw new InvalidInterfaceName(name, 'the kernel reserves it');
  if (name.startsWith('-')) throw new InvalidInterfaceName(name, 'it starts with a dash');
}
