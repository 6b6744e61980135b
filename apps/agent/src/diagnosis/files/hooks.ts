import { distinct, undoneBySteps, type Scripts } from './last-word.ts';
import type { HostFile, Undoing, Wanted } from './undoing.ts';

/** What a program that sets up interfaces calls its hooks with, for one of them. */
export type Given = (name: string) => Readonly<Record<string, string>>;

/** Hooks that are called when an interface comes up: of NetworkManager, networkd-dispatcher, dhclient and initscripts. */
export const given = {
  /** NetworkManager-dispatcher(8). */
  networkManager: (name) => ({
    1: name,
    2: 'up',
    DEVICE_IFACE: name,
    DEVICE_IP_IFACE: name,
    NM_DISPATCHER_ACTION: 'up',
  }),
  networkManagerBefore: (name) => ({
    1: name,
    2: 'pre-up',
    DEVICE_IFACE: name,
    DEVICE_IP_IFACE: name,
    NM_DISPATCHER_ACTION: 'pre-up',
  }),
  /** networkd-dispatcher(8). */
  networkd: (name) => ({ IFACE: name }),
  /** dhclient-script(8). */
  dhclient: (name) => ({ interface: name, reason: 'BOUND' }),
  /** /sbin/ifup-local of initscripts. */
  initscripts: (name) => ({ 1: name }),
  /** /etc/rc.local and boot.local. */
  boot: () => ({ 1: 'start' }),
} as const satisfies Record<string, Given>;

/** Each script by itself, once for each interface that it may be called for: their order is not known. */
export function undoneByHooks(
  files: readonly HostFile[],
  variables: Given,
  wanted: Wanted,
  scripts: Scripts,
): readonly Undoing[] {
  return distinct(
    files.flatMap(({ path, text }) =>
      wanted.names.flatMap((name) =>
        undoneBySteps([{ path, text, variables: variables(name) }], wanted, scripts),
      ),
    ),
  );
}
