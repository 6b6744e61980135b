import { list, number, record, text, type JsonRecord } from '../../host/json-read.ts';
import type { DropPoint } from './drop-point.ts';
import { fitOfEtherType, type Packets } from './packets.ts';

/** A queueing discipline of an interface, as `tc -s -j qdisc show` has it. */
export interface Qdisc {
  readonly device: string;
  /** `fq_codel`, `netem`, `clsact`, … */
  readonly kind: string;
  readonly handle: string;
  /** It has what the interface sends. */
  readonly isRoot: boolean;
  /** Packets that it dropped so far. */
  readonly drops: number;
}

/** Reads `tc -s -j qdisc show`. Fails with `SyntaxError` for what is no JSON. */
export function parseQdiscs(stdout: string): readonly Qdisc[] {
  return entries(stdout).flatMap((entry) => {
    const kind = text(entry['kind']);
    const device = text(entry['dev']);
    if (kind === null || device === null) return [];
    return [
      {
        device,
        kind,
        handle: text(entry['handle']) ?? '',
        isRoot: entry['root'] === true,
        drops: number(entry['drops']) ?? 0,
      },
    ];
  });
}

/** The places of filters that a kind of discipline has. */
export function directionsOf(kind: string): readonly TcDirection[] {
  if (kind === 'clsact') return ['ingress', 'egress'];
  return kind === 'ingress' ? ['ingress'] : [];
}
export type TcDirection = 'ingress' | 'egress';

/** The filters of one interface and direction, and how the programs of its namespace are run. */
export interface TcView {
  readonly device: string;
  readonly direction: TcDirection;
  readonly packets: Packets;
  readonly prefix: string;
}

/**
 * Filters with an action that drops packets or sends them elsewhere, from `tc -s -j filter show dev X ingress`. One that decides
 * in a program (bpf, direct-action) has no counter; what it drops, its discipline counts.
 *
 * Fails with `SyntaxError` for what is no JSON.
 */
export function filterDropPoints(stdout: string, view: TcView): readonly DropPoint[] {
  return entries(stdout).flatMap((filter) => {
    const options = record(filter['options']);
    if (fitOfEtherType(text(filter['protocol']) ?? 'all', view.packets) === 'no') return [];
    return list(options['actions'])
      .map(record)
      .flatMap((action) => pointOfAction(filter, action, view));
  });
}

function pointOfAction(filter: JsonRecord, action: JsonRecord, view: TcView): DropPoint[] {
  const stats = record(action['stats']);
  const control = text(record(action['control_action'])['type']);
  const isAway = text(action['mirred_action']) === 'redirect';
  // An action of another kind, such as police, drops what is too much.
  const packets = number(stats[isAway ? 'packets' : 'drops']);
  if (packets === null || (control !== 'drop' && !isAway && packets === 0)) return [];
  const subject = `tc filter of ${view.device} ${view.direction}, ${nameOf(filter)}`;
  return [
    {
      key: `${subject}, action ${number(action['order']) ?? 1}`,
      subject,
      what: 'a filter of tc',
      text: `protocol ${text(filter['protocol']) ?? 'all'} ${nameOf(filter)}, action ${text(action['kind']) ?? ''} ${isAway ? 'redirect' : (control ?? '')}`.trim(),
      packets,
      fit: 'named',
      isOnPath: true,
      remedy:
        `${view.prefix}tc filter del dev ${view.device} ${view.direction} ${number(filter['pref']) === null ? '' : `pref ${number(filter['pref'])}`}`.trim(),
      owner: null,
    },
  ];
}

const nameOf = (filter: JsonRecord): string =>
  `pref ${number(filter['pref']) ?? '?'} ${text(filter['kind']) ?? ''}`.trim();

/** The filters of one interface and direction, in a few words each: `ingress pref 49152 bpf`. */
export function filterNames(stdout: string, direction: TcDirection): readonly string[] {
  return [
    ...new Set(
      entries(stdout).flatMap((filter) =>
        filter['options'] === undefined ? [] : [`${direction} ${nameOf(filter)}`],
      ),
    ),
  ];
}

/** What a queueing discipline dropped: by its filters, or of its own. */
export function qdiscDropPoint(
  { device, kind, handle, drops }: Qdisc,
  filters: readonly string[],
  prefix: string,
): DropPoint {
  const isFilters = directionsOf(kind).length > 0;
  const [only] = filters;
  return {
    key: `tc qdisc ${kind} ${handle} of ${device}`,
    subject: isFilters ? `tc filters of ${device}` : `tc qdisc ${kind} of ${device}`,
    what: isFilters ? 'a filter of tc' : `the queueing discipline ${kind}`,
    text: isFilters ? `${kind} with ${filters.join(', ') || 'no filter'}` : `${kind} ${handle}`,
    packets: drops,
    fit: 'named',
    isOnPath: true,
    isOrdinary: true,
    remedy:
      isFilters && filters.length === 1 && only !== undefined
        ? `${prefix}tc filter del dev ${device} ${only.split(' ').slice(0, 3).join(' ')}`
        : `${prefix}tc qdisc del dev ${device} ${isFilters ? kind : 'root'}`,
    owner: null,
  };
}

function entries(stdout: string): readonly JsonRecord[] {
  return stdout.trim() === '' ? [] : list(JSON.parse(stdout)).map(record);
}
