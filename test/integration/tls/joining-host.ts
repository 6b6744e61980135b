import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Logger } from 'pino';
import { realTiming } from '../../../apps/agent/src/host/spawn.ts';
import { loadIdentity, type JoinedIdentity } from '../../../apps/agent/src/machine/identity.ts';
import { ensureJoined } from '../../../apps/agent/src/sync/join.ts';
import { testFacts } from '../agent-stub.ts';

/** The part of an agent that joins, with a state directory of its own. */
export interface JoiningHost extends AsyncDisposable {
  readonly stateDir: string;
  /** As an agent does with these settings. Waits as long as the server cannot be reached: `signal` ends that. */
  readonly join: (
    server: { readonly baseUrl: string; readonly ca?: string },
    token: string,
    signal?: AbortSignal,
    /** One try. */
    once?: boolean,
  ) => Promise<JoinedIdentity>;
}

export async function joiningHost(hostName: string, log: Logger): Promise<JoiningHost> {
  const stateDir = await mkdtemp(path.join(tmpdir(), 'trunkline-joining-'));
  return {
    stateDir,
    join: async (server, token, signal = new AbortController().signal, once = false) =>
      await ensureJoined(
        {
          stateFolder: stateDir,
          server,
          token,
          once,
          hostName,
          facts: async () => testFacts(hostName),
          timing: { ...realTiming, now: Date.now },
          log,
        },
        await loadIdentity(stateDir),
        signal,
      ),
    [Symbol.asyncDispose]: () => rm(stateDir, { recursive: true, force: true }),
  };
}
