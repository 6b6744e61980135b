import type { AnnounceFailure } from './announcer.ts';
import type { WireTool } from './tools.ts';

/** How far the wire can be asked and told from this host. */
export type WireState = {
  /** Tools that are not installed. */
  readonly missing: readonly WireTool[];
  /** Announcements of running containers that did not go out. */
  readonly unannounced: readonly AnnounceFailure[];
};

/** Nothing is missing, and nothing failed. */
export const wholeWire: WireState = { missing: [], unannounced: [] };
