import { fileURLToPath } from 'node:url';
import type { CheckReport, ConnectivityResult, DesiredConnectivityCheck, Ping } from '@trunkline/contracts';
import type { RunCommand } from '../host/command.ts';
import type { DockerEngine } from '../host/docker-engine.ts';
import { DockerError, DockerNotFound } from '../host/docker-errors.ts';
import { inContainerNetwork } from '../host/namespace.ts';
import { pingAddress, pingFailure } from './ping.ts';
import { dnsFailure } from './resolve.ts';
import { hostsAddresses, nameservers } from './resolver-files.ts';

/** What a connectivity check works with. */
export interface ConnectivityDeps {
  readonly docker: Pick<DockerEngine, 'container'>;
  readonly run: RunCommand;
  /** A file of a container, '' when it has none; see `readContainerFile`. */
  readonly readContainerFile: (pid: number, path: string) => Promise<string>;
  /** Node itself, to resolve names with. */
  readonly nodePath: string;
}

const resolveScript = fileURLToPath(new URL('resolve-name.ts', import.meta.url));
const resolveTimeoutMs = 15_000;

/**
 * Pings the other container's addresses from inside the first one's network, then looks whether its name leads there.
 * Answers a report in any case; `failed` when it could not be run at all.
 */
export async function checkConnectivity(
  check: DesiredConnectivityCheck,
  deps: ConnectivityDeps,
  signal: AbortSignal,
): Promise<CheckReport & { readonly result: ConnectivityResult | null }> {
  const pid = await runningPid(check.fromContainer, deps.docker);
  if (typeof pid === 'string') return { state: 'failed', result: null, error: pid };
  const run = inContainerNetwork(deps.run, pid);
  const ping = (address: string) => pingAddress(address, check.count, run, signal);
  const byAddress = await Promise.all(check.toAddresses.map(ping));
  const byName = await checkName(check, pid, byAddress, { ...deps, run }, ping, signal);
  const reached = byAddress.find(({ received }) => received > 0);
  return {
    state: 'done',
    error: null,
    result: {
      reachable: reached !== undefined,
      byAddress,
      byName,
      message: sentence(check, byAddress, reached),
    },
  };
}

/** Process id of the container, or a sentence why there is none. */
export async function runningPid(name: string, docker: ConnectivityDeps['docker']): Promise<number | string> {
  try {
    const { pid, status } = await docker.container(name);
    return pid ?? `container ${name} is ${status}: start it first`;
  } catch (error) {
    if (error instanceof DockerNotFound) return `container ${name} is not on this host`;
    if (error instanceof DockerError) return error.message;
    throw error;
  }
}

async function checkName(
  check: DesiredConnectivityCheck,
  pid: number,
  pinged: readonly Ping[],
  deps: ConnectivityDeps,
  ping: (address: string) => Promise<Ping>,
  signal: AbortSignal,
): Promise<ConnectivityResult['byName']> {
  const { fromContainer: from, toContainer: name } = check;
  const answer = (resolved: string[], reachable: boolean, message: string) => ({
    name,
    resolved,
    reachable,
    message,
  });
  const { addresses, failure } = await resolve(name, pid, deps, signal);
  if (addresses.length === 0) return answer([], false, `${name} does not resolve from ${from} (${failure})`);
  const results = await Promise.all(
    addresses
      .slice(0, 4)
      .map(async (one) => pinged.find(({ address }) => address === one) ?? (await ping(one))),
  );
  const reached = results.find(({ received }) => received > 0);
  const where = addresses.join(', ');
  return reached === undefined
    ? answer(addresses, false, `${name} resolves to ${where}, which does not answer`)
    : answer(addresses, true, `${name} resolves to ${where} and answers at ${reached.address}`);
}

/** Resolves a name as the container's own C library would: by its hosts file, then by its name servers. */
async function resolve(
  name: string,
  pid: number,
  deps: ConnectivityDeps,
  signal: AbortSignal,
): Promise<{ readonly addresses: string[]; readonly failure: string }> {
  const fromFile = hostsAddresses(await deps.readContainerFile(pid, '/etc/hosts'), name);
  if (fromFile.length > 0) return { addresses: fromFile, failure: '' };
  const servers = nameservers(await deps.readContainerFile(pid, '/etc/resolv.conf'));
  if (servers.length === 0) return { addresses: [], failure: 'no name server in its /etc/resolv.conf' };
  try {
    const { stdout } = await deps.run(deps.nodePath, [resolveScript, servers.join(','), name], {
      timeoutMs: resolveTimeoutMs,
      signal,
    });
    const { addresses, error } = JSON.parse(stdout) as { addresses: string[]; error: string | null };
    return { addresses, failure: error === null ? '' : dnsFailure(error) };
  } catch (error) {
    signal.throwIfAborted();
    return { addresses: [], failure: pingFailure(error) };
  }
}

function sentence(
  check: DesiredConnectivityCheck,
  pings: readonly Ping[],
  reached: Ping | undefined,
): string {
  const { fromContainer: from, toContainer: to } = check;
  if (reached !== undefined) {
    const time = reached.rttMs === null ? '' : `, ${reached.rttMs.avg} ms`;
    return `${from} reaches ${to} at ${reached.address}: ${reached.received} of ${reached.sent}${time}`;
  }
  if (pings.length === 0) return `${to} has no address to ping`;
  const tried = pings
    .map(({ address, error }) => (error === null ? address : `${address} (${error})`))
    .join(', ');
  return `${from} does not reach ${to}: no answer from ${tried}`;
}
