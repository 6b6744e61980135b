import type { Operation } from './operation.ts';

/** How long after it was mended something is trusted to work, in milliseconds. */
const localMarginMs = 3_000;
const remoteMarginMs = 30_000;

/** Whether an operation has to succeed, decided when it begins and again when it ends. */
export interface Claim {
  readonly begun: number;
  readonly local: boolean;
  readonly remote: boolean;
  readonly inStock: boolean;
}

/**
 * What the run knows of its own doings: since when nothing stands in the way of a `docker run`, on its host (agent,
 * dockerd) and between host and server (server, database, cable). Times are milliseconds since the run began.
 */
export interface Health {
  /** An operation on the fleet begins: what it touches is not trusted any more. */
  begin(operation: Operation): void;
  /** It ended; what it mended works from now on. */
  end(operation: Operation, now: number): void;
  /** Everything was seen to work at this moment, and each host has `warm` addresses in stock. */
  proven(warm: number): void;
  /** An operation that takes an address on a host begins. */
  claim(host: string, now: number): Claim;
  /** Whether it had to succeed, now that it has ended. */
  owed(host: string, claim: Claim): boolean;
  /** Whether the host reached its server all the while. */
  reachedServer(host: string, claim: Claim): boolean;
}

interface Trust {
  since: number;
  /** Grows with every disturbance. */
  disturbed: number;
}

const fresh = (): Trust => ({ since: 0, disturbed: 0 });

const trusted = (trusts: readonly Trust[], now: number, marginMs: number): boolean =>
  trusts.every(({ since }) => since + marginMs <= now);

export function createHealth(hosts: readonly string[]): Health {
  const agent = new Map(hosts.map((host) => [host, fresh()]));
  const dockerd = new Map(hosts.map((host) => [host, fresh()]));
  const cable = new Map(hosts.map((host) => [host, fresh()]));
  const server = fresh();
  const stock = new Map(hosts.map((host) => [host, 0]));
  const claims = new WeakMap<Claim, { readonly local: number; readonly all: number }>();

  function touched(operation: Operation): readonly Trust[] {
    const { do: what } = operation;
    if (/server|database|back|exclude/.test(what)) return [server];
    if (!('host' in operation)) return [];
    const of = (trusts: ReadonlyMap<string, Trust>): Trust[] => {
      const trust = trusts.get(operation.host);
      return trust === undefined ? [] : [trust];
    };
    if (/agent|state/.test(what)) return of(agent);
    if (/dockerd/.test(what)) return of(dockerd);
    if (/cut|mend/.test(what)) return of(cable);
    return what === 'reboot' ? [...of(agent), ...of(dockerd), ...of(cable)] : [];
  }

  const parts = (host: string): readonly [local: readonly Trust[], remote: readonly Trust[]] => {
    const at = (trusts: ReadonlyMap<string, Trust>): Trust => trusts.get(host) ?? fresh();
    return [
      [at(agent), at(dockerd)],
      [at(cable), server],
    ];
  };
  const disturbances = (host: string): number =>
    parts(host)
      .flat()
      .reduce((sum, { disturbed }) => sum + disturbed, 0);
  const localDisturbances = (host: string): number =>
    parts(host)[0].reduce((sum, { disturbed }) => sum + disturbed, 0);
  return {
    begin(operation) {
      for (const trust of touched(operation)) {
        trust.since = Number.POSITIVE_INFINITY;
        trust.disturbed += 1;
      }
      // Docker takes addresses by itself when it starts.
      if (/dockerd|reboot/.test(operation.do) && 'host' in operation) stock.set(operation.host, 0);
      // What is excluded, has a station or was not confirmed since a restore is given to nobody.
      if (/exclude|station comes|restore backup/.test(operation.do))
        for (const host of hosts) stock.set(host, 0);
    },
    end(operation, now) {
      if (/^(kill agent|clone state|kill dockerd|cut|kill server|restore backup)$/.test(operation.do)) return;
      for (const trust of touched(operation)) trust.since = now;
    },
    proven(warm) {
      for (const trust of [...agent.values(), ...dockerd.values(), ...cable.values(), server]) {
        trust.since = Number.NEGATIVE_INFINITY;
      }
      for (const host of hosts) stock.set(host, warm);
    },
    claim(host, now) {
      const [local, remote] = parts(host);
      const left = stock.get(host) ?? 0;
      stock.set(host, Math.max(0, left - 1));
      const claim: Claim = {
        begun: now,
        local: trusted(local, now, localMarginMs),
        remote: trusted(remote, now, remoteMarginMs),
        inStock: left > 0,
      };
      claims.set(claim, { local: localDisturbances(host), all: disturbances(host) });
      return claim;
    },
    owed(host, claim) {
      if (!claim.local) return false;
      const before = claims.get(claim);
      if (claim.inStock) return localDisturbances(host) === before?.local;
      return claim.remote && disturbances(host) === before?.all;
    },
    reachedServer: (host, claim) =>
      claim.local && claim.remote && disturbances(host) === claims.get(claim)?.all,
  };
}
