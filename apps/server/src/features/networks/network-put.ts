import { networkServerFields, subnetServerFields, type NetworkPut } from '@trunkline/contracts';
import { canonicalSubnet } from '../../platform/database/inet.ts';
import { invalidFields, type FieldError } from '../../platform/errors.ts';
import { changedServerFields } from '../../platform/server-fields.ts';
import { validSpec } from './network-changes.ts';
import type { NetworkRow } from './networks.store.ts';
import type { NetworkSpec } from './spec/network-fields.ts';
import { wholeSpec } from './spec/network-spec.ts';

/**
 * The network that a PUT asks for. Throws where it says otherwise what only the server writes, or what a network keeps: its space, and
 * the ids of its subnets. Of a network that is not there yet nothing is kept, so what another server answered can be sent.
 */
export function putSpec(body: NetworkPut, row: NetworkRow): NetworkSpec {
  const faults: FieldError[] = [
    ...changedServerFields(networkServerFields, body, {
      ...row,
      deletingSince: row.deletingSince?.toISOString() ?? null,
      createdAt: row.createdAt.toISOString(),
      updatedAt: row.updatedAt.toISOString(),
    }),
  ];
  if (body.space !== undefined && body.space !== row.space)
    faults.push({ pointer: '/space', message: `must be ${row.space}: a network keeps its space` });
  const spec = validSpec(wholeSpec(body));
  const ids = new Map(row.subnets.map((subnet) => [canonicalSubnet(subnet).cidr, subnet.id]));
  for (const [i, { cidr }] of spec.subnets.entries()) {
    // One that is new has no id yet: whatever stands there is of another subnet.
    const now = { id: ids.get(cidr) ?? null };
    faults.push(...changedServerFields(subnetServerFields, body.subnets[i] ?? {}, now, `/subnets/${i}`));
  }
  if (faults.length > 0) throw invalidFields(faults);
  return spec;
}
