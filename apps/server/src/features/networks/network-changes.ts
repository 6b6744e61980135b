import { listed } from '@trunkline/log';
import { networkPath } from '@trunkline/contracts';
import { formatRange, normalizeRanges, parseRange } from '@trunkline/netaddr';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import { refuseWhileAttached } from '../placements/attached-containers.ts';
import {
  addressInTheWay,
  deleteSubnet,
  findOverlap,
  heldInSubnet,
  insertSubnet,
  lockSubnets,
  updateSubnet,
  type AddressInTheWay,
  type NetworkRow,
} from './networks.store.ts';
import type { NetworkDifference } from './spec/network-difference.ts';
import { replacingFields, type NetworkSpec, type SubnetSpec } from './spec/network-fields.ts';
import { canonicalSpec } from './spec/network-spec.ts';
import { nameFaults, networkFaults } from './spec/network-validation.ts';
import { heldAddress } from '../addresses/held-by-hosts.ts';

/** Makes the free space of a subnet, whenever what may be given out of it changes. */
export type PrepareSubnet = (subnet: SubnetSpec & { id: string }) => Promise<void>;

/** The network in canonical form; throws all that is wrong with it. `name`: of one that is to be made. */
export function validSpec(spec: NetworkSpec, name?: string): NetworkSpec {
  const faults = [...(name === undefined ? [] : nameFaults(name)), ...networkFaults(spec)];
  if (faults.length > 0) throw invalidFields(faults);
  return canonicalSpec(spec);
}

/** Refuses subnets that another network of the space has. The database refuses them too; here the answer names the other network. */
export async function refuseOverlaps(
  db: TransactionClient,
  network: { id: string | null; space: string },
  subnets: readonly SubnetSpec[],
): Promise<void> {
  const cidrs = subnets.map(({ cidr }) => cidr);
  const overlap = await findOverlap(db, network.space, cidrs, network.id);
  if (overlap === undefined) return;
  const { asked, network: other, cidr } = overlap;
  throw new ApiError(
    'subnet_overlaps',
    `${asked} overlaps ${cidr} of network ${other} in space ${network.space}: choose another subnet, or another space if the two never meet on a wire`,
    {
      data: { network: networkPath(other), cidr },
      errors: [{ pointer: `/subnets/${cidrs.indexOf(asked)}/cidr`, message: `overlaps ${cidr} of ${other}` }],
    },
  );
}

/** Adds subnets to a network, each with its free space. */
export async function addSubnets(
  db: TransactionClient,
  network: { id: string; space: string },
  wanted: readonly SubnetSpec[],
  added: readonly SubnetSpec[],
  prepare: PrepareSubnet,
): Promise<void> {
  for (const [ordinal, subnet] of wanted.entries()) {
    if (!added.includes(subnet)) continue;
    const id = await insertSubnet(db, network, subnet, ordinal);
    await prepare(withExclusions(subnet, id));
  }
}

/** Exclusions may overlap in a request; what is stored of them may not. */
const withExclusions = (subnet: SubnetSpec, id: string): SubnetSpec & { id: string } => ({
  ...subnet,
  id,
  exclude: normalizeRanges(subnet.exclude.map((text) => parseRange(text))).map(formatRange),
});

/** Refuses a change that Docker cannot make to a network while containers are attached to it. */
export async function refuseReplacement(
  db: TransactionClient,
  network: NetworkRow,
  difference: NetworkDifference,
): Promise<void> {
  const fields = difference.fields.filter((field) => replacingFields.includes(field));
  await refuseWhileAttached(
    db,
    network,
    `Docker cannot change ${fields.join(', ')} of a network`,
    ({ host }) => difference.replaces || difference.reparents(host),
    'remove them first, or repeat the request with ?force=true: they are disconnected, the network is replaced, and they are connected again with the same addresses',
  );
}

/** Makes the subnets of a network what they should be. One that holds addresses does not leave. */
export async function changeSubnets(
  { db, notifyHosts }: Pick<Change, 'db' | 'notifyHosts'>,
  network: NetworkRow,
  wanted: readonly SubnetSpec[],
  difference: NetworkDifference,
  prepare: PrepareSubnet,
): Promise<void> {
  await lockSubnets(db, network.id);
  // The rows are read in PostgreSQL's spelling, the difference is in ours: both keep the order.
  const ids = new Map(difference.before.map((subnet, i) => [subnet.cidr, network.subnets[i]?.id ?? '']));
  const idOf = (subnet: SubnetSpec): string => ids.get(subnet.cidr) ?? '';

  for (const subnet of difference.subnets.removed) {
    await refuseHeld(db, idOf(subnet), subnet.cidr);
    notifyHosts(await deleteSubnet(db, idOf(subnet)));
  }
  for (const subnet of difference.subnets.moved)
    await refuseHeldGateway(db, network.name, idOf(subnet), subnet, wanted);
  const { added, moved, resized } = difference.subnets;
  for (const [ordinal, subnet] of wanted.entries()) {
    if (added.includes(subnet)) continue;
    await updateSubnet(db, idOf(subnet), subnet, ordinal);
    if (moved.includes(subnet) || resized.includes(subnet))
      await prepare(withExclusions(subnet, idOf(subnet)));
  }
  await addSubnets(db, network, wanted, added, prepare);
}

async function refuseHeld(db: TransactionClient, subnetId: string, cidr: string): Promise<void> {
  const held = await heldInSubnet(db, subnetId, 100);
  if (held.length === 0) return;
  const names = held.map(({ ip, owner }) => (owner === null ? ip : `${ip} (${owner})`));
  throw new ApiError(
    'subnet_holds_addresses',
    `${cidr} cannot be removed while addresses of it are held: ${listed(names)}; release them first`,
    { data: { cidr, addresses: held } },
  );
}

/** An address that is held, in words: what comes after `is`. */
function heldAs({ state, owner, host, container }: AddressInTheWay): string {
  if (state === 'leased' && owner === null)
    return `leased to ${host ?? 'a host'}, which does not use it according to its reports, and has not returned it yet`;
  if (state === 'bound') return `on container ${container ?? 'unknown'} of ${host ?? 'a host'}`;
  return owner === null ? 'reserved' : `held by ${owner}`;
}

async function refuseHeldGateway(
  db: TransactionClient,
  network: string,
  subnetId: string,
  subnet: SubnetSpec,
  wanted: readonly SubnetSpec[],
): Promise<void> {
  if (subnet.gateway === null) return;
  const holder = await addressInTheWay(db, subnetId, subnet.gateway);
  if (holder === undefined) return;
  const who = heldAs(holder);
  throw heldAddress(
    'subnet_holds_addresses',
    `the new gateway ${subnet.gateway} is ${who}: ${holder.state === 'leased' ? 'try again when that host is online, or release it with ?force=true' : 'release it first'}`,
    { network, address: subnet.gateway, state: holder.state },
    {
      data: {
        cidr: subnet.cidr,
        addresses: [{ ip: subnet.gateway, owner: holder.owner }],
        network,
        address: subnet.gateway,
        state: holder.state,
        host: holder.host,
        container: holder.container,
      },
      errors: [{ pointer: `/subnets/${wanted.indexOf(subnet)}/gateway`, message: `is ${who}` }],
    },
  );
}
