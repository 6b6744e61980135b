const KiB = 1024;
const MiB = 1024 * KiB;

/** How large a body may be. */
export interface BodyLimit {
  bytes: number;
  /** Values in it, those in lists and maps counted. */
  values: number;
}

/** A route that is not in the table: a few fields, or 64 labels as long as they may be. */
export const smallBody: BodyLimit = { bytes: 128 * KiB, values: 1_000 };

/**
 * Largest bodies: what the schema of the route can need and no more, since everything that is read costs memory and time
 * before it is known to be good. Lists and texts are bounded by the schemas themselves, and checked before what is in
 * them. The routes of agents from `report` on read a body only from a host whose signature is good.
 */
const bodyLimits: Readonly<Record<string, BodyLimit>> = {
  // 16 subnets with 320 ranges each, 1000 parents, 1000 hosts.
  'POST /v1/networks': { bytes: MiB, values: 20_000 },
  'PUT /v1/networks/:name': { bytes: MiB, values: 20_000 },
  'PATCH /v1/networks/:name': { bytes: MiB, values: 20_000 },
  // Environment and arguments.
  'POST /v1/containers': { bytes: MiB, values: 2_000 },
  // With its conditions, as GET answers it.
  'PUT /v1/containers/:name': { bytes: MiB, values: 3_000 },
  // 512 pairs of a matrix with names as long as they may be.
  'POST /v1/checks': { bytes: 256 * KiB, values: 4_000 },
  // The facts of a machine with 512 interfaces; from anybody.
  'POST /agent/v1/join': { bytes: 256 * KiB, values: 20_000 },
  // Every network, container and address of a host.
  'POST /agent/v1/report': { bytes: 32 * MiB, values: 2_000_000 },
  // 65,536 held addresses of IPv6 are about 9 MB.
  'POST /agent/v1/leases': { bytes: 16 * MiB, values: 500_000 },
  // 512 tries and 512 names of a matrix, 18 values each.
  'POST /agent/v1/checks/:id': { bytes: MiB, values: 20_000 },
};

/** How large a body a route takes. */
export function bodyLimitOf(route: { method: string | readonly string[]; url: string }): BodyLimit {
  const [limit] = [route.method].flat().flatMap((method) => bodyLimits[`${method} ${route.url}`] ?? []);
  return limit ?? smallBody;
}

/** A number of bytes for people. */
export const inWords = (bytes: number): string =>
  bytes >= MiB ? `${bytes / MiB} MiB` : `${bytes / KiB} KiB`;
