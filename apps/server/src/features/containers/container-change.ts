import { containerPath, type ContainerChangeKind, type ContainerPut } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { ApiError } from '../../platform/errors.ts';
import type { PutPreconditions } from '../../platform/preconditions.ts';
import { containerDifference, type ContainerDifference } from './container-fields.ts';
import { changedFields } from './container-put.ts';
import { containerTag, fieldsOf } from './container-view.ts';
import { sharersOf, updateContainer, type ContainerRow } from './containers.store.ts';
import { refuseToCutOff } from './shared-removal.ts';

/** More earlier generations than this one container is not the same as: agents read them all. */
const maxSame = 500;

/** Makes a container what the body says; nothing at all changes when that is what it is. The row is locked. */
export async function changeContainer(
  change: Change,
  row: ContainerRow,
  body: ContainerPut,
  { preconditions, force }: { preconditions: PutPreconditions; force: boolean },
): Promise<ContainerDifference> {
  const { db } = change;
  preconditions.whenPresent(`container ${row.name}`, containerTag(row));
  if (row.deletingSince !== null)
    throw new ApiError(
      'container_deleting',
      `container ${row.name} is being removed: it cannot be changed any more; wait until it is gone, and run it again`,
    );
  const wanted = changedFields(body, row);
  const difference = containerDifference(fieldsOf(row), wanted);
  if (difference.how === 'none') return difference;
  preconditions.beforeChange(containerTag(row));
  const how = row.sameAs.length < maxSame ? difference.how : ('replace' satisfies ContainerChangeKind);
  if (how === 'replace' && !force) refuseToCutOff(row, await sharersOf(db, row.id));
  const { labels, ...spec } = wanted;
  await updateContainer(db, row.id, {
    spec,
    labels,
    sameAs: how === 'replace' ? [] : [...row.sameAs, row.generation],
  });
  change.record({
    type: 'container.updated',
    subject: containerPath(row.name),
    host: row.host.name,
    data: { generation: row.generation + 1, fields: difference.fields, how },
  });
  change.audit({ subject: containerPath(row.name), before: fieldsOf(row), after: wanted });
  change.notifyHosts([row.hostId]);
  return { ...difference, how };
}
