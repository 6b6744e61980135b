import { containerPath } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import { ApiError } from '../../platform/errors.ts';
import { observedOf } from './container-view.ts';
import type { ContainerRow } from './containers.store.ts';

/**
 * Refuses to remove a container whose network stack others share, with their names: those of the API, and those that its host
 * saw, whatever made them. Throws `container_in_use`.
 */
export function refuseWhileShared(row: ContainerRow, sharers: readonly { name: string }[]): void {
  const ours = sharers.map(({ name }) => name);
  const others = (observedOf(row)?.sharedBy ?? []).filter((name) => !ours.includes(name));
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
