import { containerPath } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import { ApiError } from '../../platform/errors.ts';
import { observedOf } from './container-view.ts';
import type { ContainerRow } from './containers.store.ts';

const othersOf = (row: ContainerRow, ours: readonly string[]): string[] =>
  (observedOf(row)?.sharedBy ?? []).filter((name) => !ours.includes(name));

/**
 * Refuses to replace a container whose network stack is shared by containers that Trunkline did not make: nobody makes those for the
 * new one. Those of the API are replaced with it. Throws `container_in_use`.
 */
export function refuseToCutOff(row: ContainerRow, sharers: readonly { name: string }[]): void {
  const others = othersOf(
    row,
    sharers.map(({ name }) => name),
  );
  if (others.length === 0) return;
  throw new ApiError(
    'container_in_use',
    `${listed(others)} ${others.length === 1 ? 'shares' : 'share'} the network stack of ${row.name}, and ${others.length === 1 ? 'was' : 'were'} not made by Trunkline: the change replaces ${row.name}, and they would be left without a network; repeat the request with ?force=true`,
    { data: { containers: [], others } },
  );
}

/**
 * Refuses to remove a container whose network stack others share, with their names: those of the API, and those that its host
 * saw, whatever made them. Throws `container_in_use`.
 */
export function refuseWhileShared(row: ContainerRow, sharers: readonly { name: string }[]): void {
  const ours = sharers.map(({ name }) => name);
  const others = othersOf(row, ours);
  const all = [...ours, ...others];
  if (all.length === 0) return;
  const [subject, them] = all.length === 1 ? ['shares', 'it'] : ['share', 'them'];
  const left =
    others.length === 0
      ? ''
      : `; ${listed(others)} ${others.length === 1 ? 'was' : 'were'} not made by Trunkline, and would be left without a network`;
  throw new ApiError(
    'container_in_use',
    `${listed(all)} ${subject} the network stack of ${row.name}: remove ${them} first, or remove ${row.name} with ?force=true${ours.length === 0 ? '' : `, which removes ${listed(ours)} too`}${left}`,
    { data: { containers: ours.map(containerPath), others } },
  );
}
