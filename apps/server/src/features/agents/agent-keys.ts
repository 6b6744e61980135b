import type { KeyObject } from 'node:crypto';
import { openPublicKey } from './signature.ts';

/** Public keys of the agents of hosts. */
export interface AgentKeys {
  /** Undefined for a host that has not joined. One that was retired meanwhile may still have a key here. */
  get(hostId: string): Promise<KeyObject | undefined>;
}

/** Keys that are kept; a fleet may be larger. */
const maxKept = 10_000;

/** A host has the same key for as long as it is one: what was read of the database once holds. */
export function createAgentKeys(
  find: (hostId: string) => Promise<Uint8Array | undefined>,
  most = maxKept,
): AgentKeys {
  const kept = new Map<string, KeyObject>();
  return {
    async get(hostId) {
      const known = kept.get(hostId);
      if (known !== undefined) return known;
      const raw = await find(hostId);
      if (raw === undefined) return undefined;
      const key = openPublicKey(raw);
      const [oldest] = kept.keys();
      if (kept.size >= most && oldest !== undefined) kept.delete(oldest);
      kept.set(hostId, key);
      return key;
    },
  };
}
