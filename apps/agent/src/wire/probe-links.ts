import type { Link } from '../host/links.ts';
import type { Timing } from '../lib/timing.ts';
import type { ProbeLink, ProbeNamespace } from './probe-namespace.ts';

/** A link that is in use. */
export interface HeldLink {
  readonly space: ProbeNamespace;
  readonly link: ProbeLink;
  /** Makes it ready for IPv6 neighbours; once, whoever asks. Fails as `ProbeNamespace.prepareIpv6`. */
  readonly readyForIpv6: () => Promise<void>;
  /** Ends this use. `failed`: nobody else gets it. */
  readonly leave: (failed?: boolean) => void;
}

/** Links in one namespace, shared by those who ask at the same time. */
export interface ProbeLinks {
  /**
   * The link on a parent, which is made when it is first needed and goes when nobody used it for a while; the namespace goes
   * with the last. Fails as opening does.
   */
  readonly hold: (parent: Link) => Promise<HeldLink>;
  /** Takes the link on a parent of this name away, also from those who use it. */
  readonly letGo: (parent: string) => void;
  /** Removes all links. */
  readonly close: () => void;
}

interface Made {
  readonly space: ProbeNamespace;
  readonly link: ProbeLink;
}

interface Entry {
  readonly parent: string;
  readonly made: Promise<Made>;
  ready: Promise<void> | null;
  users: number;
  /** Ends the wait that ends the link. */
  idle: AbortController | null;
}

/** `lingerMs`: how long one stays without use, in milliseconds: leases come in bursts, and containers do not wait for it. */
export function createProbeLinks(deps: {
  readonly open: () => Promise<ProbeNamespace>;
  readonly signal: AbortSignal;
  readonly timing: Pick<Timing, 'delay'>;
  readonly lingerMs: number;
}): ProbeLinks {
  const entries = new Map<string, Entry>();
  let space: Promise<ProbeNamespace> | null = null;
  let current: ProbeNamespace | null = null;

  function namespace(): Promise<ProbeNamespace> {
    if (space === null) {
      space = deps.open();
      void note(space);
    }
    return space;
  }

  async function note(opened: Promise<ProbeNamespace>): Promise<void> {
    try {
      const own = await opened;
      if (space === opened) current = own;
    } catch {
      if (space === opened) forget();
    }
  }

  function forget(): void {
    space = null;
    current = null;
  }

  async function make(parent: Link): Promise<Made> {
    const own = await namespace();
    return { space: own, link: await own.addLink(parent, deps.signal) };
  }

  function take(key: string, parent: Link): Entry {
    if (current?.isGone() === true) {
      entries.clear();
      forget();
    }
    const known = entries.get(key);
    if (known !== undefined) {
      known.idle?.abort();
      known.idle = null;
      known.users += 1;
      return known;
    }
    const entry: Entry = { parent: parent.name, made: make(parent), ready: null, users: 1, idle: null };
    entries.set(key, entry);
    return entry;
  }

  function end(key: string, entry: Entry): void {
    if (entries.get(key) === entry) entries.delete(key);
    entry.idle?.abort();
    const isLast = entries.size === 0;
    const last = space;
    if (isLast) forget();
    void entry.made.then(
      ({ space: own, link }) => own.removeLink(link),
      () => {},
    );
    if (isLast) void last?.then((own) => own.close()).catch(() => {});
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

  /** Others that use it find out by themselves; whoever comes next gets a new one. */
  function drop(key: string, entry: Entry): void {
    if (entries.get(key) === entry) entries.delete(key);
  }

  return {
    hold: async (parent) => {
      // A NIC that was taken out and put in again is another one, of the same name.
      const key = `${parent.ifindex}:${parent.name}`;
      const entry = take(key, parent);
      let left = false;
      const leaveOnce = (failed = false): void => {
        if (left) return;
        left = true;
        if (failed) drop(key, entry);
        leave(key, entry);
      };
      try {
        const { space: own, link } = await entry.made;
        return {
          space: own,
          link,
          readyForIpv6: () => (entry.ready ??= own.prepareIpv6(link)),
          leave: leaveOnce,
        };
      } catch (error) {
        leaveOnce(true);
        throw error;
      }
    },
    letGo: (parent) => {
      for (const [key, entry] of entries) if (entry.parent === parent) end(key, entry);
    },
    close: () => {
      for (const [key, entry] of entries) end(key, entry);
    },
  };
}
