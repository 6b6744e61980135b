import type { DiagnosisPlan } from './diagnosis-plan.ts';
import { acrossHosts, type MatrixMember } from './matrix-plan.ts';

/** Running containers of a network that are looked into on each host, and how many others each of a host or a container tries. */
export const trialsOfHost = 4;
const peersOfEach = 3;

/** What running containers try, so that what is wrong with them shows. */
export interface Trials {
  pings: DiagnosisPlan['pings'];
  /** Names of the containers that take part, by the id of their host. */
  containers: ReadonlyMap<string, readonly string[]>;
}

/**
 * Containers that are asked about try others and are tried by them; on other hosts where there are some, for a way that crosses the
 * wire. Where all of them are asked about, they stand in a ring. Only macvlan in bridge mode lets two of one host reach each other.
 * Pure.
 */
export function planTrials(
  members: readonly MatrixMember[],
  isAskedAbout: (member: MatrixMember) => boolean,
  mode: string,
): Trials {
  const ordered = acrossHosts(members);
  const asked = ordered.filter(isAskedAbout);
  const others = ordered.filter((one) => !isAskedAbout(one));
  const mayReach = (a: MatrixMember, b: MatrixMember): boolean =>
    a !== b && (a.hostId !== b.hostId || mode === 'bridge');
  const pairs =
    others.length === 0
      ? ring(asked)
      : asked.flatMap((one) => peersOf(one, others, mayReach).map((other): Pair => [one, other]));
  const both = pairs
    .filter(([a, b]) => mayReach(a, b))
    .flatMap(([a, b]): Pair[] => [
      [a, b],
      [b, a],
    ]);
  const taking = new Set([...asked, ...both.flat()]);
  return {
    pings: both.flatMap(([from, to]) =>
      to.addresses.map((address) => ({ hostId: from.hostId, from: from.name, to: to.name, address })),
    ),
    containers: new Map(
      [...Map.groupBy(taking, ({ hostId }) => hostId)].map(([hostId, those]) => [
        hostId,
        those.map(({ name }) => name),
      ]),
    ),
  };
}

type Pair = readonly [MatrixMember, MatrixMember];

/** Each with the next; of two, once. */
function ring(members: readonly MatrixMember[]): Pair[] {
  const count = members.length === 2 ? 1 : members.length;
  return members.slice(0, count).flatMap((one, index): Pair[] => {
    const next = members[(index + 1) % members.length];
    return next === undefined || next === one ? [] : [[one, next]];
  });
}

/** Those of other hosts first. */
function peersOf(
  one: MatrixMember,
  others: readonly MatrixMember[],
  mayReach: (a: MatrixMember, b: MatrixMember) => boolean,
): MatrixMember[] {
  const far = others.filter(({ hostId }) => hostId !== one.hostId);
  const near = others.filter((other) => other.hostId === one.hostId && mayReach(one, other));
  return [...far, ...near].slice(0, peersOfEach);
}
