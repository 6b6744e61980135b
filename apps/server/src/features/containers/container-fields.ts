import { isDeepStrictEqual } from 'node:util';
import type { ContainerChangeKind } from '@trunkline/contracts';
import type { ContainerSpec } from './container-request.ts';

/** What operators change of a container. */
export type ContainerFields = ContainerSpec & { labels: Record<string, string> };

/**
 * How a change of each field reaches the container on its host. Docker changes the restart policy of a container, and nothing else of
 * these; `pull` is for the next time that an image is needed. Labels are labels in Docker, where other programs read them.
 */
export const containerFields = {
  image: 'replace',
  command: 'replace',
  env: 'replace',
  tty: 'replace',
  stdinOpen: 'replace',
  restart: 'inPlace',
  pull: 'inPlace',
  hostname: 'replace',
  labels: 'replace',
} as const satisfies Record<keyof ContainerFields, ContainerChangeKind>;

/** In what two forms of a container differ, and how the change reaches its host. */
export interface ContainerDifference {
  how: Exclude<ContainerChangeKind, 'create'>;
  fields: string[];
}

/** Compares two forms of a container. Pure. Maps are equal whatever the order of their keys; arguments keep theirs. */
export function containerDifference(before: ContainerFields, after: ContainerFields): ContainerDifference {
  const names = Object.keys(containerFields) as (keyof ContainerFields)[];
  const fields = names.filter((name) => !isDeepStrictEqual(before[name], after[name]));
  if (fields.length === 0) return { how: 'none', fields };
  return { how: fields.some((name) => containerFields[name] === 'replace') ? 'replace' : 'inPlace', fields };
}
