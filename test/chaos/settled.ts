import type { Live, Row, Violation, ViolationKind } from './observation.ts';

/** A row of the address book in full. */
export interface BookRow extends Row {
  readonly owner: string | null;
  /** Since when its quarantine is over, in milliseconds; null: it is not, or it is in none. */
  readonly overdueMs: number | null;
}

/** A container as its Docker knows it. */
export interface Boxed {
  readonly host: string;
  readonly container: string;
  readonly running: boolean;
  /** Attached to the network, or would be if it ran. */
  readonly attached: boolean;
  /** Address that it asks for at each start. */
  readonly pin: string | null;
  /** Ethernet address of its interface on the network; null while it has none. */
  readonly mac: string | null;
  /** The server was asked for it at the last start, as far as is known. */
  readonly known: boolean;
  /** Docker's error of its last start; empty: it succeeded. */
  readonly error: string;
  /** It should run: its restart policy starts it, and nobody stopped it. */
  readonly awaited: boolean;
}

/** All that is known once nothing is broken and nothing is under way any more. */
export interface Settled {
  readonly at: number;
  readonly hosts: readonly string[];
  /** Addresses that each host keeps in advance. */
  readonly warm: number;
  readonly live: readonly Live[];
  readonly rows: readonly BookRow[];
  /** Addresses that a foreign machine had at some time: the product may keep them apart for a while. */
  readonly foreign: ReadonlySet<string>;
  readonly boxes: readonly Boxed[];
  /** As the API counts them. */
  readonly allocatable: number;
  readonly free: number;
}

/** A quarantine is over when its time is; the row goes with the next sweep. */
const sweepMs = 60_000;

/**
 * What must hold at rest: each held address is on a container, in a warm pool or kept for a stopped one, each address on a container is
 * bound there, and the numbers add up. Pure.
 */
export function unsettled(settled: Settled): readonly Violation[] {
  return [
    ...leaks(settled),
    ...missing(settled),
    ...pools(settled),
    ...boxesOf(settled),
    ...macs(settled),
    ...counts(settled),
  ];
}

const violation = (
  { at }: Settled,
  kind: ViolationKind,
  text: string,
  ip: string | null,
  hosts: readonly (string | null)[] = [],
  containers: readonly string[] = [],
): Violation => ({ kind, at, ip, hosts: hosts.filter((host) => host !== null), containers, text });

const isOn = (live: readonly Live[], { ip, host }: Row): boolean =>
  live.some((one) => one.ip === ip && one.host === host);

/** A container that runs and that its Docker takes for stopped: it is in no report, and its host holds the address for it. */
const isStray = ({ boxes }: Settled, { host, container }: Live): boolean =>
  !boxes.some((box) => box.host === host && box.container === container && box.running);

/** A stopped container of the host asks for just this address at its next start: nobody else may have it meanwhile. */
const isKept = (boxes: readonly Boxed[], { ip, host }: Row): boolean =>
  boxes.some((box) => box.host === host && box.attached && !box.running && box.pin === ip);

function leaks(settled: Settled): readonly Violation[] {
  return settled.rows.flatMap((row) => {
    const leak = (why: string): Violation[] => [
      violation(
        settled,
        'leak',
        `${row.ip} is ${row.state}${row.host ? ` on ${row.host}` : ''}, ${why}`,
        row.ip,
        [row.host],
      ),
    ];
    switch (row.state) {
      case 'bound':
        return isOn(settled.live, row) || isKept(settled.boxes, row)
          ? []
          : leak('but no container there has it');
      case 'reserved':
        return row.owner === null ? leak('but nobody asked for it') : [];
      case 'quarantined':
        return (row.overdueMs ?? 0) > sweepMs ? leak('though its time is over') : [];
      case 'conflicted':
        return settled.foreign.has(row.ip) ? [] : leak('but nothing foreign is on the wire');
      default:
        return [];
    }
  });
}

function missing(settled: Settled): readonly Violation[] {
  return settled.live.flatMap((one) => {
    const row = settled.rows.find(({ ip }) => ip === one.ip);
    if (row?.state === 'bound' && row.host === one.host) return [];
    if (row?.state === 'leased' && row.host === one.host && isStray(settled, one)) return [];
    const state = row === undefined ? 'free' : `${row.state}${row.host === null ? '' : ` on ${row.host}`}`;
    const text = `${one.ip} is on a container of ${one.host}, but the book has it as ${state}`;
    return [violation(settled, 'not in the book', text, one.ip, [one.host], [one.container])];
  });
}

/** Leases of a host that are not kept for a stopped container which asks for exactly that address. */
function pools(settled: Settled): readonly Violation[] {
  const strays = settled.live.filter((one) => isStray(settled, one));
  return settled.hosts.flatMap((host) => {
    const leased = settled.rows.filter((row) => row.host === host && row.state === 'leased');
    const unused = leased.filter((row) => !isKept(settled.boxes, row) && !isOn(strays, row));
    const report = (kind: 'leak' | 'pool'): Violation[] => {
      const list = unused.map(({ ip }) => ip).join(', ');
      const text = `${host} holds ${String(unused.length)} unused addresses, not ${String(settled.warm)}: ${list}`;
      return [violation(settled, kind, text, null, [host])];
    };
    if (unused.length > settled.warm) return report('leak');
    return unused.length < settled.warm && settled.free > 0 ? report('pool') : [];
  });
}

function boxesOf(settled: Settled): readonly Violation[] {
  return settled.boxes.flatMap((box) => {
    const { host, container, pin, error } = box;
    if (!box.running) {
      if (!box.awaited) return [];
      const cause = error === '' ? 'Docker has no error' : `Docker's error: ${error}`;
      const text = `a container of ${host} does not run, though it should by its restart policy: ${cause}`;
      return [violation(settled, 'not running', text, pin, [host], [container])];
    }
    if (!box.attached) return [];
    const has = settled.live.filter((one) => one.host === host && one.container === container);
    const [one] = has;
    if (has.length === 1 && (pin === null || one?.ip === pin)) return [];
    const text = `a container of ${host} has ${has.map(({ ip }) => ip).join(', ') || 'no address'}, not ${pin ?? 'one'}`;
    return [violation(settled, 'wrong address', text, pin, [host], [container])];
  });
}

/** Two stations of one wire have two Ethernet addresses, where the server could be asked. */
function macs(settled: Settled): readonly Violation[] {
  const running = settled.boxes.filter(
    ({ running: runs, attached, mac, known }) => runs && attached && known && mac !== null,
  );
  return running.flatMap((box, index) => {
    const other = running.slice(0, index).find(({ mac }) => mac === box.mac);
    if (other === undefined) return [];
    const text = `a container of ${other.host} and one of ${box.host} both have ${String(box.mac)}`;
    return [
      violation(
        settled,
        'duplicate MAC',
        text,
        null,
        [other.host, box.host],
        [other.container, box.container],
      ),
    ];
  });
}

function counts(settled: Settled): readonly Violation[] {
  const sum = settled.free + settled.rows.length;
  if (sum === settled.allocatable) return [];
  const text = `${String(settled.free)} free and ${String(settled.rows.length)} held make ${String(sum)}, not ${String(settled.allocatable)}`;
  return [violation(settled, 'count', text, null)];
}
