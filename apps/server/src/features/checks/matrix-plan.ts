import { matrixBounds, type MatrixPair, type MatrixTask } from '@trunkline/contracts';

/** A host that something is tried from. */
export interface MatrixHost {
  id: string;
  name: string;
  /** Why it is not asked; null: it is. */
  left: string | null;
}

/** What is tried: a container, a host, the gateways of a network, or none of these and only an address. */
export interface MatrixTarget {
  container: string | null;
  host: string | null;
  gateway: string | null;
  /** All of its addresses: a name may lead to each of them. */
  addresses: string[];
}

/** One direction to one address. */
export interface MatrixTry {
  /** Place of the host in `hosts`. */
  host: number;
  /** The container on it; null: the host itself. */
  container: string | null;
  /** Place in `targets`. */
  target: number;
  /** Null: the target has none. */
  address: string | null;
  port: number | null;
  /** Why it may stay silent without being at fault; null: it may not. */
  limit: string | null;
}

/** A connectivity matrix as it was planned. */
export interface MatrixPlan {
  network: string | null;
  pairs: MatrixPair[] | null;
  port: number | null;
  names: boolean;
  count: number;
  timeoutSeconds: number;
  hosts: MatrixHost[];
  targets: MatrixTarget[];
  tries: MatrixTry[];
  /** Which part of the whole it is, in words; null: the whole. */
  sample: string | null;
}

/** A running container on a network. */
export interface MatrixMember {
  hostId: string;
  host: string;
  name: string;
  addresses: string[];
}

/** Echo requests to each address where the request does not say. */
export const matrixCount = 3;

/** How long a host has after it began the last try, in seconds: pings, a connection or a name, and the report. */
const endSeconds = 5;

/**
 * Members in an order in which neighbours are on different hosts as far as may be: the first of each host, then the second of each. A
 * ring over it crosses the wire.
 */
export function acrossHosts<T extends { hostId: string }>(members: readonly T[]): T[] {
  const places = new Map<string, number>();
  return members
    .map((member) => {
      const place = places.get(member.hostId) ?? 0;
      places.set(member.hostId, place + 1);
      return { member, place };
    })
    .toSorted((a, b) => a.place - b.place)
    .map(({ member }) => member);
}

/**
 * Of members in a ring, how many that follow it each tries: all others up to the bounds, a sample above. Pure.
 *
 * Where even one each is too much, fewer members take part.
 */
export function ringOf(
  members: readonly MatrixMember[],
  bounds: { tries: number; triesOfHost: number } = matrixBounds,
): { members: MatrixMember[]; others: number } {
  const addresses = Math.max(1, ...members.map((member) => member.addresses.length));
  const most = Math.floor(bounds.tries / addresses);
  const mostOfHost = Math.floor(bounds.triesOfHost / addresses);
  const onHost = new Map<string, number>();
  const taken = members
    .filter(({ hostId }) => {
      const count = (onHost.get(hostId) ?? 0) + 1;
      onHost.set(hostId, count);
      return count <= mostOfHost;
    })
    .slice(0, most);
  const counts = new Map<string, number>();
  for (const { hostId } of taken) counts.set(hostId, (counts.get(hostId) ?? 0) + 1);
  const others = Math.min(
    taken.length - 1,
    Math.floor(most / Math.max(1, taken.length)),
    Math.floor(mostOfHost / Math.max(1, ...counts.values())),
  );
  return { members: taken, others: Math.max(0, others) };
}

/** Pairs of places in a ring: each with the `others` that follow it. */
export function ringPairs(count: number, others: number): [from: number, to: number][] {
  return Array.from({ length: count }, (_, from) =>
    Array.from({ length: others }, (__, step): [number, number] => [from, (from + step + 1) % count]),
  ).flat();
}

/** What a host is asked, with where each answer belongs. */
export interface HostTask {
  task: MatrixTask;
  /** For each of `task.tries`, its place in the plan. */
  tries: number[];
  /** For each of `task.names`, the source and the target: see `nameKey`. */
  names: string[];
}

/** A name as one source resolves it. */
export const nameKey = (container: string | null, target: number): string => `${target} ${container ?? ''}`;

/** Whether the name of the target is resolved. */
export const asksName = (plan: MatrixPlan, one: MatrixTry): boolean =>
  plan.names && one.container !== null && (plan.targets[one.target]?.container ?? null) !== null;

/** What each host of the plan is asked to do, in its order. Pure, and the same each time. */
export function hostTasks(plan: MatrixPlan): HostTask[] {
  const byHost = Map.groupBy(plan.tries.entries(), ([, { host }]) => host);
  return plan.hosts.map((_, place) => hostTask(plan, byHost.get(place) ?? []));
}

function hostTask(plan: MatrixPlan, ofHost: readonly [index: number, one: MatrixTry][]): HostTask {
  const sources = new Map<string | null, number>();
  const placeOf = (container: string | null): number => {
    const place = sources.get(container) ?? sources.size;
    sources.set(container, place);
    return place;
  };
  const tries: number[] = [];
  const asked: MatrixTask['tries'] = [];
  const names = new Map<string, MatrixTask['names'][number]>();
  for (const [index, one] of ofHost) {
    if (one.address === null) continue;
    const from = placeOf(one.container);
    tries.push(index);
    asked.push({ from, address: one.address, port: one.port });
    const name = plan.targets[one.target]?.container ?? null;
    if (asksName(plan, one) && name !== null) names.set(nameKey(one.container, one.target), { from, name });
  }
  const lastPings = Math.ceil(plan.count * 0.2);
  return {
    task: {
      sources: [...sources.keys()],
      tries: asked,
      names: [...names.values()],
      count: plan.count,
      seconds: Math.max(1, plan.timeoutSeconds - endSeconds - lastPings),
    },
    tries,
    names: [...names.keys()],
  };
}
