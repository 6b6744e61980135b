import type { HostFinding } from '@trunkline/contracts';
import type { DropPoint } from './drop-point.ts';

/** Findings about what may have dropped packets, at most; a long list names no cause. */
const maxUncertain = 8;

/**
 * What took packets away between two looks, that which took most first. `isLost`: something that this host sent, or was to hear, was
 * lost. What stands on the path is named without that, too: whether another host misses packets, the server knows.
 */
export function judgeDrops(
  before: readonly DropPoint[],
  after: readonly DropPoint[],
  { isLost, place }: { readonly isLost: boolean; readonly place: string },
): readonly HostFinding[] {
  const counted = new Map(before.map(({ key, packets }) => [key, packets]));
  const risen = after
    .map((point) => ({ point, from: counted.get(point.key) ?? 0, rise: riseOf(point, counted) }))
    .filter(({ rise }) => rise > 0)
    .toSorted((a, b) => b.rise - a.rise);
  const filtered = new Set(
    risen.filter(({ point }) => !isByQdisc(point)).map(({ point }) => deviceOf(point)),
  );
  const certain: HostFinding[] = [];
  const uncertain: HostFinding[] = [];
  for (const { point, from, rise } of risen) {
    // What the filters of an interface drop, its discipline counts as well.
    if (isByQdisc(point) && filtered.has(deviceOf(point))) continue;
    const evidence = [
      `${point.subject}: ${point.text}`,
      `${packetsOf(from)} before the traffic of this diagnosis, ${point.packets} after it`,
    ];
    if (isLost ? point.isOnPath || point.fit === 'named' : point.isOnPath && point.isOrdinary !== true) {
      certain.push(
        found(
          'packets-dropped',
          point,
          place,
          `dropped ${packetsOf(rise)} while this diagnosis sent its own`,
          evidence,
        ),
      );
    } else if (isLost && point.isOrdinary !== true) {
      const did = `dropped ${packetsOf(rise)}; they need not be of this diagnosis`;
      uncertain.push(found('packets-may-be-dropped', point, place, did, evidence));
    }
  }
  if (isLost) {
    for (const point of after) {
      if (point.packets !== null || !(point.isOnPath || point.fit === 'named')) continue;
      const evidence = [`${point.subject}: ${point.text}`, 'it has no counter, and packets were lost'];
      uncertain.push(
        found(
          'packets-may-be-dropped',
          point,
          place,
          'drops packets, and has no counter that says which',
          evidence,
        ),
      );
    }
  }
  return [...certain, ...uncertain.slice(0, maxUncertain)];
}

const packetsOf = (count: number): string => `${count} ${count === 1 ? 'packet' : 'packets'}`;
const isByQdisc = ({ key }: DropPoint): boolean => /^tc qdisc (?:clsact|ingress) /.test(key);
/** `ens33` of `tc filter of ens33 ingress, …` and of `tc qdisc clsact ffff: of ens33`. */
const deviceOf = ({ key }: DropPoint): string => /^tc .*? of (\S+)/.exec(key)?.[1] ?? '';

/** Also of a rule that somebody made in between; 0 without a counter, and where it was set back. */
function riseOf({ key, packets }: DropPoint, counted: ReadonlyMap<string, number | null>): number {
  return packets === null ? 0 : packets - (counted.get(key) ?? 0);
}

function found(
  code: HostFinding['code'],
  { subject, what, remedy, owner }: DropPoint,
  place: string,
  did: string,
  evidence: readonly string[],
): HostFinding {
  return {
    code,
    subject: `${subject}${place}`,
    message: `${what}${owner === null ? '' : ` (of ${owner})`}${place} ${did}: ${subject}`,
    evidence: [...evidence],
    remedy: owner === null ? remedy : `change it in ${owner}, which puts it back; until then: ${remedy}`,
  };
}
