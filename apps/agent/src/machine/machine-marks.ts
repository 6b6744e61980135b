import { createHash } from 'node:crypto';
import type { MachineMarks } from '@trunkline/contracts';
import type { Link, Links } from '../host/links.ts';

/** What the marks are taken from. */
export interface MarkSources {
  readonly links: Pick<Links, 'list'>;
  /** Reads a text file; fails where it cannot. */
  readonly readFile: (path: string) => Promise<string>;
}

/** UUIDs of firmware that nobody set: they mark no machine. */
const meaningless = new Set([
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '03000200-0400-0500-0006-000700080009',
]);

/** What marks this machine, as of now. Fails as `Links.list` does. */
export async function readMachineMarks({ links, readFile }: MarkSources): Promise<MachineMarks> {
  const read = async (path: string): Promise<string> =>
    (await readFile(path).catch(() => '')).trim().toLowerCase();
  const [list, machineId, productId] = await Promise.all([
    links.list(),
    read('/etc/machine-id'),
    read('/sys/class/dmi/id/product_uuid'),
  ]);
  return {
    // "uninitialized" until the first boot has come so far (machine-id(5)).
    machineId: /^[0-9a-f]{32}$/.test(machineId) ? machineId : null,
    productId: /^[0-9a-f-]{36}$/.test(productId) && !meaningless.has(productId) ? productId : null,
    macs: nicMacs(list),
  };
}

/**
 * Ethernet addresses of the NICs, sorted. What is made in software comes and goes and does not count; in a system
 * container, whose NIC is a veth, that does where there is no other, but for the ports of bridges, which belong to containers.
 */
function nicMacs(links: readonly Link[]): readonly string[] {
  const ofKind = (isWanted: (link: Link) => boolean): string[] =>
    links.flatMap((link) => (link.mac !== null && isWanted(link) ? [link.mac] : []));
  const hardware = ofKind(({ kind }) => kind === null);
  const found =
    hardware.length > 0 ? hardware : ofKind(({ kind, master }) => kind === 'veth' && master === null);
  return [...new Set(found)].toSorted();
}

const hash = (value: string): string =>
  createHash('sha256').update(`trunkline-machine:${value}`).digest('base64url').slice(0, 8);

/** As the server gets them: it has no use for the values, and a machine id is to be kept from others (machine-id(5)). */
export function hashedMarks({ machineId, productId, macs }: MachineMarks): MachineMarks {
  return {
    machineId: machineId === null ? null : hash(machineId),
    productId: productId === null ? null : hash(productId),
    macs: macs.map((mac) => hash(mac)),
  };
}
