import { createAgentClient, type AgentClient } from '@trunkline/client';
import type { Address } from '@trunkline/contracts';
import { createTestServer, type TestAgent, type TestServer } from '../../integration/server.ts';
import { createChecker } from './checker.ts';
import { createRandom } from './random.ts';
import { createSimulatedAgent, type NetworkOfRun } from './simulated-agent.ts';

export interface RunOptions {
  /** A migrated database of its own. */
  connectionString: string;
  seed: number;
  /** How long faults go on, in milliseconds. */
  durationMs: number;
  agents: number;
  /** Times that the server is killed, with the answers that are on their way. */
  restarts: number;
}

export interface RunResult {
  violations: readonly string[];
  /** What was done, by kind. */
  counts: Record<string, number>;
  operations: number;
  /** Addresses that the book has on hosts at the end, without a container on them: what leaked. */
  leaked: string[];
  /** Containers that run at the end on addresses that the book has not on their host. */
  unaccounted: string[];
  /** What the product's own check finds at the end. */
  findings: unknown[];
}

const settleTries = 20;
/** So many take addresses away at the same time: each waits for the host to hear it. */
const operators = 4;
const patching = { 'if-match': '*', 'content-type': 'application/merge-patch+json' };

/**
 * Many agents against the real server and database, with seeded faults: answers that are lost, requests that come twice,
 * returns that come late, agents that lose their disk, a server that is killed, an operator who takes addresses away and
 * excludes others. Then everything settles, and what the
 * agents know is compared with the book.
 */
export async function runProtocol(options: RunOptions): Promise<RunResult> {
  const { connectionString, seed, durationMs } = options;
  const random = createRandom(seed);
  const checker = createChecker();
  const counts: Record<string, number> = {};
  const count = (what: string): void => void (counts[what] = (counts[what] ?? 0) + 1);

  let server = await createTestServer({ connectionString });
  let baseUrl = await server.app.listen({ host: '127.0.0.1', port: 0 });
  server.startSweeps();
  const clients = new Map<string, AgentClient>();
  try {
    const identities: TestAgent[] = [];
    for (let n = 0; n < options.agents; n += 1) identities.push(await server.joinHost(`docker${n}`));
    const networks: NetworkOfRun[] = [];
    // Small enough that hosts run out all the time; with no rest, a short one, and a long one.
    for (const [n, quarantineSeconds] of [0, 1, 300].entries()) {
      const prefix = `10.60.${n}`;
      const [first, last] = [2, 1 + options.agents * 5];
      const subnets = [
        { cidr: `${prefix}.0/24`, gateway: `${prefix}.1`, ranges: [`${prefix}.${first}-${prefix}.${last}`] },
      ];
      const body = { name: `net${n}`, parent: 'ens33', hosts: { all: true }, quarantineSeconds, subnets };
      const made = await server.request('POST', '/v1/networks', body);
      if (made.status !== 201) throw new Error(JSON.stringify(made.body));
      networks.push({ id: made.body.id as string, prefix, first, last });
    }

    let faults = true;
    const connect = (): void => {
      for (const { name, hostId, privateKey, instance } of identities)
        clients.set(
          name,
          createAgentClient({ baseUrl, identity: { hostId, privateKey }, instance, fetchTimeoutMs: 10_000 }),
        );
    };
    connect();
    const agents = identities.map(({ name }, n) =>
      createSimulatedAgent({
        name,
        networks,
        checker,
        random: createRandom(seed * 1_000 + n),
        faults: () => faults,
        count,
        client() {
          const client = clients.get(name);
          if (client === undefined) throw new Error(`no client for ${name}`);
          return client;
        },
      }),
    );

    const deadline = Date.now() + durationMs;
    const restart = async (): Promise<void> => {
      for (let n = 1; n <= options.restarts; n += 1) {
        const at = deadline - durationMs + (durationMs * n) / (options.restarts + 1);
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, at - Date.now())));
        server.app.server.closeAllConnections();
        await server.close();
        server = await createTestServer({ connectionString });
        baseUrl = await server.app.listen({ host: '127.0.0.1', port: 0 });
        server.startSweeps();
        const before = [...clients.values()];
        connect();
        await Promise.all(before.map((client) => client.close()));
        count('server killed');
      }
    };
    await Promise.all([
      restart(),
      operate(),
      ...Array.from({ length: operators }, takeAway),
      exclude(),
      ...agents.map(async (agent) => {
        while (Date.now() < deadline) await agent.step();
      }),
    ]);
    faults = false;

    for (let n = 0; n < settleTries; n += 1) {
      const agreed = await Promise.all(agents.map((agent) => agent.settle()));
      if (agreed.every(Boolean)) break;
    }
    return { ...(await compare(server)), violations: checker.violations };

    /** Somebody reserves addresses through the API all the while, and releases them again. */
    async function operate(): Promise<void> {
      const mine: { network: string; ip: string }[] = [];
      while (Date.now() < deadline) {
        const network = `net${random.below(networks.length)}`;
        const one = mine.length > 4 ? mine.shift() : undefined;
        try {
          if (one === undefined) {
            const made = await server.request('POST', `/v1/networks/${network}/addresses`, {});
            if (made.status !== 201) continue;
            const { ip } = made.body as Address;
            checker.reserved(ip);
            mine.push({ network, ip });
            count('reserved');
          } else {
            checker.unreserved(one.ip);
            const path = `/v1/networks/${one.network}/addresses/${one.ip}`;
            const gone = await server.request('DELETE', path);
            if (gone.status !== 204) checker.keepReserved(one.ip);
            count('unreserved');
          }
        } catch {
          count('operator cut off');
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }

    /** Somebody releases addresses by force, and now and then insists where a host has not heard it. */
    async function takeAway(): Promise<void> {
      while (Date.now() < deadline) {
        const ip = random.pick(checker.holdings());
        const n = networks.findIndex(({ prefix }) => ip?.startsWith(`${prefix}.`));
        if (ip === undefined || n < 0) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          continue;
        }
        const path = `/v1/networks/net${n}/addresses/${ip}?force=true`;
        checker.takingAway(ip);
        try {
          const gone = await server.request('DELETE', path);
          const isAwaited = gone.status !== 204 && gone.body.code === 'release_unconfirmed';
          if (isAwaited || gone.status === 204) count('taken away');
          else checker.notTaken(ip);
          if (isAwaited && random.chance(0.5)) {
            checker.insisted(ip);
            await server.request('DELETE', `${path}&unconfirmed=true`);
            count('insisted');
          }
        } catch {
          count('operator cut off');
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }

    /** Somebody excludes other addresses every so often. */
    async function exclude(): Promise<void> {
      while (Date.now() < deadline) {
        const n = random.below(networks.length);
        const { prefix, first, last } = networks[n] ?? { prefix: '', first: 0, last: 0 };
        const ips = Array.from({ length: 5 }, () => `${prefix}.${first + random.below(last - first + 1)}`);
        const subnets = [
          {
            cidr: `${prefix}.0/24`,
            gateway: `${prefix}.1`,
            ranges: [`${prefix}.${first}-${prefix}.${last}`],
            exclude: [...new Set(ips)],
          },
        ];
        checker.excluded(prefix, null);
        try {
          const made = await server.request('PATCH', `/v1/networks/net${n}`, { subnets }, patching);
          if (made.status === 200) {
            checker.excluded(prefix, new Set(ips));
            count('excluded');
          } else count(`not excluded: ${made.body.code as string}`);
        } catch {
          count('operator cut off');
        }
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    }

    async function compare(last: TestServer): Promise<Omit<RunResult, 'violations'>> {
      const held = new Set<string>();
      for (const [n] of networks.entries()) {
        const { body } = await last.request('GET', `/v1/networks/net${n}/addresses?limit=1000`);
        for (const { ip, host } of body.items as Address[]) if (host !== null) held.add(`${ip} ${host}`);
      }
      const running = new Set([...checker.running()].map(([ip, agent]) => `${ip} ${agent}`));
      const { body } = await last.request('POST', '/v1/checks', { kind: 'addresses' });
      return {
        counts,
        operations: Object.values(counts).reduce((sum, n) => sum + n, 0),
        leaked: [...held].filter((one) => !running.has(one)),
        unaccounted: [...running].filter((one) => !held.has(one)),
        findings: body.result.findings as unknown[],
      };
    }
  } finally {
    await Promise.all([...clients.values()].map((client) => client.close()));
    await server.close();
  }
}
