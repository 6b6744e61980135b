import { maxRateSeconds, type Frames } from '@trunkline/contracts';

/** Counters of the kernel for one network, read at one time. */
export interface FrameCounters {
  /** When, in milliseconds. */
  readonly at: number;
  /** The interface of the host below the network. */
  readonly link: string;
  /** Its received multicast frames; null: it has no such counter. */
  readonly multicast: number | null;
  /** A container on the network, and what its interface received of broadcast and multicast; null: none was read. */
  readonly container: {
    /** Another one after each start. */
    readonly key: string;
    readonly name: string;
    readonly flooded: number;
  } | null;
}

/** Frames a second between two readings; null where a counter began again, or there is no earlier one. */
function rate(before: number | null, now: number | null, seconds: number): number | null {
  if (before === null || now === null || now < before || seconds <= 0) return null;
  return Math.round(((now - before) / seconds) * 10) / 10;
}

/** The rates between two readings of a network. A reading of another interface, or of too long ago, is none. Pure. */
export function framesBetween(before: FrameCounters | null, now: FrameCounters): Frames {
  const passed = before === null ? 0 : (now.at - before.at) / 1000;
  const earlier = before?.link === now.link && passed > 0 && passed <= maxRateSeconds ? before : null;
  const seconds = earlier === null ? 0 : Math.round(passed * 10) / 10;
  const sameContainer = earlier?.container?.key === now.container?.key ? earlier?.container : null;
  return {
    link: now.link,
    multicastPerSecond: rate(earlier?.multicast ?? null, now.multicast, passed),
    floodedPerSecond: rate(sameContainer?.flooded ?? null, now.container?.flooded ?? null, passed),
    container: now.container?.name ?? null,
    seconds,
  };
}
