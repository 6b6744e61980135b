import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentNodeFlags } from '@trunkline/lab/fleet/fleet.ts';
import type { TestAgent } from '../../integration/server.ts';
import type { FuzzedAgent } from './agent.ts';

/** An address driver that runs. */
export interface AgentProcess {
  socket: string;
  /** It has not ended. */
  isAlive(): boolean;
  /** Memory it has in use, in MiB. */
  rssMiB(): number;
  /** Sockets that it has open. */
  sockets(): number;
  stop(): Promise<void>;
}

const startMs = 20_000;
const stopMs = 15_000;

/** Starts the driver of a host that has joined. It ends with this process, too. */
export async function startAgentProcess(
  host: TestAgent,
  { server, graceMs }: { server: string; graceMs: number },
): Promise<AgentProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-fuzz-'));
  const agent: FuzzedAgent = {
    server,
    hostId: host.hostId,
    privateKey: host.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    instance: host.instance,
    stateFolder: folder,
    socket: join(folder, 'trunkline.sock'),
    graceMs,
  };
  const child = fork(join(import.meta.dirname, 'agent.ts'), {
    env: { ...process.env, TRUNKLINE_FUZZED_AGENT: JSON.stringify(agent) },
    execArgv: agentNodeFlags,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const gone = once(child, 'exit');
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;
  const stop = async (): Promise<void> => {
    if (isAlive()) {
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await gone;
      clearTimeout(kill);
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [said] = (await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(startMs) }),
      gone.then(() => ['ended']),
    ])) as [unknown];
    if (said !== 'serving') throw new Error(`the driver ended with ${child.exitCode ?? child.signalCode}`);
  } catch (error) {
    await stop();
    throw error;
  }
  const { pid } = child;
  return {
    socket: agent.socket,
    isAlive,
    rssMiB: () => {
      const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      return Number(kib) / 1024;
    },
    sockets: () => readdirSync(`/proc/${pid}/fd`).length,
    stop,
  };
}
