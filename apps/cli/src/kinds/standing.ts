import {
  needsPerson,
  type Condition,
  type Container,
  type Network,
  type Placement,
} from '@trunkline/contracts';

/** How far something is from what is asked of it. */
export interface Standing {
  /** `stuck`: it cannot be real before a host joins or is heard of again. `blocked`: only a person can change what is in the way. */
  readonly state: 'real' | 'under way' | 'stuck' | 'blocked';
  /** In a few words, for people. */
  readonly says: string;
}

const readyOf = (conditions: readonly Condition[]): Condition | undefined =>
  conditions.find(({ type }) => type === 'Ready');

const isSilent = (conditions: readonly Condition[]): boolean => readyOf(conditions)?.reason === 'HostOffline';

/** Whether its host found, of the present generation, what only a person can change. */
function isBlocked(
  of: 'placement' | 'container',
  conditions: readonly Condition[],
  generation: number,
): boolean {
  const ready = readyOf(conditions);
  return ready !== undefined && ready.observedGeneration >= generation && needsPerson(of, ready);
}

/** A network is real when every host that should have it has it as it should be now. */
export function networkStanding({ name, status }: Network, placements: readonly Placement[]): Standing {
  const { ready, total } = status.hosts;
  const rest = placements.filter(({ conditions }) => readyOf(conditions)?.status !== 'True');
  const [first] = rest.filter(({ conditions }) => !isSilent(conditions)).concat(rest);
  const why = first === undefined ? '' : `; ${first.host}: ${messageOf(first.conditions)}`;
  const says = `network ${name} is in place on ${ready} of ${total} hosts${status.ready ? '' : why}`;
  if (status.ready) return { state: 'real', says };
  if (total === 0)
    return { state: 'stuck', says: `network ${name} is nowhere: ${messageOf(status.conditions)}` };
  if (rest.length === 0) return { state: 'under way', says };
  if (rest.every(({ conditions }) => isSilent(conditions))) return { state: 'stuck', says };
  const waits = rest.some(
    ({ conditions, generation }) => !isSilent(conditions) && !isBlocked('placement', conditions, generation),
  );
  return { state: waits ? 'under way' : 'blocked', says };
}

/** A container is real when it was seen running with its addresses. */
export function containerStanding({ name, host, running, conditions, generation }: Container): Standing {
  if (running) return { state: 'real', says: `container ${name} runs on ${host}` };
  const isBlockedNow = isBlocked('container', conditions, generation);
  return {
    state: isSilent(conditions) ? 'stuck' : isBlockedNow ? 'blocked' : 'under way',
    says: `container ${name} does not run on ${host} yet: ${messageOf(conditions)}`,
  };
}

function messageOf(conditions: readonly Condition[]): string {
  const ready = readyOf(conditions);
  return ready === undefined ? 'its agent has not looked yet' : `${ready.reason}, ${ready.message}`;
}
