import { expect, test, vi } from 'vitest';
import type { DockerContainer, DockerContainerDetail } from '../../host/docker-engine.ts';
import { DockerNotFound, DockerUnreachable } from '../../host/docker-errors.ts';
import { createManualTime } from '../../lib/manual-time.fake.ts';
import { createStartsUnderWay } from './starts-under-way.ts';

type Status = DockerContainer['status'];

const listed = (name: string, status: Status) => ({ id: `id-${name}`, name, status }) as DockerContainer;

/** A Docker that inspects each container as it is given; `'locked'`: it does not answer. */
function dockerWith(answers: Readonly<Record<string, Status | 'locked' | Error>>) {
  const asked: string[] = [];
  const locked: (() => void)[] = [];
  return {
    asked,
    unlock: () => locked.forEach((open) => open()),
    container: (id: string) => {
      asked.push(id);
      const answer = answers[id];
      if (answer instanceof Error) return Promise.reject(answer);
      const detail = { id, status: answer === 'locked' ? 'running' : answer } as DockerContainerDetail;
      if (answer !== 'locked') return Promise.resolve(detail);
      return new Promise<DockerContainerDetail>((resolve) => locked.push(() => resolve(detail)));
    },
  };
}

test.each<[string, Status | Error, boolean]>([
  ['is created and answers', 'created', false],
  ['has exited', 'exited', false],
  ['was started since it was listed', 'running', true],
  ['was removed since it was listed', new DockerNotFound('inspect', 'no such container'), false],
  ['cannot be inspected', new DockerUnreachable('inspect', 'timeout', 'no answer'), true],
])('a container that %s may be starting: %#', async (_, answer, may) => {
  const starts = createStartsUnderWay(dockerWith({ 'id-box': answer }), createManualTime());
  expect(await starts.among([listed('box', 'created')])).toEqual(may ? ['box'] : []);
});

test('a container that lives is not asked about', async () => {
  const docker = dockerWith({});
  const starts = createStartsUnderWay(docker, createManualTime());
  expect(await starts.among([listed('box', 'running'), listed('other', 'paused')])).toEqual([]);
  expect(docker.asked).toEqual([]);
});

test('a container that Docker answers nothing about may be starting, and is asked about once at a time', async () => {
  const docker = dockerWith({ 'id-slow': 'locked', 'id-box': 'created' });
  const time = createManualTime();
  const starts = createStartsUnderWay(docker, time);
  const look = async (): Promise<readonly string[]> => {
    const found = starts.among([listed('slow', 'created'), listed('box', 'exited')]);
    await vi.waitFor(() => expect(time.waits()).toEqual([2000]));
    await time.advance(2000);
    return found;
  };
  expect(await look()).toEqual(['slow']);
  expect(await look()).toEqual(['slow']);
  expect(docker.asked.filter((id) => id === 'id-slow')).toHaveLength(1);
  docker.unlock();
});
