import { addressPath } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { transactionQuery } from '../../platform/database/query.ts';
import { refuseTakenMac } from './mac-holder.ts';
import { releaseAddresses } from './addresses.store.ts';
import { allocateInTransaction, reservedEvent } from './allocation-batch.ts';

/** Addresses of containers that Trunkline runs: reserved with the container, bound while it runs, let go with it. */
export interface ContainerAddresses {
  /** The container's address on a network, in the transaction that makes the container. Throws why there is none. */
  reserveForContainer(
    change: Change,
    request: {
      network: string;
      containerId: string;
      containerName: string;
      family: 'ipv4' | 'ipv6';
      address?: string;
      mac?: string;
    },
  ): Promise<string>;
  /** Throws `mac_in_use` where a station of the network has the MAC. */
  refuseTakenMac(
    db: TransactionClient,
    network: { id: string; name: string },
    mac: string,
    pointer: string,
  ): Promise<void>;
  /** The host reports that the container is gone: its addresses go into quarantine. */
  releaseOfContainer(change: Change, containerId: string): Promise<void>;
  /** The container was seen running with the address. True when that was news. */
  bindContainer(
    change: Change,
    seen: { containerId: string; hostId: string; ip: string; mac: string | null },
  ): Promise<boolean>;
  /** The container was seen not running: its addresses stay reserved for it. True when that was news. */
  unbindContainer(change: Change, containerId: string): Promise<boolean>;
}

export function createContainerAddresses(): ContainerAddresses {
  return {
    refuseTakenMac: (db, network, mac, pointer) =>
      refuseTakenMac(transactionQuery(db), network, mac, pointer),

    async reserveForContainer(change, { network, containerId, containerName, family, address, mac }) {
      const { addresses } = await allocateInTransaction(transactionQuery(change.db), {
        network,
        family: family === 'ipv4' ? 4 : 6,
        item: {
          count: 1,
          owner: `container:${containerName}`,
          containerId,
          ...(address === undefined ? {} : { address }),
          ...(mac === undefined ? {} : { mac }),
        },
      });
      const [row] = addresses;
      if (row === undefined) throw new Error('the database gave no address');
      change.record(reservedEvent(row));
      return row.ip;
    },

    async releaseOfContainer(change, containerId) {
      const query = transactionQuery(change.db);
      const rows = await query<{ networkId: string; network: string; ip: string; owner: string | null }>(
        `SELECT a.network_id AS "networkId", n.name AS network, host(a.ip) AS ip, a.owner FROM address a JOIN network n ON n.id = a.network_id
         WHERE a.container_id = $1::uuid ORDER BY n.name, a.ip`,
        [containerId],
      );
      for (const { networkId, network, ip, owner } of rows) {
        await releaseAddresses(query, networkId, [ip], false);
        change.record({
          type: 'address.released',
          subject: addressPath(network, ip),
          network,
          data: { owner, forced: false },
        });
      }
    },

    async bindContainer(change, { containerId, hostId, ip, mac }) {
      const [row] = await change.db.$queryRaw<{ news: boolean }[]>`
        SELECT bind_container(${containerId}::uuid, ${hostId}::uuid, ${ip}::inet, ${mac}::text) AS news`;
      return row?.news === true;
    },

    async unbindContainer(change, containerId) {
      const [row] = await change.db.$queryRaw<{ news: boolean }[]>`
        SELECT unbind_container(${containerId}::uuid) AS news`;
      return row?.news === true;
    },
  };
}
