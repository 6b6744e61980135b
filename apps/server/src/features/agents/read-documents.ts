import type {
  DesiredCheck,
  DesiredContainer,
  DesiredDocument,
  DesiredNetwork,
  Recall,
  Revocation,
} from '@trunkline/contracts';
import { readParts, type PartOfHosts } from '../../platform/database/parts-of-hosts.ts';
import type { Query } from '../../platform/database/query.ts';
import type { PastOfHost } from '../recovery/recovery.service.ts';
import { revisionsOfHosts } from './agents.store.ts';

/** What documents are made of. */
export interface DesiredParts {
  networks: PartOfHosts<DesiredNetwork>;
  containers: PartOfHosts<DesiredContainer>;
  recalls: PartOfHosts<Recall>;
  revocations: PartOfHosts<Revocation>;
  checks: PartOfHosts<DesiredCheck>;
  past: PartOfHosts<PastOfHost>;
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
