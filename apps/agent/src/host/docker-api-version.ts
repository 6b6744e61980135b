/** An API version of Docker: `1.41` is `{ major: 1, minor: 41 }`. */
export interface ApiVersion {
  readonly major: number;
  readonly minor: number;
}

/**
 * The newest that this code was written against (Engine 29.6; moby, api/docs/CHANGELOG.md). Of what changed after 1.52 one thing
 * concerns the agent: from 1.54 on `POST /networks/{id}/connect` takes a MAC, and Engine 29.3 and later drop it below.
 */
const newestKnown: ApiVersion = { major: 1, minor: 55 };
/** The oldest that it supports (Engine 20.10). */
const oldestSupported: ApiVersion = { major: 1, minor: 41 };
/** From here on (Engine 25) a container is created with all its networks, and each endpoint takes a MAC. */
export const manyEndpointsSince: ApiVersion = { major: 1, minor: 44 };

/** From here on (Engine 28) a network may have no IPv4 (`EnableIPv4`), and macvlan starts containers on it. */
export const ipv6OnlySince: ApiVersion = { major: 1, minor: 48 };
/** From here on (Engine 28) an endpoint has a priority for the default route (`GwPriority`). */
export const gatewayPrioritySince: ApiVersion = { major: 1, minor: 48 };

/** Reads `1.41`; undefined for anything else. */
export function parseApiVersion(written: string | null): ApiVersion | undefined {
  const match = /^(\d+)\.(\d+)$/.exec(written ?? '');
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

/** Writes it as Docker does. */
export function formatApiVersion(version: ApiVersion): string {
  return `${version.major}.${version.minor}`;
}

/** Whether `version` is `other` or newer. */
export function isAtLeast(version: ApiVersion, other: ApiVersion): boolean {
  return version.major > other.major || (version.major === other.major && version.minor >= other.minor);
}

/**
 * The version to speak with a daemon: the lower of ours and its newest, or why there is none.
 * `oldest` is null for a daemon that does not report it.
 */
export function negotiate(daemon: {
  readonly newest: string | null;
  readonly oldest: string | null;
}): ApiVersion | { readonly unsupported: string } {
  const newest = parseApiVersion(daemon.newest);
  const oldest = parseApiVersion(daemon.oldest);
  const ours = `${formatApiVersion(oldestSupported)} to ${formatApiVersion(newestKnown)}`;
  if (newest === undefined) return { unsupported: `the daemon names no API version; ${ours} are needed` };
  if (!isAtLeast(newest, oldestSupported)) {
    return {
      unsupported: `the daemon supports API ${formatApiVersion(newest)} at most; update Docker to 20.10 or later (${ours})`,
    };
  }
  if (oldest !== undefined && !isAtLeast(newestKnown, oldest)) {
    return {
      unsupported: `the daemon requires API ${formatApiVersion(oldest)} at least; update the agent (it supports ${ours})`,
    };
  }
  return isAtLeast(newest, newestKnown) ? newestKnown : newest;
}
