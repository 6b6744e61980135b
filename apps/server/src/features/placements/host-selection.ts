import type { HostSelector } from '@trunkline/contracts';

/** A host as far as selecting it goes. */
export interface HostRef {
  id: string;
  name: string;
  labels: Record<string, string>;
}

/** Whether a network should be on a host. */
export function selects(selector: HostSelector, host: Pick<HostRef, 'name' | 'labels'>): boolean {
  if (selector.all === true) return true;
  if (selector.names !== undefined) return selector.names.includes(host.name);
  const wanted = Object.entries(selector.labels ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => host.labels[key] === value);
}

/** Hosts that are selected by name and have not joined. */
export function unknownNames(selector: HostSelector, joined: Iterable<string>): string[] {
  const known = new Set(joined);
  return (selector.names ?? []).filter((name) => !known.has(name));
}

/** What to do so that a network is on exactly the hosts that are selected. Ids of hosts. */
export interface PlacementPlan {
  /** A placement is made. */
  add: string[];
  /** It was being removed, and should stay after all. */
  keep: string[];
  /** It is marked for removal; its host takes the network down and reports that. */
  remove: string[];
}

/** Compares the hosts selected with the placements there are. A placement of a host that is not in `hosts` is left alone. */
export function planPlacements(
  selector: HostSelector,
  hosts: readonly HostRef[],
  placements: readonly { hostId: string; removing: boolean }[],
): PlacementPlan {
  const placed = new Map(placements.map((placement) => [placement.hostId, placement.removing]));
  const plan: PlacementPlan = { add: [], keep: [], remove: [] };
  for (const host of hosts) {
    const removing = placed.get(host.id);
    if (selects(selector, host)) {
      if (removing === undefined) plan.add.push(host.id);
      else if (removing) plan.keep.push(host.id);
    } else if (removing === false) plan.remove.push(host.id);
  }
  return plan;
}
