import { ApiError, type AgentClient } from '@trunkline/client';
import type { Lease, LeaseReturn, LeaseSync, LeaseSyncAnswer } from '@trunkline/contracts';
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
const urgentMs = 1_500;
const lost = Symbol('lost');

export function createSimulatedAgent(deps: AgentDeps): SimulatedAgent {
  const { name, checker, random, networks, count } = deps;
  const disk = new Map<string, OnDisk>();
  const live = new Map<string, string>();
  let returns: LeaseReturn[] = [];
  const sent: LeaseReturn[] = [];
  let mustCompare = true;
  let containers = 0;

  const free = (networkId: string): OnDisk[] =>
    [...disk.values()].filter(
      ({ lease, used }) => lease.networkId === networkId && !used && lease.owner === null,
    );

  const keep = (lease: Lease): void => {
    checker.held(name, lease.ip, lease.owner);
    disk.set(lease.ip, { lease, used: live.has(lease.ip) });
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
  const take = (answer: LeaseSyncAnswer): void => {
    const still = new Set(answer.unlisted.map(({ ip }) => ip));
    for (const { ip } of answer.unknown) {
      if (!still.has(ip)) checker.disowned(name, ip);
      checker.letGo(name, ip);
      disk.delete(ip);
    }
    for (const lease of answer.granted) keep(lease);
    for (const lease of answer.unlisted) {
      keep(lease);
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
    const urgent = wants.some((want) => want.urgent);
    const options = urgent ? { timeoutMs: urgentMs } : {};
    const answer = await call(() => deps.client().syncLeases({ held, returns: returning, wants }, options));
    count(urgent ? 'urgent' : 'sync');
    // Whatever was granted in an answer that was lost is asked for by comparing.
    if (answer === lost) {
      mustCompare = true;
      return undefined;
    }
    returns = returns.filter((one) => !returning.includes(one));
    sent.push(...returning);
    if (compare) mustCompare = false;
    take(answer);
    return answer;
  };

  const run = (entry: OnDisk): void => {
    containers += 1;
    entry.used = true;
    checker.started(name, entry.lease.ip);
    live.set(entry.lease.ip, `${name}-${containers}`);
    count('container started');
  };

  const start = async (network: NetworkOfRun): Promise<void> => {
    const [ready] = free(network.id);
    if (ready !== undefined) return run(ready);
    if (mustCompare) await sync();
    await sync([{ networkId: network.id, family: 'ipv4', count: 1, urgent: true }], false);
    const [got] = free(network.id);
    if (got !== undefined) run(got);
  };

  const startAt = async (network: NetworkOfRun): Promise<void> => {
    const ip = `${network.prefix}.${network.first + random.below(network.last - network.first + 1)}`;
    const here = disk.get(ip);
    if (here !== undefined) return here.used ? undefined : run(here);
    const claim = { networkId: network.id, family: 'ipv4', ip, mac: null, name: null } as const;
    try {
      const answer = await call(() => deps.client().claimLease(claim, { timeoutMs: urgentMs }));
      count('claim');
      if (answer === lost) mustCompare = true;
      else if (answer.lease !== null && !disk.has(ip)) {
        // A return of this address that is still to be sent, or on its way, names the hold before, and ends nothing.
        keep(answer.lease);
        const entry = disk.get(ip);
        if (entry !== undefined && !entry.used) run(entry);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      count(`refused: ${error.code}`);
    }
  };

  const stop = async (): Promise<void> => {
    const ip = random.pick([...live.keys()]);
    const entry = ip === undefined ? undefined : disk.get(ip);
    // Without its lease at hand (a wiped disk) the release is heard of when both sides have compared.
    if (ip === undefined || entry === undefined) return;
    live.delete(ip);
    checker.stopped(name, ip);
    count('container stopped');
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
          const network = networks.find(({ prefix }) => ip.startsWith(`${prefix}.`));
          if (network === undefined) return [];
          const seen = {
            dockerId: container,
            name: container,
            state: 'running',
            ipv6: null,
            mac: null,
          } as const;
          return [{ ...seen, networkId: network.id, ipv4: ip }];
        }),
      }),
    );
    count('report');
  };

  /** Returns what is kept ahead of need of networks that are short. */
  const obey = async (): Promise<void> => {
    const document = await call(() => deps.client().desired());
    if (document === lost || document === 'unchanged') return;
    for (const { networkId } of document.recalls)
      for (const entry of free(networkId)) giveBack(entry, 'unused');
    count('desired');
    if (returns.length > 0) await sync();
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
          await sync([{ networkId: network.id, family: 'ipv4', count: missing, urgent: false }]);
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
