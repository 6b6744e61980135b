import { networkPath } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import type { PlacementsService } from '../placements/placements.service.ts';
import { deleteNetwork } from './networks.store.ts';

/** What the end of a network needs of other features. */
export interface RemovalDeps {
  addresses: {
    countHeld(db: TransactionClient, networkId: string, gone: boolean): Promise<number>;
    forgetNetwork(change: Change, networkId: string): Promise<void>;
  };
  placements: Pick<PlacementsService, 'hostsOf'>;
}

/** Drops a network that is being removed once nothing is left of it on any host; true when it is gone. */
export async function finishRemoval(
  change: Change,
  { addresses, placements }: RemovalDeps,
  network: { id: string; name: string },
): Promise<boolean> {
  if ((await placements.hostsOf(change.db, network.id)).length > 0) return false;
  if ((await addresses.countHeld(change.db, network.id, true)) > 0) return false;
  await addresses.forgetNetwork(change, network.id);
  await deleteNetwork(change.db, network.id);
  change.record({ type: 'network.deleted', subject: networkPath(network.name), network: network.name });
  return true;
}
