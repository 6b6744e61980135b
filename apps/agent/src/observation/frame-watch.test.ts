import type { Report } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import type { DockerContainer, DockerContainerDetail } from '../host/docker-engine.ts';
import { DockerNotFound } from '../host/docker-errors.ts';
import { createFrameWatch } from './frame-watch.ts';
import type { Observed } from './observed.ts';

const networkId = '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11';
const report = {
  placements: [{ networkId, link: 'ens33', dockerNetworkId: 'net1' }],
} as unknown as Report;

const container = (name: string, endpointId: string, ...more: string[]): DockerContainer =>
  ({
    id: `id-${name}`,
    name,
    status: 'running',
    endpoints: [
      { networkId: 'net1', endpointId },
      ...more.map((id) => ({ networkId: id, endpointId: `${endpointId}-${id}` })),
    ],
  }) as unknown as DockerContainer;
const seen = (...containers: DockerContainer[]): Observed =>
  ({ docker: { reachable: true, containers } }) as unknown as Observed;

/** A host with counters that the test sets, and containers whose processes it knows. */
function host(pids: Record<string, number>) {
  const counters: Record<string, Record<string, number>> = { '/proc/net/dev': { ens33: 0 } };
  const asked: string[] = [];
  let time = 0;
  const watch = createFrameWatch({
    now: () => time,
    readFile: async (path) => {
      const own = counters[path];
      if (own === undefined) throw new Error(`no ${path}`);
      return ['', '', ...Object.entries(own).map(([name, n]) => `${name}: 0 0 0 0 0 0 0 ${n} 0`)].join('\n');
    },
    docker: {
      container: async (id) => {
        asked.push(id);
        const pid = pids[id];
        if (pid === undefined) throw new DockerNotFound('container', 'not_found', 'no such container');
        return { pid } as DockerContainerDetail;
      },
    },
  });
  return {
    counters,
    asked,
    after: (ms: number) => void (time += ms),
    frames: async (observed: Observed | null, fresh = true) =>
      (await watch.annotate(report, observed, fresh)).placements[0]?.frames,
  };
}

test('frames of the host and of a container are counted between two reports, and its process is asked for once', async () => {
  const at = host({ 'id-box1': 7 });
  const observed = seen(container('box1', 'e1'));
  at.counters['/proc/7/net/dev'] = { eth0: 1_000 };
  await at.frames(observed);
  at.after(10_000);
  at.counters['/proc/net/dev'] = { ens33: 25 };
  at.counters['/proc/7/net/dev'] = { eth0: 1_142 };
  const counted = {
    link: 'ens33',
    multicastPerSecond: 2.5,
    floodedPerSecond: 14.2,
    container: 'box1',
    seconds: 10,
  };
  expect(await at.frames(observed)).toEqual(counted);
  at.after(100);
  expect(await at.frames(observed, false)).toEqual(counted);
  expect(at.asked).toEqual(['id-box1']);
});

test('the container of before is kept while it runs, and another one begins again', async () => {
  const at = host({ 'id-box1': 7, 'id-box2': 8 });
  at.counters['/proc/7/net/dev'] = { eth0: 10 };
  at.counters['/proc/8/net/dev'] = { eth0: 90_000 };
  await at.frames(seen(container('box1', 'e1')));
  at.after(1_000);
  const both = seen(container('box2', 'e2'), container('box1', 'e1'));
  expect(await at.frames(both)).toMatchObject({ container: 'box1', floodedPerSecond: 0 });
  at.after(1_000);
  expect(await at.frames(seen(container('box2', 'e2')))).toMatchObject({
    container: 'box2',
    floodedPerSecond: null,
  });
});

test.each([
  ['a container on two networks', seen(container('box1', 'e1', 'net2')), { eth0: 1 }],
  ['a container with an interface of somebody else', seen(container('box1', 'e1')), { eth0: 1, wg0: 5 }],
  ['a container that is gone', seen(container('gone', 'e1')), { eth0: 1 }],
  ['a Docker that does not answer', null, { eth0: 1 }],
])('of %s nothing is counted, and the host is all the same', async (_, observed, counted) => {
  const at = host({ 'id-box1': 7 });
  at.counters['/proc/7/net/dev'] = counted;
  await at.frames(observed);
  at.after(1_000);
  expect(await at.frames(observed)).toMatchObject({
    multicastPerSecond: 0,
    floodedPerSecond: null,
    container: null,
  });
});
