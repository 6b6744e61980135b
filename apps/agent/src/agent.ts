import type { ServerLocation } from '@trunkline/client';
import type { AgentDeps } from './agent-deps.ts';
import { factsOf } from './host-facts.ts';
import { openIpam } from './ipam/ipam.ts';
import { runJoined } from './joined-agent.ts';
import { makePrivateFolder } from './lib/atomic-file.ts';
import { loadIdentity, type JoinedIdentity } from './machine/identity.ts';
import type { Binding } from './machine/machine-binding.ts';
import { ownMachine, type OwnMachineDeps } from './machine/own-machine.ts';
import { openPast } from './machine/past.ts';
import { readTrustedAuthority } from './machine/trusted-authority.ts';
import { ensureJoined } from './sync/join.ts';
import { lockStateFolder } from './sync/state-lock.ts';

/**
 * Runs an agent until `signal` aborts: joins where it has not, then keeps the host as the server wants it. The last document is
 * carried out also while the server cannot be reached. Nothing of it is undone at the end.
 *
 * Fails when it cannot go on: `StateFolderBusy`, `CopiedState`, `UnreadableIdentity`, `JoinRefused`, `AgentSuperseded`.
 */
export async function runAgent(deps: AgentDeps, signal: AbortSignal): Promise<void> {
  const { config } = deps;
  await makePrivateFolder(config.stateDir);
  const unlock = await lockStateFolder(config.stateDir);
  try {
    await runServing(deps, await ownMachine(machineOf(deps), signal), signal);
  } finally {
    await unlock();
  }
}

const machineOf = ({ config, links, readFile, timing, log }: AgentDeps): OwnMachineDeps => ({
  stateFolder: config.stateDir,
  mayJoin: config.joinToken !== null,
  links,
  readFile,
  timing,
  log,
});

/** Serves Docker before anything else begins and until everything else has ended, because a container may wait for it. */
async function runServing(deps: AgentDeps, machine: Binding, signal: AbortSignal): Promise<void> {
  const { config, timing, log, probe, sandboxes, docker, pluginSocketDescriptor } = deps;
  const state = await openPast({ stateFolder: config.stateDir, readFile: deps.readFile, log });
  const ipam = await openIpam({
    stateFolder: config.stateDir,
    past: state.past,
    onConfirmed: () => void state.mark(),
    onDisowned: () => void state.disown(),
    socket: { path: config.pluginSocket, descriptor: pluginSocketDescriptor },
    graceMs: config.leakSeconds * 1000,
    probe,
    sandboxes,
    docker,
    timing,
    log,
  });
  const ended = new AbortController();
  const serving = ipam.serve(ended.signal);
  try {
    const identity = await join(deps, await serverOf(config), signal);
    await state.joined();
    const server = await serverOf(config);
    await runJoined(deps, { server, identity, machine, ipam, past: state.past }, signal);
  } finally {
    ended.abort();
    await serving;
    await ipam.close();
    await state.settled();
  }
}

/** Where the server is, and who proves it: besides the machine's own, those of the settings and the one that the join token named. */
async function serverOf({ server, ca, stateDir }: AgentDeps['config']): Promise<ServerLocation> {
  const known = [ca, await readTrustedAuthority(stateDir)].filter((pem) => pem !== null);
  return { baseUrl: server, ...(known.length === 0 ? {} : { ca: known.join('\n') }) };
}

/** The identity of this host: the one on its disk, or the one that the server gives it now. */
async function join(deps: AgentDeps, server: ServerLocation, signal: AbortSignal): Promise<JoinedIdentity> {
  const { config, links, docker, kernel, timing, log } = deps;
  return await ensureJoined(
    {
      stateFolder: config.stateDir,
      server,
      token: config.joinToken,
      hostName: config.hostName,
      facts: () => factsOf(deps, { links, docker, kernel }),
      timing,
      log,
    },
    await loadIdentity(config.stateDir),
    signal,
  );
}
