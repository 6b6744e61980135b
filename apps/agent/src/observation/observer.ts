import type { Observed, ObservedDocker } from './observed.ts';

/** How much a look takes in: `all`, or Docker alone with the links of the look before. */
export type LookScope = 'all' | 'docker';

/** Shares looks between those who ask at the same time. */
export interface Observer {
  /** The state of the host, by a look that begins after this call. */
  readonly look: (scope?: LookScope) => Promise<Observed>;
  /** When the look that runs began, milliseconds since 1970; null while none does. */
  readonly lookingSince: () => number | null;
  /** The last look that came to an end, or null. */
  readonly latest: () => Observed | null;
  /** The last look at which Docker answered, or null. */
  readonly latestWithDocker: () => Observed | null;
  /** The connection to Docker broke; the next look that it answers ends the outage. */
  readonly dockerLost: () => void;
}

/**
 * Runs at most one look at a time; whoever asks while one runs gets the next, which takes in all that was asked for.
 * `run` gets the look to take the links from, or null to look at all.
 */
export function createObserver(
  run: (below: Observed | null) => Promise<Observed>,
  now: () => number,
): Observer {
  let running: Promise<unknown> | null = null;
  let next: { scope: LookScope; readonly look: Promise<Observed> } | null = null;
  let latest: Observed | null = null;
  let withDocker: Observed | null = null;
  let lostAt: number | null = null;
  let lookingSince: number | null = null;
  let outage: ObservedDocker['outage'] = null;

  async function begin(scope: () => LookScope, after: Promise<unknown> | null): Promise<Observed> {
    if (after !== null) await after;
    const asked = scope();
    lookingSince = now();
    let observed: Observed;
    try {
      observed = withOutage(await run(asked === 'docker' ? latest : null));
    } finally {
      lookingSince = null;
    }
    latest = observed;
    if (observed.docker.reachable) withDocker = observed;
    return observed;
  }

  function withOutage(observed: Observed): Observed {
    if (!observed.docker.reachable) {
      if (observed.docker.pending !== true) lostAt ??= observed.at;
      return observed;
    }
    if (lostAt !== null) {
      outage = { from: lostAt, to: now() };
      lostAt = null;
    }
    return { ...observed, docker: { ...observed.docker, outage } };
  }

  function track(look: Promise<Observed>): Promise<Observed> {
    const settled: Promise<void> = look.then(forget, forget);
    running = settled;
    function forget(): void {
      if (running === settled) running = null;
    }
    return look;
  }

  return {
    look: (scope = 'all') => {
      if (next !== null) {
        if (scope === 'all') next.scope = 'all';
        return next.look;
      }
      if (running === null) return track(begin(() => scope, null));
      let asked = scope;
      const look = track(
        begin(() => {
          asked = next?.scope ?? asked;
          next = null;
          return asked;
        }, running),
      );
      next = { scope, look };
      return look;
    },
    lookingSince: () => lookingSince,
    latest: () => latest,
    latestWithDocker: () => withDocker,
    dockerLost: () => {
      lostAt ??= now();
    },
  };
}
