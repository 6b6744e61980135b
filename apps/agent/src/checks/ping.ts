import type { Ping } from '@trunkline/contracts';
import { shortMessageOf } from '@trunkline/log';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import { parsePingSummary } from './ping-summary.ts';

/** What echo requests to one address found, without the MAC that answered ARP or ND. */
export type Echoes = Omit<Ping, 'mac'>;

/** Pings an address from where `run` runs. Fails only when `signal` aborts. */
export async function sendPings(
  address: string,
  count: number,
  run: RunCommand,
  signal: AbortSignal,
): Promise<Echoes> {
  const nothing = { address, sent: 0, received: 0, lossPercent: 100, rttMs: null };
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
    return { address, ...summary, error: null };
  } catch (error) {
    signal.throwIfAborted();
    return { ...nothing, error: pingFailure(error) };
  }
}

/** Pings an address from where `run` runs; says who answered ARP or ND. Fails only when `signal` aborts. */
export async function pingAddress(
  address: string,
  count: number,
  run: RunCommand,
  signal: AbortSignal,
): Promise<Ping> {
  const { error, ...found } = await sendPings(address, count, run, signal);
  const macs = error === null ? await neighbourMacs(run, signal, ['to', address]) : new Map<string, string>();
  return { ...found, mac: macs.get(address) ?? null, error };
}

/**
 * Who answered ARP or ND, by address; empty where the answer cannot be read. An entry that somebody set by hand (`PERMANENT`) is no
 * answer.
 */
export async function neighbourMacs(
  run: RunCommand,
  signal: AbortSignal,
  selector: readonly string[] = [],
): Promise<ReadonlyMap<string, string>> {
  try {
    const { stdout } = await run('ip', ['-json', 'neigh', 'show', ...selector], { signal });
    const entries = JSON.parse(stdout.trim() || '[]') as {
      dst?: string;
      lladdr?: string;
      state?: string[];
    }[];
    return new Map(
      entries.flatMap(({ dst, lladdr, state }): [string, string][] =>
        dst === undefined || lladdr === undefined || state?.includes('PERMANENT') === true
          ? []
          : [[dst, lladdr.toLowerCase()]],
      ),
    );
  } catch {
    return new Map();
  }
}

/** Why ping could not be run, with what to install. */
export function pingFailure(error: unknown): string {
  if (error instanceof CommandFailed && error.kind === 'spawn') {
    return `${error.message}; install iputils-ping and util-linux on this host`;
  }
  const said = error instanceof CommandFailed ? error.stderr.trim() : '';
  // What ping makes of EACCES, also where the address is no broadcast.
  if (said.includes('Do you want to ping broadcast?'))
    return 'ping: the kernel refuses to send there (EACCES): a route or a rule forbids it';
  if (/^ping: [^\n]+$/.test(said)) return said;
  return shortMessageOf(error);
}
