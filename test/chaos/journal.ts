import type { Violation } from './observation.ts';

/** Something that was done or seen. */
export interface Entry {
  /** Milliseconds since the run began. */
  readonly at: number;
  readonly text: string;
  /** What it is about. Neither container nor address: the fleet, or a host of it. */
  readonly containers: readonly string[];
  readonly ips: readonly string[];
}

/** Lines of a story: enough to see why, few enough to read. */
const maxLines = 120;
/** What led to a violation began before the first entry about its containers. */
const leadMs = 15_000;

/**
 * What led to a violation: all entries about its address and its containers, and of the fleet since the containers
 * first appeared. Pure.
 */
export function storyOf(entries: readonly Entry[], { at, ip, containers }: Violation): readonly Entry[] {
  const before = entries.filter((entry) => entry.at <= at + 1);
  const names = new Set(containers);
  const isAbout = (entry: Entry): boolean =>
    (ip !== null && entry.ips.includes(ip)) || entry.containers.some((name) => names.has(name));
  const first = before.find((entry) => entry.containers.some((name) => names.has(name)))?.at ?? at;
  const story = before.filter(
    (entry) =>
      isAbout(entry) ||
      (entry.at >= first - leadMs && entry.containers.length === 0 && entry.ips.length === 0),
  );
  return story.slice(-maxLines);
}

/** Seconds since the begin, then the text. */
export function lineOf({ at, text }: Pick<Entry, 'at' | 'text'>): string {
  return `${(at / 1000).toFixed(2).padStart(8)} s  ${text}`;
}
