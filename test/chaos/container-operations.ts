import type { Operation, RestartPolicy } from './operation.ts';
import type { Planned, PlanState, WeightedOperation } from './plan-state.ts';

const policies: readonly RestartPolicy[] = ['no', 'no', 'always', 'unless-stopped'];

const ipOf = ({ chance, pick, settings }: PlanState): string | null =>
  chance(0.35) ? (pick(settings.byName) ?? null) : null;

/** One that nothing else is done to in this step, on a host whose Docker is thought to run. */
const one = (
  { pick, containers, dockerdsDown }: PlanState,
  taken: ReadonlySet<string>,
  fits: (container: Planned) => boolean,
): Planned | undefined =>
  pick(
    [...containers.values()].filter(
      (container) => !taken.has(container.name) && !dockerdsDown.has(container.host) && fits(container),
    ),
  );

function run(state: PlanState): Operation | undefined {
  const { settings, containers, dockerdsDown, pick } = state;
  const has = (host: string): number =>
    [...containers.values()].filter((other) => other.host === host).length;
  const host = pick(settings.hosts.filter((name) => !dockerdsDown.has(name) && has(name) < settings.perHost));
  if (host === undefined) return undefined;
  state.named += 1;
  const name = `c${String(state.named)}`;
  const network = state.chance(0.15) ? 'second' : 'first';
  containers.set(name, { name, host, running: true, connected: true, first: network === 'first' });
  return {
    do: 'run',
    host,
    container: name,
    ip: ipOf(state),
    mac: state.chance(0.15) ? (pick(settings.macs) ?? null) : null,
    restart: pick(policies) ?? 'no',
    starts: !state.chance(0.08),
    network,
  };
}

const runs = ({ running }: Planned): boolean => running;
const rests = ({ running }: Planned): boolean => !running;

/** What may be done to containers, `taken` left alone. */
export function containerOperations(
  state: PlanState,
  taken: ReadonlySet<string>,
): readonly WeightedOperation[] {
  /** Does it to one that fits, and takes note of how that one is from then on. */
  const to =
    (
      fits: (container: Planned) => boolean,
      change: Partial<Planned>,
      make: (at: { readonly host: string; readonly container: string }) => Operation,
    ) =>
    (): Operation | undefined => {
      const container = one(state, taken, fits);
      if (container === undefined) return undefined;
      Object.assign(container, change);
      return make({ host: container.host, container: container.name });
    };
  const remove = (): Operation | undefined => {
    const container = one(state, taken, () => true);
    if (container === undefined) return undefined;
    state.containers.delete(container.name);
    return { do: 'rm', host: container.host, container: container.name };
  };
  const ended = { running: false };
  return [
    [26, () => run(state)],
    [9, to(runs, ended, (at) => ({ do: 'stop', ...at }))],
    [11, to(rests, { running: true }, (at) => ({ do: 'start', ...at }))],
    [4, to(runs, {}, (at) => ({ do: 'restart', ...at }))],
    [5, to(runs, ended, (at) => ({ do: 'crash', ...at }))],
    [11, remove],
    [
      6,
      to(
        ({ connected, first }) => connected && first,
        { connected: false },
        (at) => ({ do: 'disconnect', ...at }),
      ),
    ],
    [
      9,
      to(
        ({ connected, first }) => !connected && first,
        { connected: true },
        (at) => ({ do: 'connect', ip: ipOf(state), ...at }),
      ),
    ],
  ];
}
