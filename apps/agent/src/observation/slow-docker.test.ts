import { expect, test } from 'vitest';
import { createManualTime } from '../lib/manual-time.fake.ts';
import { createObserver } from './observer.ts';
import { observe } from './observe.ts';
import { hostConditions } from '../plan/plan.ts';
import { createFakeHost } from '../reconcile/subjects.fixture.ts';

/** A host whose Docker takes so long to list containers. */
function slowHost(ms: number) {
  const host = createFakeHost();
  const time = createManualTime(0.5);
  const { docker } = host.sources;
  const sources = {
    ...host.sources,
    now: time.now,
    docker: {
      version: () => docker.version(),
      networks: () => docker.networks(),
      container: (name: string) => docker.container(name),
      imageExists: (ref: string) => docker.imageExists(ref),
      containers: async () => {
        await time.delay(ms, new AbortController().signal);
        return docker.containers();
      },
    },
  };
  return { time, sources };
}

const dockerOf = (conditions: ReturnType<typeof hostConditions>) =>
  conditions.find(({ type }) => type === 'DockerReachable');

test('a Docker that takes 14 s is slow and not away: the condition says how long it took, and the host stays ready', async () => {
  const { time, sources } = slowHost(14_000);
  const look = observe(sources, null);
  await time.advance(14_000);
  const conditions = hostConditions(await look, null);
  expect(dockerOf(conditions)).toMatchObject({ status: 'True', reason: 'DockerSlow' });
  expect(dockerOf(conditions)?.message).toMatch(/the last observation took 14 s/);
  expect(conditions.find(({ type }) => type === 'Ready')?.status).toBe('True');
});

test('while a look is under way what was seen before is shown, with its time and how long the look has taken', async () => {
  const { time, sources } = slowHost(20_000);
  const observer = createObserver((below) => observe(sources, null, below), time.now);
  const first = observer.look();
  await time.advance(20_000);
  const seen = await first;
  expect(observer.lookingSince()).toBeNull();
  const second = observer.look();
  await time.advance(9_000);
  const since = observer.lookingSince();
  expect(since).toBe(time.now() - 9_000);
  const { message } = dockerOf(hostConditions(seen, null, [], time.now() - since!))!;
  expect(message).toContain('under way for 9 s');
  expect(message).toContain(`the data is from ${new Date(seen.at).toISOString()}`);
  await time.advance(20_000);
  await second;
});

test('a quick Docker answers, and says nothing of time', async () => {
  const conditions = hostConditions(await observe(createFakeHost().sources, null), null);
  expect(dockerOf(conditions)).toMatchObject({ reason: 'DockerAnswers' });
});

test('the first look waits for Docker a bounded time, and that is no outage of Docker', async () => {
  const { time, sources } = slowHost(60_000);
  let bounded = true;
  const observer = createObserver(
    () => observe({ ...sources, ...(bounded ? { dockerMs: 1 } : {}) }, null),
    time.now,
  );
  const first = await observer.look();
  expect(first.docker).toMatchObject({ reachable: false, pending: true });
  bounded = false;
  const second = observer.look();
  await time.advance(60_000);
  expect((await second).docker).toMatchObject({ reachable: true, outage: null });
});
