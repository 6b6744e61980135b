import type { Role } from '@trunkline/contracts';
import type { Caller } from '../../platform/auth.ts';
import type { TokenRow } from './tokens.store.ts';

/** What the cache works with. */
export interface CallerCacheDeps {
  /** Looks the token up in the database. */
  find(hash: string): Promise<TokenRow | null>;
  /** Notes that a token was used in this minute. Not waited for. */
  noteUse(id: string, minute: Date): void;
  now(): Date;
}

/** Callers by the hash of their secret, so that not every request asks the database who it is. */
export interface CallerCache {
  find(hash: string): Promise<Caller | undefined>;
  /** A token was changed or revoked here. */
  clear(): void;
  /** Something was changed somewhere: every entry is looked up again once it is older than `revalidateMs`. */
  changed(): void;
}

interface Entry {
  caller: Caller;
  expiresAt: number;
  loadedAt: number;
  usedMinute: number;
}

/** An entry is never trusted for longer, whatever was heard, in milliseconds. */
export const maxTrustMs = 5_000;
/**
 * After a change anywhere an entry is trusted this long: a busy allocator changes something many times a second, and
 * a token's revocation does not have to be known any sooner on the other servers.
 */
export const revalidateMs = 250;
const maxEntries = 10_000;
const minuteMs = 60_000;

export function createCallerCache(deps: CallerCacheDeps): CallerCache {
  const entries = new Map<string, Entry>();
  /** Lookups under way: callers that come at once are many requests of one token, and share one. */
  const lookups = new Map<string, Promise<Entry | undefined>>();
  /** Lookups begun before the last `clear` are not kept: what they read may be what was cleared. */
  let epoch = 0;
  let changedAt = 0;

  const trusted = (entry: Entry, now: number): boolean =>
    now - entry.loadedAt < (changedAt >= entry.loadedAt ? revalidateMs : maxTrustMs);

  const load = async (hash: string, now: number): Promise<Entry | undefined> => {
    const began = epoch;
    const row = await deps.find(hash);
    if (row === null) {
      entries.delete(hash);
      return undefined;
    }
    const entry: Entry = {
      caller: { tokenId: row.id, name: row.name, role: row.role as Role },
      expiresAt: row.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
      loadedAt: now,
      usedMinute: entries.get(hash)?.usedMinute ?? row.lastUsedAt?.getTime() ?? 0,
    };
    if (began === epoch) {
      if (entries.size >= maxEntries) entries.clear();
      entries.set(hash, entry);
    }
    return entry;
  };

  const lookUp = (hash: string, now: number): Promise<Entry | undefined> => {
    const underWay = lookups.get(hash);
    if (underWay !== undefined) return underWay;
    const lookup = load(hash, now).finally(() => {
      if (lookups.get(hash) === lookup) lookups.delete(hash);
    });
    lookups.set(hash, lookup);
    return lookup;
  };

  return {
    async find(hash) {
      const now = deps.now().getTime();
      const kept = entries.get(hash);
      const entry = kept !== undefined && trusted(kept, now) ? kept : await lookUp(hash, now);
      if (entry === undefined || entry.expiresAt <= now) return undefined;
      const minute = now - (now % minuteMs);
      if (entry.usedMinute < minute) {
        entry.usedMinute = minute;
        deps.noteUse(entry.caller.tokenId, new Date(minute));
      }
      return entry.caller;
    },
    clear() {
      epoch += 1;
      entries.clear();
      lookups.clear();
    },
    changed() {
      changedAt = deps.now().getTime();
    },
  };
}
