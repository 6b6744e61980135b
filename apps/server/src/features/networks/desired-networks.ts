import type { DesiredNetwork } from '@trunkline/contracts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { parentOn } from './network-spec.ts';
import { specOf } from './network-view.ts';
import { placedNetworks, type PlacedRow } from './placements.store.ts';

/** A network as one host should have it. */
export interface DesiredOnHost {
  hostId: string;
  host: string;
  lastSeenAt: Date | null;
  network: DesiredNetwork;
}

function desiredOn({ removing, forceGeneration, hostId, host, network }: PlacedRow): DesiredOnHost {
  const spec = specOf(network);
  const leaving = removing || network.deletingSince !== null;
  return {
    hostId,
    host: host.name,
    lastSeenAt: host.lastSeenAt,
    network: {
      id: network.id,
      name: network.name,
      generation: network.generation,
      state: leaving ? 'absent' : 'present',
      parent: parentOn(spec, host.name),
      vlan: spec.vlan,
      mode: spec.mode,
      promiscuous: spec.promiscuous,
      internal: spec.internal,
      mtu: spec.mtu,
      forwarding: spec.forwarding,
      restartBroken: spec.restartBroken,
      warm: spec.warm,
      quarantineSeconds: spec.quarantineSeconds,
      // Force replaces. Nothing was said of taking a network away from under containers.
      force: forceGeneration !== null && !leaving,
      subnets: spec.subnets.map(({ cidr, gateway }) => ({ cidr, gateway })),
    },
  };
}

/** What agents are told: of all networks of some hosts, or of one network on up to `most` of its hosts, by their names. */
export async function desiredNetworks(
  db: TransactionClient,
  of: { hostIds: readonly string[] } | { networkId: string; most: number },
): Promise<DesiredOnHost[]> {
  return (await placedNetworks(db, of)).map(desiredOn);
}
