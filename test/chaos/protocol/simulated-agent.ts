import { ApiError, type AgentClient } from '@trunkline/client';
import type { Lease, LeaseReturn, LeaseSync, LeaseSyncAnswer, Revocation } from '@trunkline/contracts';
import { testFacts } from '../../integration/agent-stub.ts';
import type { Checker } from './checker.ts';
import type { Random } from './random.ts';

/** A network as an agent knows it. */
export interface NetworkOfRun {
  id: string;
  /** The first three bytes of its /24, or the part of it that is given out. */
  prefix: string;
  /** Last bytes that may be given out. */
  first: number;
  last: number;
}

interface OnDisk {
  lease: Lease;
  used: boolean;
}

export interface AgentDeps {
  name: string;
  /** The client of the server that runs now; another one after a restart. */
  client: () => AgentClient;
  networks: readonly NetworkOfRun[];
  checker: Checker;
  random: Random;
  /** Switched off to let everything settle. */
  faults: () => boolean;
  count: (operation: string) => void;
}

/** One agent's worth of traffic: a disk, containers, and the faults that meet them. One step at a time. */
export interface SimulatedAgent {
  step(): Promise<void>;
  /** Gives back all that no container uses, and says what runs; true when both sides agree. */
  settle(): Promise<boolean>;
}

const warm = 4;
const onDemandMs = 1_500;
const lost = Symbol('lost');

export function createSimulatedAgent(deps: AgentDeps): SimulatedAgent {
  const { name, checker, random, networks, count } = deps;
  const disk = new Map<string, OnDisk>();
  const live = new Map<string, { readonly name: string; readonly mac: string }>();
  /** Live ones whose address was taken away. */
  const ghosts = new Set<string>();
  let confirms: readonly Revocation[] = [];
  let returns: LeaseReturn[] = [];
  const sent: LeaseReturn[] = [];
  let mustCompare = true;
  let containers = 0;

  const free = (networkId: string): OnDisk[] =>
    [...disk.values()].filter(
      ({ lease, used }) => lease.networkId === networkId && !used && lease.owner === null,
    );

  const keep = (lease: Lease, how: 'claimed' | 'granted' | 'before', asked: number): void => {
    checker.held(name, lease.ip, lease.owner, how, asked);
    ghosts.delete(lease.ip);
    disk.set(lease.ip, { lease, used: live.has(lease.ip) });
  };
  /** It was taken away: given to nobody from here on. What runs there does so until it is stopped. */
  const fence = (ip: string): void => {
    disk.delete(ip);
    checker.fenced(name, ip);
    if (live.has(ip)) ghosts.add(ip);
  };
  const giveBack = ({ lease }: OnDisk, reason: 'unused' | 'released'): void => {
    const { networkId, ip, generation } = lease;
    disk.delete(ip);
    checker.letGo(name, ip);
    returns.push({ networkId, ip, generation, reason, mac: null });
  };

  /** Sends a request; now and then twice, and now and then its answer is lost on the way. */
  async function call<T>(send: () => Promise<T>): Promise<T | typeof lost> {
    const faulty = deps.faults();
    try {
      const twin = faulty && random.chance(0.05) ? send().catch(() => undefined) : undefined;
      const answer = await send();
      await twin;
      if (!faulty || !random.chance(0.08)) return answer;
      count('answer lost');
    } catch (error) {
      if (error instanceof ApiError && error.status < 500) throw error;
      count('call failed');
    }
    return lost;
  }

  /** Takes an answer to the disk. What is unlisted is used only when a container runs on it. */
  const take = (answer: LeaseSyncAnswer, asked: number): void => {
    const still = new Set(answer.unlisted.map(({ ip }) => ip));
    for (const { ip } of answer.unknown) {
      if (!still.has(ip)) {
        checker.disowned(name, ip);
        if (live.has(ip)) ghosts.add(ip);
      }
      checker.letGo(name, ip);
      disk.delete(ip);
    }
    for (const lease of answer.granted) keep(lease, 'granted', asked);
    for (const lease of answer.unlisted) {
      keep(lease, 'before', asked);
      const entry = disk.get(lease.ip);
      if (entry !== undefined && !entry.used) giveBack(entry, 'released');
    }
  };

  const sync = async (
    wants: LeaseSync['wants'] = [],
    compare = mustCompare,
  ): Promise<LeaseSyncAnswer | undefined> => {
    const returning = returns;
    const held = compare
      ? [...disk.values()].map(({ lease: { networkId, ip, generation } }) => ({ networkId, ip, generation }))
      : null;
    const onDemand = wants.some((want) => want.onDemand);
    const options = onDemand ? { timeoutMs: onDemandMs } : {};
    const asked = performance.now();
    const confirming = confirms.length === 0 ? {} : { confirms: [...confirms] };
    const answer = await call(() =>
      deps.client().syncLeases({ held, returns: returning, wants, ...confirming }, options),
    );
    count(onDemand ? 'on demand' : 'sync');
    // Whatever was granted in an answer that was lost is asked for by comparing.
    if (answer === lost) {
      mustCompare = true;
      return undefined;
    }
    returns = returns.filter((one) => !returning.includes(one));
    sent.push(...returning);
    if (compare) mustCompare = false;
    take(answer, asked);
    return answer;
  };

  const run = (entry: OnDisk, mac: string): void => {
    containers += 1;
    entry.used = true;
    const { ip, networkId } = entry.lease;
    checker.started(name, ip);
    checker.stationUp(name, networkId, mac);
    live.set(ip, { name: `${name}-${containers}`, mac });
    count('container started');
  };
  const end = (ip: string, networkId: string): void => {
    checker.stopped(name, ip);
    checker.stationDown(name, networkId, live.get(ip)?.mac ?? '');
    live.delete(ip);
    ghosts.delete(ip);
    count('container stopped');
  };
  const networkOf = (ip: string): NetworkOfRun | undefined =>
    networks.find(({ prefix }) => ip.startsWith(`${prefix}.`));

  /** Of few that are asked for by name, so that several ask for one, or Docker's choice, which follows from nothing here. */
  const macFor = (): string => {
    if (random.chance(0.4)) return `02:42:00:00:00:0${random.below(4)}`;
    const byte = (): string => random.below(256).toString(16).padStart(2, '0');
    return `02:43:${byte()}:${byte()}:${byte()}:${byte()}`;
  };

  /** Whether the server lets this host have the MAC: without an answer nothing starts here. */
  const mayHave = async (network: NetworkOfRun, mac: string): Promise<boolean> => {
    const claim = { networkId: network.id, family: 'ipv4', ip: null, mac, name: null } as const;
    try {
      return (await call(() => deps.client().claimLease(claim, { timeoutMs: onDemandMs }))) !== lost;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      count(`refused: ${error.code}`);
      return false;
    }
  };

  /** The kernel of one host takes no second interface with a MAC on one parent. */
  const isUp = (network: NetworkOfRun, mac: string): boolean =>
    [...live].some(([ip, container]) => container.mac === mac && networkOf(ip) === network);

  const start = async (network: NetworkOfRun): Promise<void> => {
    const mac = macFor();
    if (isUp(network, mac) || !(await mayHave(network, mac))) return;
    const [ready] = free(network.id);
    if (ready !== undefined) return run(ready, mac);
    if (mustCompare) await sync();
    await sync([{ networkId: network.id, family: 'ipv4', count: 1, onDemand: true }], false);
    const [got] = free(network.id);
    if (got !== undefined) run(got, mac);
  };

  const startAt = async (network: NetworkOfRun): Promise<void> => {
    const ip = `${network.prefix}.${network.first + random.below(network.last - network.first + 1)}`;
    const here = disk.get(ip);
    const mac = macFor();
    if (isUp(network, mac)) return;
    if (here !== undefined) {
      // Also for what it holds the MAC is asked about.
      if (!here.used && (await mayHave(network, mac)) && disk.get(ip) === here) run(here, mac);
      return;
    }
    const claim = { networkId: network.id, family: 'ipv4', ip, mac, name: null } as const;
    const asked = performance.now();
    try {
      const answer = await call(() => deps.client().claimLease(claim, { timeoutMs: onDemandMs }));
      count('claim');
      if (answer === lost) mustCompare = true;
      else if (answer.lease !== null && !disk.has(ip)) {
        // A return of this address that is still to be sent, or on its way, names the hold before, and ends nothing.
        keep(answer.lease, 'claimed', asked);
        const entry = disk.get(ip);
        if (entry !== undefined && !entry.used) run(entry, mac);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      count(`refused: ${error.code}`);
    }
  };

  const stop = async (): Promise<void> => {
    const ip = random.pick([...live.keys()]);
    const network = ip === undefined ? undefined : networkOf(ip);
    if (ip === undefined || network === undefined) return;
    const entry = disk.get(ip);
    if (ghosts.has(ip)) return end(ip, network.id);
    // Without its lease at hand (a wiped disk) the release is heard of when both sides have compared.
    if (entry === undefined) return;
    end(ip, network.id);
    giveBack(entry, 'released');
    if (random.chance(0.7)) await sync();
  };

  const report = async (): Promise<void> => {
    const now = new Date().toISOString();
    await call(() =>
      deps.client().report({
        observedAt: now,
        observedRevision: '1',
        facts: testFacts(name),
        conditions: [],
        placements: [],
        containers: [],
        inventory: [...live].flatMap(([ip, container]) => {
          const network = networkOf(ip);
          if (network === undefined) return [];
          const seen = {
            dockerId: container.name,
            name: container.name,
            state: 'running',
            ipv6: null,
            mac: container.mac,
          } as const;
          return [{ ...seen, networkId: network.id, ipv4: ip }];
        }),
      }),
    );
    count('report');
  };

  /** Returns what is kept in advance of networks with a shortage, and lets go of what was taken away. */
  const obey = async (): Promise<void> => {
    const document = await call(() => deps.client().desired());
    if (document === lost || document === 'unchanged') return;
    for (const { networkId } of document.recalls)
      for (const entry of free(networkId)) giveBack(entry, 'unused');
    confirms = document.revocations ?? [];
    for (const { ip, generation } of confirms) {
      const entry = disk.get(ip);
      if (entry === undefined ? live.has(ip) && !ghosts.has(ip) : entry.lease.generation <= generation) {
        fence(ip);
        count('fenced');
      }
    }
    count('desired');
    if (returns.length > 0 || confirms.length > 0) await sync();
  };

  const wipe = (): void => {
    for (const ip of disk.keys()) checker.letGo(name, ip);
    disk.clear();
    returns = [];
    mustCompare = true;
    count('disk wiped');
  };

  return {
    async step() {
      const network = random.pick(networks);
      if (network === undefined) return;
      const what = random.next();
      if (mustCompare && random.chance(0.5)) await sync();
      if (what < 0.3) await start(network);
      else if (what < 0.55) await stop();
      else if (what < 0.65) await startAt(network);
      else if (what < 0.75) {
        const missing = warm - free(network.id).length;
        if (missing > 0)
          await sync([{ networkId: network.id, family: 'ipv4', count: missing, onDemand: false }]);
      } else if (what < 0.83) await obey();
      else if (what < 0.91) await report();
      else if (what < 0.96) {
        // An old return arrives once more, late.
        const old = random.pick(sent);
        if (old !== undefined)
          await call(() => deps.client().syncLeases({ held: null, returns: [old], wants: [] }));
        count('stale return');
      } else if (what < 0.98) await sync([], true);
      else if (random.chance(0.2)) wipe();
    },

    async settle() {
      await obey();
      for (const ip of ghosts) end(ip, networkOf(ip)?.id ?? '');
      for (const entry of disk.values()) if (!entry.used) giveBack(entry, 'unused');
      const answer = await sync([], true);
      await report();
      return (
        answer !== undefined &&
        answer.unlisted.length + answer.unknown.length + returns.length === 0 &&
        [...live.keys()].every((ip) => disk.has(ip))
      );
    },
  };
}
