import type { Condition, Container, Network, Placement } from '@trunkline/contracts';

/** How far something is from what is asked of it. */
export interface Standing {
  /** `stuck`: it cannot be real before a host joins or is heard of again. */
  readonly state: 'real' | 'under way' | 'stuck';
  /** In a few words, for people. */
  readonly says: string;
}

const readyOf = (conditions: readonly Condition[]): Condition | undefined =>
  conditions.find(({ type }) => type === 'Ready');

const isSilent = (conditions: readonly Condition[]): boolean => readyOf(conditions)?.reason === 'HostOffline';

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
  const isStuck = rest.length > 0 && rest.every(({ conditions }) => isSilent(conditions));
  return { state: isStuck ? 'stuck' : 'under way', says };
}

/** A container is real when it was seen running with its addresses. */
export function containerStanding({ name, host, running, conditions }: Container): Standing {
  if (running) return { state: 'real', says: `container ${name} runs on ${host}` };
  return {
    state: isSilent(conditions) ? 'stuck' : 'under way',
    says: `container ${name} does not run on ${host} yet: ${messageOf(conditions)}`,
  };
}

function messageOf(conditions: readonly Condition[]): string {
  const ready = readyOf(conditions);
  return ready === undefined ? 'its agent has not looked yet' : `${ready.reason}, ${ready.message}`;
}
