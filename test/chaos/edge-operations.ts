import type { Operation } from './operation.ts';
import type { PlanState, WeightedOperation } from './plan-state.ts';

/** At most so many owners and stations at a time. */
const maxOwners = 4;
const maxStations = 2;

/** What happens to data, wire and by the API, while nothing that it needs is thought to be broken. */
export function edgeOperations(state: PlanState): readonly WeightedOperation[] {
  const server = (make: () => Operation | undefined) => () => (state.serverDown ? undefined : make());
  return [
    [3, () => auxNetwork(state)],
    [4, () => station(state)],
    [4, server(() => excluded(state))],
    [3, server(() => onNamed(state, (ip) => ({ do: 'force release', ip })))],
    [5, server(() => owner(state))],
    [2, server(() => backup(state))],
    [2, () => clone(state)],
  ];
}

function onNamed({ pick, settings }: PlanState, make: (ip: string) => Operation): Operation | undefined {
  const ip = pick(settings.byName);
  return ip === undefined ? undefined : make(ip);
}

function auxNetwork(state: PlanState): Operation | undefined {
  const { aux, settings, dockerdsDown, agentsDown, pick, chance } = state;
  const usable = settings.hosts.filter((host) => !dockerdsDown.has(host) && !agentsDown.has(host));
  const leaving = pick(usable.filter((host) => aux.has(host)));
  if (leaving !== undefined && chance(0.6)) {
    aux.delete(leaving);
    return { do: 'no aux network', host: leaving };
  }
  const host = pick(usable.filter((one) => !aux.has(one)));
  if (host === undefined) return undefined;
  aux.add(host);
  return onNamed(state, (ip) => ({ do: 'aux network', host, ip }));
}

function station({ stations, pick, settings, chance }: PlanState): Operation | undefined {
  const leaving = pick([...stations]);
  if (leaving !== undefined && (stations.size >= maxStations || chance(0.5))) {
    stations.delete(leaving);
    return { do: 'station leaves', ip: leaving };
  }
  const ip = pick(settings.byName.filter((one) => !stations.has(one)));
  if (ip === undefined) return undefined;
  stations.add(ip);
  return { do: 'station comes', ip };
}

function excluded(state: PlanState): Operation | undefined {
  if (state.isExcluding) {
    state.isExcluding = false;
    return { do: 'exclude', ips: [] };
  }
  state.isExcluding = true;
  const { pick, settings } = state;
  const ips = new Set([pick(settings.byName), pick(settings.byName)]);
  return { do: 'exclude', ips: [...ips].filter((ip) => ip !== undefined) };
}

function owner({ owners, pick, chance }: PlanState): Operation | undefined {
  const known = pick([...owners]);
  if (known !== undefined && (owners.size >= maxOwners || chance(0.4))) {
    if (chance(0.3)) return { do: 'reserve', owner: known };
    owners.delete(known);
    return { do: 'release', owner: known };
  }
  const fresh = ['a', 'b', 'c', 'd', 'e'].find((name) => !owners.has(name));
  if (fresh === undefined) return undefined;
  owners.add(fresh);
  return { do: 'reserve', owner: fresh };
}

function backup(state: PlanState): Operation | undefined {
  if (state.isBackedUp) {
    state.isBackedUp = false;
    return { do: 'restore backup' };
  }
  state.isBackedUp = true;
  return { do: 'back up' };
}

function clone({ settings, agentsDown, dockerdsDown, cloned, pick }: PlanState): Operation | undefined {
  const whole = settings.hosts.filter((host) => !agentsDown.has(host) && !dockerdsDown.has(host));
  const host = pick(whole);
  const from = pick(whole.filter((other) => other !== host));
  if (host === undefined || from === undefined) return undefined;
  cloned.add(host);
  agentsDown.add(host);
  return { do: 'clone state', host, from };
}
