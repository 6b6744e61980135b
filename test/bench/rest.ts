import { setTimeout as delay } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { must } from '../e2e/outside.ts';
import { createFleet, type Fleet } from '@trunkline/lab/fleet/fleet.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { packagedAgent } from '../e2e/packaged-agent.ts';
import { costOf, type ProcessCost } from './process-cost.ts';
import { startAgain } from './start-again.ts';

const networks = 50;
const watchedMs = 120_000;
const readyMs = 120_000;

/** NICs for as many networks: an Engine before 27 takes one macvlan network a parent. */
async function plugNics({ lab }: Fleet): Promise<void> {
  const host = lab.host('docker01');
  for (let n = 1; n <= networks; n += 1) {
    await must(
      host,
      'ip',
      'link',
      'add',
      `nic${String(n)}`,
      'type',
      'veth',
      'peer',
      'name',
      `wall${String(n)}`,
    );
    await must(host, 'ip', 'link', 'set', `wall${String(n)}`, 'up');
  }
}

async function makeNetworks({ client }: Fleet): Promise<void> {
  for (let n = 1; n <= networks; n += 1) {
    await client.networks.create({
      name: `rest${String(n)}`,
      parent: `nic${String(n)}`,
      hosts: { names: ['docker01'] },
      subnets: [{ cidr: `10.9.${String(n)}.0/24`, gateway: `10.9.${String(n)}.1` }],
    });
  }
  await waitFor(
    `${String(networks)} networks ready`,
    async () => {
      for await (const { status } of client.networks.all()) if (!status.ready) return false;
      return true;
    },
    readyMs,
    500,
  );
}

/** The dockerd of docker01, by the socket that it listens on. */
async function dockerdPid({ lab }: Fleet): Promise<number> {
  const stdout = await must(lab.host('docker01'), 'cat', '/run/docker.pid');
  return Number(stdout);
}

async function watch(pids: readonly number[]): Promise<{ cost: ProcessCost; cpuShare: number }[]> {
  const before = await Promise.all(pids.map(costOf));
  const began = performance.now();
  await delay(watchedMs);
  const took = performance.now() - began;
  const after = await Promise.all(pids.map(costOf));
  return after.map((cost, i) => ({ cost, cpuShare: (cost.cpuMs - (before[i]?.cpuMs ?? 0)) / took }));
}

/**
 * Memory and processor time of an agent at rest with 50 networks on its host, as `npm run agent` and as the package starts it, beside a
 * Node that does nothing (the bare limit) and the dockerd of the same host, all in the same two minutes.
 */
export async function benchRest(progress: (text: string) => void): Promise<string[][]> {
  await using packaged = await packagedAgent(progress);
  return [
    ['at rest, 50 networks', 'memory', 'processor', 'memory to idle Node'],
    ...(await atRest('from source', undefined, progress)),
    ...(await atRest('of the package', packaged.command, progress)),
  ];
}

async function atRest(
  label: string,
  agentCommand: readonly string[] | undefined,
  progress: (text: string) => void,
): Promise<string[][]> {
  progress(`${label}: starting a host, server and agent`);
  await using fleet = await createFleet({
    hosts: 1,
    name: `rest-${String(process.pid)}`,
    ...(agentCommand === undefined ? {} : { agent: agentCommand }),
  });
  await startAgain(fleet);
  progress(`${label}: making ${String(networks)} networks`);
  await plugNics(fleet);
  await makeNetworks(fleet);
  const idle = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  try {
    const agent = fleet.agentPid('docker01');
    if (agent === undefined || idle.pid === undefined) throw new Error('the agent does not run');
    progress(`${label}: watching for ${String(watchedMs / 1000)} s`);
    const rows = await watch([agent, idle.pid, await dockerdPid(fleet)]);
    const bare = rows[1];
    return [`agent ${label}`, 'Node that does nothing', 'dockerd'].map((name, i) => {
      const { cost, cpuShare } = rows[i] ?? { cost: { residentBytes: Number.NaN }, cpuShare: Number.NaN };
      return [
        name,
        `${(cost.residentBytes / 2 ** 20).toFixed(0)} MiB`,
        `${(cpuShare * 100).toFixed(2)} %`,
        `${(cost.residentBytes / (bare?.cost.residentBytes ?? Number.NaN)).toFixed(2)}x`,
      ];
    });
  } finally {
    idle.kill('SIGKILL');
  }
}
