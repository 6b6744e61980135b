/*
 * How a machine is distinguished from a copy of itself (docs/decisions/0031-state-belongs-to-its-machine.md). Agent and server
 * decide by this one table: the agent for the folder it finds, the server for the agents that connect to it.
 */

/** What marks a machine. The server sees the values hashed. */
export interface MachineMarks {
  /** machine-id(5): of the installed system; null where there is none. */
  machineId: string | null;
  /** The product UUID of the firmware (DMI, SMBIOS type 1); null where there is none, or a meaningless one. */
  productId: string | null;
  /** Ethernet addresses of its NICs. */
  macs: readonly string[];
}

/**
 * `same`, `other`, or `unseen`: no NIC was seen on one side, and nothing else contradicts it. With `other`, `late` states
 * that only the NICs do, of which one may still come up.
 */
export type MachineVerdict =
  { is: 'same' } | { is: 'unseen' } | { is: 'other'; late: boolean; differs: readonly string[] };

/** The table of ADR 0031. Pure. */
export function compareMachines(recorded: MachineMarks, seen: MachineMarks): MachineVerdict {
  const ids = [
    ['the machine id', recorded.machineId, seen.machineId],
    ['the product UUID', recorded.productId, seen.productId],
  ] as const;
  const known = ids.filter(([, before, now]) => before !== null && now !== null);
  const differing = known.filter(([, before, now]) => before !== now).map(([name]) => name);
  const sharesNic = seen.macs.some((mac) => recorded.macs.includes(mac));
  if (sharesNic) {
    const allDiffer = known.length > 0 && differing.length === known.length;
    return allDiffer ? { is: 'other', late: false, differs: differing } : { is: 'same' };
  }
  const noNic = seen.macs.length === 0 || recorded.macs.length === 0;
  if (noNic && differing.length === 0) return { is: 'unseen' };
  const differs = noNic ? differing : [...differing, 'every Ethernet address of its NICs'];
  return { is: 'other', late: differing.length === 0, differs };
}

const hashPart = /^[\w-]{8}$/;
const none = '-';
const acceptedMark = 'accepted';
const maxMacs = 8;

/**
 * The value of `trunkline-instance`: a random part of this process, then the marks of its machine as
 * hashes of 8 characters. `accepted`: an operator confirmed on the host that this is the machine now.
 */
export function instanceOf(random: string, marks: MachineMarks, accepted: boolean): string {
  const macs = marks.macs.slice(0, maxMacs).join('+');
  const parts = [random, marks.machineId ?? none, marks.productId ?? none, macs === '' ? none : macs];
  return [...parts, ...(accepted ? [acceptedMark] : [])].join('.');
}

/** The marks in an instance; undefined where it has none (an older agent). */
export function marksOfInstance(instance: string): { marks: MachineMarks; accepted: boolean } | undefined {
  const [, machineId, productId, macs, flag, ...rest] = instance.split('.');
  if (machineId === undefined || productId === undefined || macs === undefined || rest.length > 0)
    return undefined;
  if (flag !== undefined && flag !== acceptedMark) return undefined;
  const list = macs === none ? [] : macs.split('+');
  const isPart = (part: string): boolean => part === none || hashPart.test(part);
  if (!isPart(machineId) || !isPart(productId) || !list.every((mac) => hashPart.test(mac))) return undefined;
  const part = (text: string): string | null => (text === none ? null : text);
  return {
    marks: { machineId: part(machineId), productId: part(productId), macs: list },
    accepted: flag === acceptedMark,
  };
}
