import type { HostOperation, Operation } from './operation.ts';
import type { PlanState, WeightedOperation } from './plan-state.ts';

/** Breaks something that is whole, for good or for a moment. */
export function breakingOperations(state: PlanState): readonly WeightedOperation[] {
  const { settings, agentsDown, dockerdsDown, cut, pick } = state;
  const on = (hosts: readonly string[], what: HostOperation['do']): HostOperation | undefined => {
    const host = pick(hosts);
    return host === undefined ? undefined : { do: what, host };
  };
  const forGood = (broken: Set<string>, what: HostOperation['do']) => (): Operation | undefined => {
    const operation = on(
      settings.hosts.filter((host) => !broken.has(host)),
      what,
    );
    if (operation !== undefined) broken.add(operation.host);
    return operation;
  };
  const whole = (): readonly string[] =>
    settings.hosts.filter((host) => !agentsDown.has(host) && !dockerdsDown.has(host));
  return [
    [5, forGood(agentsDown, 'kill agent')],
    [4, () => on(whole(), 'restart agent')],
    [3, forGood(dockerdsDown, 'kill dockerd')],
    [1, () => on(whole(), 'restart dockerd')],
    [4, forGood(cut, 'cut')],
    // A reboot of the lab mends a cut cable unasked.
    [
      2,
      () =>
        on(
          whole().filter((host) => !cut.has(host)),
          'reboot',
        ),
    ],
    [
      4,
      () => {
        if (state.serverDown) return undefined;
        state.serverDown = true;
        return { do: 'kill server' };
      },
    ],
    [4, () => (state.serverDown ? undefined : { do: 'kill database' })],
  ];
}

/** Mends something broken. Docker is never started while the agent of its host is down: its unit comes first. */
export function mendingOperations(state: PlanState): readonly WeightedOperation[] {
  const { agentsDown, dockerdsDown, cut, pick } = state;
  const ownState = (): Operation | undefined => {
    const host = pick([...state.cloned]);
    if (host === undefined) return undefined;
    state.cloned.delete(host);
    agentsDown.delete(host);
    return { do: 'own state', host };
  };
  const mend =
    (broken: Set<string>, what: HostOperation['do'], may: (host: string) => boolean = () => true) =>
    (): Operation | undefined => {
      const host = pick([...broken].filter(may));
      if (host === undefined) return undefined;
      broken.delete(host);
      return { do: what, host };
    };
  return [
    [4, mend(agentsDown, 'start agent', (host) => !state.cloned.has(host))],
    [4, mend(dockerdsDown, 'start dockerd', (host) => !agentsDown.has(host))],
    [3, mend(cut, 'mend')],
    [4, ownState],
    [
      3,
      () => {
        if (!state.serverDown) return undefined;
        state.serverDown = false;
        return { do: 'start server' };
      },
    ],
  ];
}

export const isBroken = ({ agentsDown, dockerdsDown, cut, serverDown }: PlanState): boolean =>
  agentsDown.size + dockerdsDown.size + cut.size > 0 || serverDown;

/** All was mended at once. */
export function mended(state: PlanState): void {
  const { agentsDown, dockerdsDown, cut, cloned, aux, stations } = state;
  for (const broken of [agentsDown, dockerdsDown, cut, cloned, aux, stations]) broken.clear();
  state.isExcluding = false;
  state.serverDown = false;
}
