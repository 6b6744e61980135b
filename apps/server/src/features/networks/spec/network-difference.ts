import { parentOn } from '../../placements/placed-network.ts';
import { networkFields, type NetworkSpec, type Replacement, type SubnetSpec } from './network-fields.ts';

/** The difference between two forms of a network. */
export interface NetworkDifference {
  /** The subnets as they were, in their order. */
  before: SubnetSpec[];
  /** Names of the fields that differ, in the order of the API. Empty: nothing to do. */
  fields: (keyof NetworkSpec)[];
  subnets: {
    added: SubnetSpec[];
    removed: SubnetSpec[];
    /** The gateway moves. */
    moved: SubnetSpec[];
    /** Only ranges or exclusions change. */
    resized: SubnetSpec[];
  };
  /** Docker can only make the network again, on every host. */
  replaces: boolean;
  /** On this host the parent changes, so Docker must make the network again there. */
  reparents(hostName: string): boolean;
}

/** Equal as JSON, whatever the order of keys. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
  return (
    left.length === right.size && left.every(([key, value]) => right.has(key) && same(value, right.get(key)))
  );
}

/** Names of the fields that differ, and whether Docker must replace the network on every host for that. */
export function fieldDifference<Spec extends object>(
  table: { readonly [K in keyof Spec]: { readonly replaces: Replacement<Spec[K]> } },
  current: Spec,
  wanted: Spec,
): { fields: (keyof Spec)[]; replaces: boolean } {
  const names = Object.keys(table) as (keyof Spec)[];
  const fields = names.filter((name) => !same(current[name], wanted[name]));
  const replaces = fields.some((name) => {
    const rule = table[name].replaces;
    return rule === 'onEveryHost' || (typeof rule === 'function' && rule(current[name], wanted[name]));
  });
  return { fields, replaces };
}

/** Compares a network with what is asked of it. Both canonical. */
export function networkDifference(current: NetworkSpec, wanted: NetworkSpec): NetworkDifference {
  const before = new Map(current.subnets.map((subnet) => [subnet.cidr, subnet]));
  const after = new Set(wanted.subnets.map((subnet) => subnet.cidr));
  const staying = wanted.subnets.flatMap((subnet) => {
    const old = before.get(subnet.cidr);
    return old === undefined ? [] : [{ subnet, old }];
  });
  const subnets = {
    added: wanted.subnets.filter((subnet) => !before.has(subnet.cidr)),
    removed: current.subnets.filter((subnet) => !after.has(subnet.cidr)),
    moved: staying.filter(({ subnet, old }) => subnet.gateway !== old.gateway).map(({ subnet }) => subnet),
    resized: staying
      .filter(
        ({ subnet, old }) =>
          subnet.gateway === old.gateway &&
          !(same(subnet.ranges, old.ranges) && same(subnet.exclude, old.exclude)),
      )
      .map(({ subnet }) => subnet),
  };
  return {
    before: current.subnets,
    ...fieldDifference<NetworkSpec>(networkFields, current, wanted),
    subnets,
    reparents: (hostName) => parentOn(current, hostName) !== parentOn(wanted, hostName),
  };
}
