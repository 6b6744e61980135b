import { createHash } from 'node:crypto';
import type { FleetNames } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { poolQuery } from '../../platform/database/query.ts';
import type { Platform } from '../../platform/platform.ts';
import { namesOfNetwork, type NetworkContent } from './names-of-network.ts';
import { createNamesWaits } from './names-waits.ts';
import { namedNetworks, raiseNamesOfHost, runningOn, type NamedNetwork } from './names.store.ts';

/** Names of containers, as hosts get them. */
export interface NamesService {
  /**
   * The names of a host's networks, as soon as they are not of `version`; undefined when they still are after `waitSeconds`, or
   * when `gone` fires.
   */
  names(
    host: { id: string; name: string },
    poll: { version: string | undefined; waitSeconds: number; gone: AbortSignal },
  ): Promise<FleetNames | undefined>;
  /** A host leaves the fleet, and its containers leave the names. */
  forgetHost(change: Change, host: { id: string }): Promise<void>;
}

const maxWaitSeconds = 60;
/** What is read of a network: somewhat more than is sent, since a host does not get its own. */
const maxRead = 16_384;
/** Networks whose content is kept, those asked for last. */
const maxKept = 64;

/** One version for all networks with names that a host has: another when one of them comes, goes, is renamed or changes. */
function versionOf(networks: readonly NamedNetwork[]): string {
  const hash = createHash('sha256');
  for (const { id, name, version } of networks) hash.update(`${id} ${name} ${version}\n`);
  return hash.digest('base64url').slice(0, 22);
}

/**
 * Reads what runs on networks. All hosts of a network ask for the same at the same time: it is read once for each version, and
 * kept for those that come later.
 */
function createContents(read: (networkId: string) => Promise<NetworkContent['containers']>) {
  const kept = new Map<string, { version: string; content: Promise<NetworkContent> }>();
  return {
    get({ id, version }: NamedNetwork): Promise<NetworkContent> {
      const known = kept.get(id);
      kept.delete(id);
      const content =
        known?.version === version
          ? known.content
          : read(id).then((containers): NetworkContent => ({ version, containers }));
      kept.set(id, { version, content });
      content.catch(() => {
        if (kept.get(id)?.content === content) kept.delete(id);
      });
      for (const oldest of kept.keys()) {
        if (kept.size <= maxKept) break;
        kept.delete(oldest);
      }
      return content;
    },
  };
}

export function createNamesService(
  platform: Pick<Platform, 'database' | 'feed' | 'log' | 'stopping'>,
): NamesService {
  const { feed, log, stopping } = platform;
  const query = poolQuery(platform.database.pool);
  // Read after its version: it may be newer than that says, and is then asked for again. It is never older.
  const contents = createContents((networkId) => runningOn(query, networkId, maxRead));
  const waits = createNamesWaits({
    versionsOf: async (hostIds) => {
      const networks = await namedNetworks(query, hostIds);
      return new Map(hostIds.map((id) => [id, versionOf(networks.get(id) ?? [])]));
    },
    subscribe: (listener) => feed.subscribe(listener),
    warn: (error) => log.warn({ err: error }, 'reading versions of names failed, will try again'),
  });

  async function networksOf(hostId: string): Promise<readonly NamedNetwork[]> {
    return (await namedNetworks(query, [hostId])).get(hostId) ?? [];
  }

  async function answer(host: { name: string }, networks: readonly NamedNetwork[]): Promise<FleetNames> {
    const sent = [];
    for (const network of networks)
      sent.push(namesOfNetwork(network, await contents.get(network), host.name));
    return { version: versionOf(networks), networks: sent };
  }

  return {
    async names(host, { version, waitSeconds, gone }) {
      if (version === undefined) return answer(host, await networksOf(host.id));
      const signal = AbortSignal.any([gone, stopping]);
      const wait = waits.start(host.id, version, Math.min(waitSeconds, maxWaitSeconds) * 1000, signal);
      try {
        const before = await networksOf(host.id);
        if (versionOf(before) !== version) return await answer(host, before);
        await wait.changed;
        if (signal.aborted) return undefined;
        const after = await networksOf(host.id);
        return versionOf(after) === version ? undefined : await answer(host, after);
      } finally {
        wait.cancel();
      }
    },

    forgetHost: (change, host) => raiseNamesOfHost(change.db, host.id),
  };
}
