import { expect, test } from 'vitest';
import type { DockerContainer } from '../host/docker-engine.ts';
import { stackSharing } from './stack-sharing.ts';

const one = (
  id: string,
  networkMode = 'mac_net1',
  status: DockerContainer['status'] = 'running',
): DockerContainer => ({
  id,
  name: `n${id}`,
  image: 'busybox',
  status,
  labels: {},
  networkMode,
  endpoints: [],
});
const names = (containers: readonly DockerContainer[]) => containers.map(({ name }) => name);

const t1 = one('1');
const chain = [
  one('4', 'container:2'),
  one('3', 'container:n1', 'exited'),
  one('2', 'container:1'),
  t1,
  one('5', 'container:9'),
];

test('S3: who shares a stack, by id as Docker keeps it or by name, also through another, in the order of names', () => {
  const sharing = stackSharing(chain);
  expect(names(sharing.sharersOf('1'))).toEqual(['n2', 'n3']);
  expect(names(sharing.allSharersOf('1'))).toEqual(['n2', 'n3', 'n4']);
  expect(names(sharing.allSharersOf('2'))).toEqual(['n4']);
  expect(sharing.allSharersOf('5')).toEqual([]);
});

test.each([
  ['its own', t1, null, '1'],
  ['of another', one('2', 'container:1'), '1', '1'],
  ['through another', one('4', 'container:2'), '2', '1'],
  ['of one that is gone', one('5', 'container:9'), undefined, undefined],
  ['of the host', one('6', 'host'), null, '6'],
])('a stack %s', (_name, container, owner, root) => {
  const sharing = stackSharing(chain);
  const found = sharing.ownerOf(container);
  expect(found === null ? null : found?.id).toBe(owner);
  expect(sharing.rootOf(container)?.id).toBe(root);
});

test('one that Docker is removing, or could not remove, shares nothing any more', () => {
  const sharing = stackSharing([t1, one('2', 'container:1', 'removing'), one('3', 'container:1', 'dead')]);
  expect(sharing.allSharersOf('1')).toEqual([]);
});

test('containers that name each other end no agent', () => {
  const ring = [one('1', 'container:2'), one('2', 'container:1')];
  const sharing = stackSharing(ring);
  expect(names(sharing.allSharersOf('1'))).toEqual(['n2']);
  expect(sharing.rootOf(ring[0]!)).toBeUndefined();
});
