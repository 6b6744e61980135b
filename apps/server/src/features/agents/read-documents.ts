import type {
  DesiredCheck,
  DesiredContainer,
  DesiredDocument,
  DesiredNetwork,
  Recall,
  Revocation,
} from '@trunkline/contracts';
import { readParts, type HostQuery } from '../../platform/database/host-queries.ts';
import type { Query } from '../../platform/database/query.ts';
import type { PastOfHost } from '../recovery/recovery.service.ts';
import { revisionsOfHosts } from './agents.store.ts';

/** What documents are made of. */
export interface DesiredParts {
  networks: HostQuery<DesiredNetwork>;
  containers: HostQuery<DesiredContainer>;
  recalls: HostQuery<Recall>;
  revocations: HostQuery<Revocation>;
  checks: HostQuery<DesiredCheck>;
  past: HostQuery<PastOfHost>;
}

/** What hosts should be, by their ids, as the database has it now. A host that was retired is not in it. */
export async function readDocuments(
  query: Query,
  hostIds: readonly string[],
  parts: DesiredParts,
  heartbeatSeconds: number,
): Promise<ReadonlyMap<string, DesiredDocument>> {
  const { revisions, networks, containers, recalls, revocations, checks, past } = await readParts(
    query,
    hostIds,
    {
      revisions: revisionsOfHosts,
      ...parts,
    },
  );
  return new Map(
    [...revisions].map(([hostId, [revision = '0']]) => [
      hostId,
      {
        hostId,
        revision,
        heartbeatSeconds,
        networks: networks.get(hostId) ?? [],
        containers: containers.get(hostId) ?? [],
        recalls: recalls.get(hostId) ?? [],
        revocations: revocations.get(hostId) ?? [],
        checks: checks.get(hostId) ?? [],
        ...past.get(hostId)?.[0],
      },
    ]),
  );
}
