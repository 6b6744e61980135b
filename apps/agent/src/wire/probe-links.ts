import type { Link } from '../host/links.ts';
import type { Timing } from '../sync/timing.ts';
import type { ProbeLink } from './probe-link.ts';

/** Probe links shared by those who ask at the same time. */
export type ProbeLinks = {
  /**
   * Does something on the probe link of a parent, which is made when it is first needed and goes when nobody used it
   * for a while. Fails as `work` does and as opening does; what failed is not used again.
   */
  readonly use: <T>(parent: Link, work: (link: ProbeLink) => Promise<T>) => Promise<T>;
  /** Takes all away. */
  readonly close: () => void;
};

type Entry = {
  readonly link: Promise<ProbeLink>;
  users: number;
  /** Ends the wait that ends the link. */
  idle: AbortController | null;
};

/** `lingerMs`: how long one stays without use, in milliseconds: leases come in bursts. */
export function createProbeLinks(deps: {
  readonly open: (parent: Link) => Promise<ProbeLink>;
  readonly timing: Pick<Timing, 'delay'>;
  readonly lingerMs: number;
}): ProbeLinks {
  const entries = new Map<string, Entry>();

  function take(key: string, parent: Link): Entry {
    const known = entries.get(key);
    if (known !== undefined) {
      known.idle?.abort();
      known.idle = null;
      known.users += 1;
      return known;
    }
    const entry: Entry = { link: deps.open(parent), users: 1, idle: null };
    entries.set(key, entry);
    return entry;
  }

  function end(key: string, entry: Entry): void {
    if (entries.get(key) === entry) entries.delete(key);
    entry.idle?.abort();
    void entry.link.then(
      (link) => link.close(),
      () => {},
    );
  }

  function leave(key: string, entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (entries.get(key) !== entry) return end(key, entry);
    const idle = new AbortController();
    entry.idle = idle;
    void endWhenIdle(key, entry, idle.signal);
  }

  async function endWhenIdle(key: string, entry: Entry, used: AbortSignal): Promise<void> {
    await deps.timing.delay(deps.lingerMs, used);
    if (!used.aborted) end(key, entry);
  }

  return {
    use: async (parent, work) => {
      // A NIC that was taken out and put in again is another one, of the same name.
      const key = `${parent.ifindex}:${parent.name}`;
      const entry = take(key, parent);
      try {
        return await work(await entry.link);
      } catch (error) {
        // Others that use it find out by themselves; whoever comes next gets a new one.
        if (entries.get(key) === entry) entries.delete(key);
        throw error;
      } finally {
        leave(key, entry);
      }
    },
    close: () => {
      for (const [key, entry] of entries) end(key, entry);
    },
  };
}
