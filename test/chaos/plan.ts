import { seeded } from '../e2e/seeded.ts';
import type { Operation, RestartPolicy, Step } from './operation.ts';

/** What a plan is made from: the same settings make the same plan. */
export interface PlanSettings {
  readonly seed: number;
  readonly hosts: readonly string[];
  /** Addresses that are asked for by name; few, so that several ask for one. */
  readonly wished: readonly string[];
  /** The most containers that a host is given at a time. */
  readonly perHost: number;
  /** How many operations lie between two calms, about. */
  readonly between: number;
}

/** A container as the plan takes it to be: it does not know what will be refused. */
interface Planned {
  readonly name: string;
  readonly host: string;
  running: boolean;
  connected: boolean;
}

type Wish = readonly [weight: number, make: () => Operation | undefined];

const policies: readonly RestartPolicy[] = ['no', 'no', 'always', 'unless-stopped'];
/** Moments of an operation lie within this of the step's begin: `docker run` takes about 600 ms. */
const spreadMs = 700;

/**
 * Endless steps of random operations, made before anything is known of how they go. What is broken is mended again
 * within a few steps, and Docker is never started while the agent of its host is down: its unit comes first.
 */
export function* planOf({ seed, hosts, wished, perHost, between }: PlanSettings): Generator<Step, never> {
  const random = seeded(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(from: readonly T[]): T | undefined => from[below(from.length)];
  const containers = new Map<string, Planned>();
  const down = {
    agents: new Set<string>(),
    dockerds: new Set<string>(),
    cut: new Set<string>(),
    server: false,
  };
  let names = 0;
  let sinceCalm = 0;

  const usable = (taken: ReadonlySet<string>, want: (one: Planned) => boolean): Planned | undefined =>
    pick(
      [...containers.values()].filter(
        (one) => !taken.has(one.name) && !taken.has(one.host) && !down.dockerds.has(one.host) && want(one),
      ),
    );

  function onContainers(taken: ReadonlySet<string>): readonly Wish[] {
    const wish = (): string | null => (random() < 0.35 ? (pick(wished) ?? null) : null);
    const change =
      (what: 'stop' | 'start' | 'restart' | 'crash', want: (one: Planned) => boolean, running: boolean) =>
      (): Operation | undefined => {
        const one = usable(taken, want);
        if (one === undefined) return undefined;
        one.running = running;
        return { do: what, host: one.host, container: one.name };
      };
    return [
      [
        26,
        () => {
          const room = hosts.filter(
            (host) =>
              !down.dockerds.has(host) &&
              [...containers.values()].filter((one) => one.host === host).length < perHost,
          );
          const host = pick(room);
          if (host === undefined) return undefined;
          names += 1;
          const name = `c${String(names)}`;
          containers.set(name, { name, host, running: true, connected: true });
          return { do: 'run', host, container: name, ip: wish(), restart: pick(policies) ?? 'no' };
        },
      ],
      [9, change('stop', (one) => one.running, false)],
      [11, change('start', (one) => !one.running, true)],
      [4, change('restart', (one) => one.running, true)],
      [5, change('crash', (one) => one.running, false)],
      [
        11,
        () => {
          const one = usable(taken, () => true);
          if (one === undefined) return undefined;
          containers.delete(one.name);
          return { do: 'rm', host: one.host, container: one.name };
        },
      ],
      [
        6,
        () => {
          const one = usable(taken, ({ connected }) => connected);
          if (one === undefined) return undefined;
          one.connected = false;
          return { do: 'disconnect', host: one.host, container: one.name };
        },
      ],
      [
        9,
        () => {
          const one = usable(taken, ({ connected }) => !connected);
          if (one === undefined) return undefined;
          one.connected = true;
          return { do: 'connect', host: one.host, container: one.name, ip: wish() };
        },
      ],
    ];
  }

  /** Breaks something whole or mends something broken; one of these a step. */
  function onTheFleet(): readonly Wish[] {
    const whole = (broken: ReadonlySet<string>): string | undefined =>
      pick(hosts.filter((host) => !broken.has(host)));
    const toggle =
      (broken: Set<string>, what: 'kill agent' | 'kill dockerd' | 'cut') => (): Operation | undefined => {
        const host = whole(broken);
        if (host === undefined) return undefined;
        broken.add(host);
        return { do: what, host };
      };
    const passing = (what: 'restart agent' | 'restart dockerd' | 'reboot') => (): Operation | undefined => {
      const host = pick(hosts.filter((one) => !down.agents.has(one) && !down.dockerds.has(one)));
      // A cut cable is mended by a reboot of the lab: it would end the cut unasked.
      return host === undefined || (what === 'reboot' && down.cut.has(host)) ? undefined : { do: what, host };
    };
    return [
      [5, toggle(down.agents, 'kill agent')],
      [4, passing('restart agent')],
      [3, toggle(down.dockerds, 'kill dockerd')],
      [1, passing('restart dockerd')],
      [4, toggle(down.cut, 'cut')],
      [2, passing('reboot')],
      [
        4,
        () => {
          if (down.server) return undefined;
          down.server = true;
          return { do: 'kill server' };
        },
      ],
      [4, () => (down.server ? undefined : { do: 'kill database' })],
    ];
  }

  function mending(): readonly Wish[] {
    const mend =
      (broken: Set<string>, what: 'start agent' | 'start dockerd' | 'mend') => (): Operation | undefined => {
        const host = pick([...broken].filter((one) => what !== 'start dockerd' || !down.agents.has(one)));
        if (host === undefined) return undefined;
        broken.delete(host);
        return { do: what, host };
      };
    return [
      [4, mend(down.agents, 'start agent')],
      [4, mend(down.dockerds, 'start dockerd')],
      [3, mend(down.cut, 'mend')],
      [
        3,
        () => {
          if (!down.server) return undefined;
          down.server = false;
          return { do: 'start server' };
        },
      ],
    ];
  }

  /** The first that is possible, drawn by weight. */
  function draw(from: readonly Wish[]): Operation | undefined {
    const left = [...from];
    while (left.length > 0) {
      let at = random() * left.reduce((sum, [weight]) => sum + weight, 0);
      const index = left.findIndex(([weight]) => (at -= weight) < 0);
      const [[, make] = [0, () => undefined]] = left.splice(Math.max(0, index), 1);
      const operation = make();
      if (operation !== undefined) return operation;
    }
    return undefined;
  }

  const isBroken = (): boolean => down.agents.size + down.dockerds.size + down.cut.size > 0 || down.server;

  for (;;) {
    const taken = new Set<string>();
    const operations: Step['operations'][number][] = [];
    const calm = sinceCalm >= between;
    if (calm) {
      for (const broken of [down.agents, down.dockerds, down.cut]) broken.clear();
      down.server = false;
    }
    const add = (operation: Operation | undefined): void => {
      if (operation === undefined) return;
      operations.push({ operation, afterMs: below(spreadMs) });
      if ('container' in operation) taken.add(operation.container);
    };
    const many = below(4);
    for (let count = 0; count < many; count += 1) add(draw(onContainers(taken)));
    // Drawn last, begun at any moment: what is asked of a host may find it going down.
    const turn = random();
    if (isBroken() && turn < 0.5) add(draw(mending()));
    else if (turn > 0.8) add(draw(onTheFleet()));
    if (operations.length === 0) continue;
    sinceCalm = (calm ? 0 : sinceCalm) + operations.length;
    yield { operations, calm };
  }
}
