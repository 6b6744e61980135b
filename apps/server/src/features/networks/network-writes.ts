import { listed } from '@trunkline/log';
import { networkPath } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError } from '../../platform/errors.ts';
import type { PutPreconditions } from '../../platform/preconditions.ts';
import { refuseWhileAttached } from '../placements/attached-containers.ts';
import { foundNetwork } from '../placements/placed-network.ts';
import type { PlacementsService } from '../placements/placements.service.ts';
import {
  addSubnets,
  changeSubnets,
  refuseOverlaps,
  refuseReplacement,
  validSpec,
  type PrepareSubnet,
} from './network-changes.ts';
import { forcedBy } from './network-force.ts';
import type { RemovalDeps } from './network-removal.ts';
import { networkTag, specOf } from './network-view.ts';
import {
  insertNetwork,
  isTaken,
  lockNetwork,
  lockSubnets,
  markDeleting,
  shortenQuarantines,
  updateNetwork,
  type NetworkRow,
} from './networks.store.ts';
import { networkDifference } from './spec/network-difference.ts';
import type { NetworkSpec, SubnetSpec } from './spec/network-fields.ts';

/** What networks need of addresses. */
export type NetworkAddresses = RemovalDeps['addresses'] & {
  prepareSubnet(change: Pick<Change, 'db' | 'record'>, subnet: SubnetSpec & { id: string }): Promise<void>;
  holders(
    db: TransactionClient,
    networkId: string,
    limit: number,
  ): Promise<{ ip: string; owner: string | null; container: string | null; host: string | null }[]>;
};

/** Throws when the caller has not seen the present form (428, 412). */
export type CheckTag = (current: string) => void;

/** What becomes of a network. */
export type EditNetwork = (current: NetworkSpec, network: NetworkRow) => NetworkSpec;

/** A network to make. The spec is valid. */
export interface NewNetwork {
  name: string;
  space: string;
  spec: NetworkSpec;
}

/** A change of a network. `beforeChange` is asked once it is known that something changes. */
interface EditRequest {
  name: string;
  check: CheckTag;
  beforeChange?: CheckTag;
  edit: EditNetwork;
  force: boolean;
}

/** Changes of networks, each inside a transaction of the caller. */
export interface NetworkWrites {
  /** Throws network_exists, subnet_overlaps. The spec is valid. */
  make(change: Change, network: NewNetwork): Promise<void>;
  /** Makes the network where there is none, else makes it what `edit` makes of it; answers whether it was made. */
  put(
    change: Change,
    request: {
      name: string;
      preconditions: PutPreconditions;
      create: () => NewNetwork;
      edit: EditNetwork;
      force: boolean;
    },
  ): Promise<boolean>;
  /**
   * Makes the network what `edit` makes of it; nothing at all changes when that is what it is. With `force` hosts may
   * disconnect containers where Docker must make it again, also for an earlier change that still waits for that.
   */
  edit(change: Change, request: EditRequest): Promise<void>;
  /** Marks it as leaving, unless it is; answers it as it was. */
  beginRemoval(change: Change, name: string, check: CheckTag): Promise<NetworkRow>;
}

export function createNetworkWrites(deps: {
  addresses: NetworkAddresses;
  placements: Pick<PlacementsService, 'lockSelection' | 'placeNetwork' | 'hostsOf' | 'allowForce'>;
  now: () => Date;
}): NetworkWrites {
  const { addresses, placements, now } = deps;
  const preparing =
    (change: Change): PrepareSubnet =>
    (subnet) =>
      addresses.prepareSubnet(change, subnet);

  const refuseHolders = async (db: TransactionClient, network: NetworkRow): Promise<void> => {
    await refuseWhileAttached(db, network, 'it cannot be removed', () => true);
    const held = await addresses.countHeld(db, network.id, false);
    if (held === 0) return;
    const holders = await addresses.holders(db, network.id, 100);
    const some = holders.map(({ ip, owner, container, host }) => {
      if (host !== null) return `${ip} (${container ?? owner ?? 'a container'} on ${host})`;
      return owner === null ? ip : `${ip} (${owner})`;
    });
    throw new ApiError(
      'network_in_use',
      `${network.name} cannot be removed while addresses of it are held: ${listed(some, { total: held })}; release them first`,
      { data: { addresses: holders } },
    );
  };

  const writes: NetworkWrites = {
    async make(change, { name, space, spec }) {
      const { db } = change;
      await placements.lockSelection(db);
      if (await isTaken(db, name)) {
        throw new ApiError(
          'network_exists',
          `there is already a network ${name}: change it with PATCH, or choose another name`,
          { data: { network: networkPath(name) } },
        );
      }
      await refuseOverlaps(db, { id: null, space }, spec.subnets);
      const id = await insertNetwork(db, { name, space, spec, now: now() });
      change.record({
        type: 'network.created',
        subject: networkPath(name),
        network: name,
        data: { generation: 1 },
      });
      change.audit({ subject: networkPath(name), after: { space, ...spec } });
      await addSubnets(db, { id, space }, spec.subnets, spec.subnets, preparing(change));
      await placements.placeNetwork(change, { id, name }, spec.hosts);
    },

    async put(change, { name, preconditions, create, edit, force }) {
      await placements.lockSelection(change.db);
      if (!(await isTaken(change.db, name))) {
        preconditions.whenAbsent(`network ${name}`);
        await writes.make(change, create());
        return true;
      }
      await writes.edit(change, {
        name,
        check: (tag) => preconditions.whenPresent(`network ${name}`, tag),
        beforeChange: (tag) => preconditions.beforeChange(tag),
        edit,
        force,
      });
      return false;
    },

    async edit(change, { name, check, beforeChange, edit, force }) {
      const { db } = change;
      await placements.lockSelection(db);
      const row = foundNetwork(await lockNetwork(db, name), name);
      check(networkTag(row));
      if (row.deletingSince !== null)
        throw new ApiError(
          'network_deleting',
          `network ${name} is being removed: it cannot be changed any more`,
        );
      const current = specOf(row);
      const wanted = validSpec(edit(current, row));
      const difference = networkDifference(current, wanted);
      const { fields } = difference;
      const forced = force ? await forcedBy(change, row, difference) : undefined;
      if (fields.length === 0 && (forced === undefined || forced.hostIds.length === 0)) return;
      beforeChange?.(networkTag(row));
      const generation = fields.length === 0 ? row.generation : row.generation + 1;
      change.record({
        type: 'network.updated',
        subject: networkPath(name),
        network: name,
        data: { generation, fields, ...(forced === undefined ? {} : { forced: forced.named }) },
      });
      change.audit({
        subject: networkPath(name),
        before: current,
        after: { ...wanted, ...(forced === undefined ? {} : { forced: forced.named }) },
      });
      if (forced !== undefined) await placements.allowForce(change, row.id, forced.hostIds, generation);
      if (fields.length === 0) return;
      if (forced === undefined) await refuseReplacement(db, row, difference);
      await refuseOverlaps(db, row, wanted.subnets);
      if (fields.includes('subnets'))
        await changeSubnets(change, row, wanted.subnets, difference, preparing(change));
      if (wanted.quarantineSeconds < row.quarantineSeconds)
        await shortenQuarantines(db, row.id, wanted.quarantineSeconds);
      await updateNetwork(db, row.id, wanted, now());
      await placements.placeNetwork(change, row, wanted.hosts);
    },

    async beginRemoval(change, name, check) {
      const { db } = change;
      await placements.lockSelection(db);
      const row = foundNetwork(await lockNetwork(db, name), name);
      check(networkTag(row));
      if (row.deletingSince !== null) return row;
      // The allocator looks at the network under the lock of its subnets: from here on it gives out nothing.
      await lockSubnets(db, row.id);
      await refuseHolders(db, row);
      await markDeleting(db, row.id, now());
      change.record({
        type: 'network.deleting',
        subject: networkPath(name),
        network: name,
        data: { generation: row.generation + 1 },
      });
      change.audit({ subject: networkPath(name), before: specOf(row) });
      change.notifyHosts(await placements.hostsOf(db, row.id));
      return row;
    },
  };
  return writes;
}
