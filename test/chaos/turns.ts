import type { Operation } from './operation.ts';

/** What an operation stops, starts or copies: two that meet there would start one thing twice. */
export function thingsOf(operation: Operation): readonly string[] {
  if (ofServer.has(operation.do)) return ['server'];
  if (!('host' in operation)) return [];
  const agents = [operation.host, ...('from' in operation ? [operation.from] : [])];
  return [
    ...(ofAgent.has(operation.do) ? agents.map((host) => `agent of ${host}`) : []),
    ...(ofDockerd.has(operation.do) ? [`dockerd of ${operation.host}`] : []),
    ...(ofCable.has(operation.do) ? [`cable of ${operation.host}`] : []),
  ];
}

type Kinds = ReadonlySet<Operation['do']>;
const ofServer: Kinds = new Set([
  'kill server',
  'start server',
  'kill database',
  'back up',
  'restore backup',
]);
const ofAgent: Kinds = new Set([
  'restart agent',
  'kill agent',
  'start agent',
  'clone state',
  'own state',
  'reboot',
]);
const ofDockerd: Kinds = new Set(['restart dockerd', 'kill dockerd', 'start dockerd', 'reboot']);
const ofCable: Kinds = new Set(['cut', 'mend']);

/**
 * When operations of one step begin: as drawn, but not before an earlier one of the plan that shares a thing. The plan has thought
 * them in that order: a host whose state is a copy gets its own back after that.
 */
export function inPlannedOrder<T extends { readonly operation: Operation; readonly afterMs: number }>(
  operations: readonly T[],
): readonly T[] {
  const latest = new Map<string, number>();
  return operations.map((one) => {
    const things = thingsOf(one.operation);
    const afterMs = Math.max(one.afterMs, ...things.map((thing) => latest.get(thing) ?? 0));
    for (const thing of things) latest.set(thing, afterMs);
    return { ...one, afterMs };
  });
}

/** Runs work that shares a thing one after the other, in the order of the calls, and all other work side by side. */
export function createTurns(): <T>(things: readonly string[], work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (things, work) => {
    const before = things.flatMap((thing) => last.get(thing) ?? []);
    const mine = Promise.allSettled(before).then(work);
    // Noted for all things at once: no two can wait for each other.
    for (const thing of things) last.set(thing, mine);
    return await mine;
  };
}
