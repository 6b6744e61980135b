/**
 * Whether the text may name a network interface: 1 to 15 bytes (IFNAMSIZ less its end mark) of letters, digits, `_`,
 * `.` and `-`, not `.` or `..`, no leading dash. Stricter than the kernel's `dev_valid_name`, so that no program can
 * take the name for an option, a pattern (`eth%d`) or two names (`eth0@if2`).
 */
export function isInterfaceName(text: string): boolean {
  return /^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,14}$/.test(text) && text !== '.' && text !== '..';
}

/** Whether the number is a VLAN that frames can be tagged with: 1..4094 (IEEE 802.1Q keeps 0 and 4095). */
export function isVlanId(id: number): boolean {
  return Number.isInteger(id) && id >= 1 && id <= 4094;
}
