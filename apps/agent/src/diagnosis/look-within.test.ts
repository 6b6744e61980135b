import { expect, test } from 'vitest';
import { createManualTime } from '../lib/manual-time.fake.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';
import { createFakeHost, document, network } from '../reconcile/subjects.fixture.ts';
import { lookWithin } from './look-within.ts';

/** A host with an earlier look, at which Docker took so long, and one that runs now and takes so long. */
async function lookAt({ before, now }: { before: number; now: number }) {
  const host = createFakeHost();
  const time = createManualTime(0.5);
  const earlier = await host.look(document([network()]));
  const docker: ObservedDocker = { ...(earlier.docker as ObservedDocker), tookMs: before };
  const latest: Observed = { ...earlier, docker };
  const observer = {
    latest: () => latest,
    latestWithDocker: () => latest,
    look: async () => {
      await time.delay(now, new AbortController().signal);
      return latest;
    },
  };
  host.links.put({ name: 'ens35' });
  const look = lookWithin({ observer, links: host.links, kernel: host.kernel, timing: time });
  await time.advance(Math.min(now, 3000));
  return { look: await look, latest };
}

test('a look that comes in time is taken as it is', async () => {
  const { look, latest } = await lookAt({ before: 50, now: 2900 });
  expect(look).toBe(latest);
});

test('a Docker that used to answer and hangs is silent, and the rest of the host is looked at', async () => {
  const { look } = await lookAt({ before: 50, now: 60_000 });
  expect(look.docker).toEqual({ reachable: false, message: 'Docker has not answered for 3 s' });
  expect(look.links.map(({ name }) => name)).toContain('ens35');
});

test('a Docker that has always been slow may yet answer', async () => {
  const { look } = await lookAt({ before: 900, now: 60_000 });
  expect(look.docker).toMatchObject({ reachable: false, pending: true });
});
