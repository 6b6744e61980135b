import { containerSettings, type Condition, type Container } from '@trunkline/contracts';
import { silentConditions, unseenConditions } from '../../platform/conditions.ts';
import { canonicalIp } from '../../platform/database/inet.ts';
import { entityTag } from '../../platform/preconditions.ts';
import { wholeValues } from '../../platform/settings.ts';
import type { ContainerFields } from './container-fields.ts';
import type { ObservedContainer } from './container-verdict.ts';
import type { ContainerSpec } from './container-request.ts';
import type { ContainerRow } from './containers.store.ts';

/** A container that was made before a field existed has its default. */
const specOf = (row: ContainerRow): ContainerSpec =>
  wholeValues(containerSettings, row.spec as Partial<ContainerSpec>);
export const observedOf = (row: ContainerRow): ObservedContainer | null =>
  row.observed as unknown as ObservedContainer | null;
export const conditionsOf = (row: ContainerRow): Condition[] => row.conditions as unknown as Condition[];
const labelsOf = (row: ContainerRow): Record<string, string> => row.labels as Record<string, string>;

export const networkModeOf = (row: ContainerRow): string | null =>
  row.stackOwner === null ? null : `container:${row.stackOwner.name}`;

/** What operators change of a container, as it is. */
export const fieldsOf = (row: ContainerRow): ContainerFields => ({ ...specOf(row), labels: labelsOf(row) });

/** The entity tag of a container. */
export const containerTag = (container: { id: string; generation: number }): string =>
  entityTag(container.id, container.generation);

/** Its condition `Ready`, as its host last reported it. */
export const readyOf = (row: ContainerRow): Condition | undefined =>
  conditionsOf(row).find(({ type }) => type === 'Ready');

/** Whether it was seen running as it should be, on a host that is heard of. */
export function isRunning(row: ContainerRow, online: boolean): boolean {
  const ready = readyOf(row);
  return (
    online &&
    observedOf(row)?.state === 'running' &&
    ready?.status === 'True' &&
    row.observedGeneration >= row.generation
  );
}

/** A container as the API shows it. */
export function presentContainer(row: ContainerRow, online: boolean): Container {
  const spec = specOf(row);
  const observed = observedOf(row);
  const reported = conditionsOf(row);
  const seen = reported.length > 0 ? reported : unseenConditions(row.host.name, row.createdAt);
  return {
    id: row.id,
    name: row.name,
    host: row.host.name,
    ...spec,
    labels: labelsOf(row),
    attachments: row.attachments.map(({ network, ipv4, ipv6, mac, observedMac }) => ({
      network: network.name,
      address: canonicalIp(ipv4),
      address6: canonicalIp(ipv6),
      mac,
      observedMac,
    })),
    networkMode: networkModeOf(row),
    generation: row.generation,
    deletingSince: row.deletingSince?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    running: isRunning(row, online),
    observed:
      observed === null
        ? null
        : {
            state: observed.state,
            dockerId: observed.dockerId,
            startedAt: observed.startedAt,
            exitCode: observed.exitCode,
            sharedBy: [...(observed.sharedBy ?? [])],
            observedAt: observed.observedAt,
          },
    conditions: online ? seen : silentConditions(row.host.name, row.host.lastSeenAt, row.createdAt, reported),
  };
}
