/**
 * What must be true of the history, kept outside the product: only from what agents and the operator heard and did, never
 * from the database. An agent holds an address from the moment it hears so until it sends the return.
 */
export interface Checker {
  /** An agent hears that it holds an address; `owner`: of a reservation. */
  held(agent: string, ip: string, owner: string | null): void;
  /** It is about to return it, or has forgotten all of its disk. */
  letGo(agent: string, ip: string): void;
  /** A container starts on it, or stops. */
  started(agent: string, ip: string): void;
  stopped(agent: string, ip: string): void;
  /** The server says that an agent does not hold an address that is on its disk. */
  disowned(agent: string, ip: string): void;
  reserved(ip: string): void;
  unreserved(ip: string): void;
  /** It was not let go after all. */
  keepReserved(ip: string): void;
  /** Running containers, by address. */
  running(): ReadonlyMap<string, string>;
  readonly violations: readonly string[];
}

export function createChecker(): Checker {
  const holders = new Map<string, string>();
  const containers = new Map<string, string>();
  const reservations = new Set<string>();
  const violations: string[] = [];
  const must = (holds: boolean, what: string): void => {
    if (!holds) violations.push(what);
  };
  return {
    violations,
    held(agent, ip, owner) {
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
      const before = containers.get(ip);
      must(before === undefined, `containers of ${before ?? ''} and ${agent} run on ${ip}`);
      containers.set(ip, agent);
    },
    stopped(agent, ip) {
      must(containers.get(ip) === agent, `the container of ${agent} on ${ip} was not the one there`);
      containers.delete(ip);
    },
    disowned(agent, ip) {
      must(containers.get(ip) !== agent, `${ip} was freed while a container of ${agent} ran on it`);
    },
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
