import type { Ping } from '@trunkline/contracts';
import { shortMessageOf } from '@trunkline/log';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import { parsePingSummary } from './ping-summary.ts';

/** Pings an address from where `run` runs; says who answered ARP or ND. Fails only when `signal` aborts. */
export async function pingAddress(
  address: string,
  count: number,
  run: RunCommand,
  signal: AbortSignal,
): Promise<Ping> {
  const nothing = { address, sent: 0, received: 0, lossPercent: 100, rttMs: null, mac: null };
  try {
    const family = address.includes(':') ? '-6' : '-4';
    const argv = ['-n', '-q', family, '-c', String(count), '-i', '0.2', '-W', '1', address];
    // 1: nothing came back, which is an answer (ping(8)).
    const { stdout } = await run('ping', argv, {
      timeoutMs: count * 1200 + 5000,
      acceptCodes: [0, 1],
      signal,
    });
    const summary = parsePingSummary(stdout);
    if (summary === null)
      return { ...nothing, error: `the output of ping is not readable: ${stdout.slice(0, 200)}` };
    return { address, ...summary, mac: await neighbourMac(address, run, signal), error: null };
  } catch (error) {
    signal.throwIfAborted();
    return { ...nothing, error: pingFailure(error) };
  }
}

/** Who answered ARP or ND; null for nobody, and where the answer cannot be read. */
async function neighbourMac(address: string, run: RunCommand, signal: AbortSignal): Promise<string | null> {
  try {
    const { stdout } = await run('ip', ['-json', 'neigh', 'show', 'to', address], { signal });
    const entries = JSON.parse(stdout.trim() || '[]') as { lladdr?: string }[];
    return entries.find(({ lladdr }) => lladdr !== undefined)?.lladdr?.toLowerCase() ?? null;
  } catch {
    return null;
  }
}

/** Why ping could not be run, with what to install. */
export function pingFailure(error: unknown): string {
  if (error instanceof CommandFailed && error.kind === 'spawn') {
    return `${error.message}; install iputils-ping and util-linux on this host`;
  }
  return shortMessageOf(error);
}
