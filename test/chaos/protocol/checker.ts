/**
 * What must be true of the history, kept outside the product: only from what agents and the operator heard and did, never
 * from the database. An agent holds an address from the moment it hears so until it sends the return.
 */
export interface Checker {
  /**
   * An agent hears that it holds an address; `owner`: of a reservation. `how`: it asked for it by name, or it was granted one
   * since `asked`; else it held it before.
   */
  held(
    agent: string,
    ip: string,
    owner: string | null,
    how: 'claimed' | 'granted' | 'before',
    asked: number,
  ): void;
  /** It is about to return it, or has forgotten all of its disk. */
  letGo(agent: string, ip: string): void;
  /** A container starts on it, or stops. */
  started(agent: string, ip: string): void;
  stopped(agent: string, ip: string): void;
  /** The server says that an agent does not hold an address that is on its disk. */
  disowned(agent: string, ip: string): void;
  /** An operator is about to take an address away from whoever has it; or that came to nothing. */
  takingAway(ip: string): void;
  notTaken(ip: string): void;
  /** It is given on though its holder has not heard it: what runs there is the operator's business. */
  insisted(ip: string): void;
  /** An agent has heard that an address was taken away from it: its container runs on what is nobody's. */
  fenced(agent: string, ip: string): void;
  /** From now on these addresses are given to nobody, besides those that have them; null: any may be. */
  excluded(network: string, ips: ReadonlySet<string> | null): void;
  /** A container with an Ethernet address comes up on a network, or ends. */
  stationUp(agent: string, network: string, mac: string): void;
  stationDown(agent: string, network: string, mac: string): void;
  /** Addresses that agents hold. */
  holdings(): readonly string[];
  reserved(ip: string): void;
  unreserved(ip: string): void;
  /** It was not let go after all. */
  keepReserved(ip: string): void;
  /** Running containers, by address. */
  running(): ReadonlyMap<string, string>;
  readonly violations: readonly string[];
}

const keyOf = (agent: string, ip: string): string => `${agent} ${ip}`;

export function createChecker(): Checker {
  const holders = new Map<string, string>();
  const containers = new Map<string, string>();
  const reservations = new Set<string>();
  /** Containers that run on what was taken away: `agent ip`. */
  const ghosts = new Set<string>();
  /** Agents that have not heard it yet: `agent ip`. */
  const unheard = new Set<string>();
  const taken = new Set<string>();
  const exclusions = new Map<string, { readonly ips: ReadonlySet<string>; readonly since: number }>();
  const stations = new Map<string, string[]>();
  const violations: string[] = [];
  const haunt = (agent: string, ip: string): void => {
    if (holders.get(ip) === agent) holders.delete(ip);
    if (containers.get(ip) !== agent) return;
    containers.delete(ip);
    ghosts.add(keyOf(agent, ip));
  };
  const must = (holds: boolean, what: string): void => {
    if (!holds) violations.push(what);
  };
  return {
    violations,
    held(agent, ip, owner, how, asked) {
      const isGhost = ghosts.has(keyOf(agent, ip));
      must(!isGhost || how !== 'claimed', `${ip} was given to ${agent} again while what lost it runs there`);
      for (const { ips, since } of exclusions.values()) {
        const isNew = how !== 'before' && since < asked && containers.get(ip) !== agent;
        must(!isNew || owner !== null || !ips.has(ip), `${ip} was given to ${agent} though it is excluded`);
      }
      unheard.delete(keyOf(agent, ip));
      if (isGhost && ghosts.delete(keyOf(agent, ip)) && !containers.has(ip)) containers.set(ip, agent);
      const before = holders.get(ip) ?? agent;
      must(before === agent, `${ip} was given to ${agent} while ${before} held it`);
      const runs = containers.get(ip) ?? agent;
      must(runs === agent, `${ip} was given to ${agent} while a container of ${runs} ran on it`);
      must(owner !== null || !reservations.has(ip), `${ip} was given to ${agent} though it is reserved`);
      holders.set(ip, agent);
    },
    letGo(agent, ip) {
      if (holders.get(ip) === agent) holders.delete(ip);
    },
    started(agent, ip) {
      if (unheard.has(keyOf(agent, ip))) return void ghosts.add(keyOf(agent, ip));
      const before = containers.get(ip);
      must(before === undefined, `containers of ${before ?? ''} and ${agent} run on ${ip}`);
      containers.set(ip, agent);
    },
    stopped(agent, ip) {
      if (ghosts.delete(keyOf(agent, ip))) return;
      must(containers.get(ip) === agent, `the container of ${agent} on ${ip} was not the one there`);
      containers.delete(ip);
    },
    disowned(agent, ip) {
      if (taken.has(ip)) return haunt(agent, ip);
      must(containers.get(ip) !== agent, `${ip} was freed while a container of ${agent} ran on it`);
    },
    takingAway: (ip) => void taken.add(ip),
    notTaken: (ip) => void taken.delete(ip),
    insisted(ip) {
      const agent = holders.get(ip) ?? containers.get(ip);
      if (agent === undefined) return;
      unheard.add(keyOf(agent, ip));
      haunt(agent, ip);
    },
    fenced(agent, ip) {
      unheard.delete(keyOf(agent, ip));
      haunt(agent, ip);
    },
    excluded(network, ips) {
      if (ips === null) exclusions.delete(network);
      else exclusions.set(network, { ips, since: performance.now() });
    },
    stationUp(agent, network, mac) {
      const key = `${network} ${mac}`;
      const before = stations.get(key) ?? [];
      const other = before.find((one) => one !== agent);
      must(other === undefined, `containers of ${other ?? ''} and ${agent} run with ${mac}`);
      stations.set(key, [...before, agent]);
    },
    stationDown(agent, network, mac) {
      const key = `${network} ${mac}`;
      const before = stations.get(key) ?? [];
      stations.set(key, before.toSpliced(before.indexOf(agent), 1));
    },
    holdings: () => [...holders.keys()],
    reserved(ip) {
      const holder = holders.get(ip) ?? containers.get(ip);
      must(holder === undefined, `${ip} was reserved while ${holder ?? ''} held it`);
      reservations.add(ip);
    },
    unreserved: (ip) => void reservations.delete(ip),
    keepReserved: (ip) => void reservations.add(ip),
    running: () => containers,
  };
}
