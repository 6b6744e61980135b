/** A program that the wire is asked or announced to with, and the package that Debian and Ubuntu have it in. */
export interface WireTool {
  readonly tool: string;
  readonly package: string;
}

/** An announcement that did not go out. */
export interface AnnounceFailure {
  readonly container: string;
  readonly ip: string;
  readonly message: string;
}

/** How far the wire can be asked and announced to from this host. */
export interface WireState {
  /** Tools that are not installed. */
  readonly missing: readonly WireTool[];
  /** Announcements of running containers that did not go out. */
  readonly unannounced: readonly AnnounceFailure[];
}

/** Nothing is missing, and nothing failed. */
export const wholeWire: WireState = { missing: [], unannounced: [] };
