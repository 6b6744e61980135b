import { readFile } from 'node:fs/promises';
import { createFleet } from '@trunkline/lab/fleet/fleet.ts';
import { must } from '../e2e/outside.ts';
import { packagedAgent } from '../e2e/packaged-agent.ts';
import { msPerTick } from './process-cost.ts';
import { startAgain } from './start-again.ts';
import { warmPoolsFull } from './warm-pool.ts';

const networks = 50;
const warm = 4;

/** Processor time of a process and of the programs that it began and that have ended, and its memory. */
interface FamilyCost {
  readonly ownMs: number;
  readonly programsMs: number;
  readonly peakBytes: number;
}

async function costWithPrograms(pid: number): Promise<FamilyCost> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${String(pid)}/stat`, 'utf8'),
    readFile(`/proc/${String(pid)}/status`, 'utf8'),
  ]);
  // After the name: utime, stime, cutime and cstime are fields 14 to 17 (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (from: number): number => Number(fields[from]) + Number(fields[from + 1]);
  return {
    ownMs: ticks(11) * msPerTick,
    programsMs: ticks(13) * msPerTick,
    peakBytes: Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) * 1024,
  };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/**
 * What an agent needs until the warm pools of 50 networks, each on a NIC of its own, are full: from before the networks are
 * made, as `npm run agent` and as the package starts it. Programs that it began count; those that a holder of the wire's room still runs do not, until they end.
 */
export async function benchWarmFill(progress: (text: string) => void): Promise<string[][]> {
  await using packaged = await packagedAgent(progress);
  return [
    ['filling warm pools of 4', 'time', 'agent', 'its programs', 'processor in all', 'peak memory'],
    await fill('from source', undefined, progress),
    await fill('of the package', packaged.command, progress),
  ];
}

async function fill(
  label: string,
  agentCommand: readonly string[] | undefined,
  progress: (text: string) => void,
): Promise<string[]> {
  progress(`${label}: starting a host, server and agent`);
  await using fleet = await createFleet({
    hosts: 1,
    name: `warm-${String(process.pid)}`,
    ...(agentCommand === undefined ? {} : { agent: agentCommand }),
  });
  const host = fleet.lab.host('docker01');
  await startAgain(fleet);
  for (let n = 1; n <= networks; n += 1) {
    const [nic, wall] = [`nic${String(n)}`, `wall${String(n)}`];
    await must(host, 'ip', 'link', 'add', nic, 'type', 'veth', 'peer', 'name', wall);
    await must(host, 'ip', 'link', 'set', nic, 'up');
    await must(host, 'ip', 'link', 'set', wall, 'up');
  }
  const pid = fleet.agentPid('docker01');
  if (pid === undefined) throw new Error('the agent does not run');
  const before = await costWithPrograms(pid);
  const began = performance.now();
  for (let n = 1; n <= networks; n += 1) {
    await fleet.client.networks.create({
      name: `warm${String(n)}`,
      parent: `nic${String(n)}`,
      subnets: [{ cidr: `10.9.${String(n)}.0/24`, gateway: `10.9.${String(n)}.1` }],
      warm,
    });
  }
  for (let n = 1; n <= networks; n += 1) {
    progress(`${label}: waiting for pool ${String(n)} of ${String(networks)}`);
    await warmPoolsFull(fleet.client, `warm${String(n)}`, 1, warm);
  }
  // Leased is not probed yet: the wire is asked for some seconds more.
  await settled(pid);
  const took = performance.now() - began - settleMs;
  const after = await costWithPrograms(pid);
  const [own, programs] = [after.ownMs - before.ownMs, after.programsMs - before.programsMs];
  return [
    `${String(networks)} networks, agent ${label}`,
    seconds(took),
    seconds(own),
    seconds(programs),
    seconds(own + programs),
    mebibytes(after.peakBytes),
  ];
}

const settleMs = 15_000;
/** Resolves when the agent has been at rest for a while: less than 5 % of a processor. */
async function settled(pid: number): Promise<void> {
  for (let last = await total(pid); ;) {
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const now = await total(pid);
    if (now - last < settleMs * 0.05) return;
    last = now;
  }
}

const total = async (pid: number): Promise<number> => {
  const { ownMs, programsMs } = await costWithPrograms(pid);
  return ownMs + programsMs;
};
