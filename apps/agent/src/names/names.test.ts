import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ServerUnreachable } from '@trunkline/client';
import type { DesiredDocument, FleetNames, NamedContainer } from '@trunkline/contracts';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createManualTime, type ManualTime } from '../lib/manual-time.fake.ts';
import { temporaryFolder } from '../lib/temporary-folder.fixture.ts';
import { createFakeHost, document, id, network, type FakeHost } from '../reconcile/subjects.fixture.ts';
import { createHostsFiles } from './hosts-files.ts';
import { openNamesStore } from './names-store.ts';
import { createNames, type Names } from './names.ts';

const log = pino({ level: 'silent' });
const dockers = '127.0.0.1\tlocalhost\n';
const named = network({ names: true });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let host: FakeHost;
let time: ManualTime;
let desired: DesiredDocument;
let names: Names;
const onNews = vi.fn<() => void>();
const ended = new Set<() => Promise<void>>();

beforeEach(async () => {
  folder = await temporaryFolder();
  host = createFakeHost({ dataRoot: folder.path });
  time = createManualTime();
  desired = document([named]);
  await host.settle(desired);
  names = await open();
});
afterEach(async () => {
  for (const end of ended) await end();
  ended.clear();
  await folder[Symbol.asyncDispose]();
});

/** An agent that starts: what it knows is what is on the disk. */
async function open(): Promise<Names> {
  return createNames({
    host: 'docker01',
    docker: host.docker,
    store: await openNamesStore(folder.path, log),
    files: createHostsFiles(time),
    desired: () => desired,
    onNews,
    timing: time,
    log,
  });
}

/** A container that somebody runs on mac_net1, with the hosts file that Docker writes for it. Answers the path of that. */
async function run(name: string, ipv4: string, aliases: string[] = []): Promise<string> {
  const docker = host.docker.behindOurBack;
  const attachments = [{ network: 'mac_net1', ipv4, aliases }];
  const made = await docker.createContainer({ name, image: 'busybox', attachments });
  await docker.startContainer(made.id);
  const { hostsPath } = await docker.container(made.id);
  await mkdir(dirname(hostsPath!), { recursive: true });
  await writeFile(hostsPath!, dockers);
  return hostsPath!;
}

const look = async (): Promise<void> => names.onObservation(await host.look(desired));
const text = (path: string): Promise<string> => readFile(path, 'utf8');
const has = (path: string, line: string): Promise<void> =>
  vi.waitFor(async () => expect((await text(path)).split('\n')).toContain(line));

function remote(name: string, ipv4: string, more: Partial<NamedContainer> = {}): NamedContainer {
  return {
    host: 'docker02',
    name,
    aliases: [],
    ipv4,
    ipv6: null,
    since: '2026-11-24T09:30:00.000Z',
    ...more,
  };
}
const sent = (...containers: NamedContainer[]): FleetNames => ({
  version: `v${containers.length}`,
  networks: [{ networkId: id(1), network: 'mac_net1', truncated: false, containers }],
});

/** A server that answers so, one after the other, and then holds the poll. */
function serve(...answers: (FleetNames | 'unchanged' | Error)[]) {
  const asked: (string | undefined)[] = [];
  const stop = new AbortController();
  const client = {
    names: ({ version, signal }: { version?: string; signal?: AbortSignal } = {}) => {
      asked.push(version);
      const answer = answers.shift();
      if (answer instanceof Error) return Promise.reject(answer);
      if (answer !== undefined) return Promise.resolve(answer);
      return new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(new Error('aborted'))),
      );
    },
  };
  const done = names.run(client, () => 10_000, stop.signal);
  ended.add(async () => {
    stop.abort();
    await done;
  });
  return { asked };
}

test('a container has the names of this host at once, with the server away', async () => {
  serve(new ServerUnreachable('http://server', 'ECONNREFUSED', null));
  const box1 = await run('box1', '172.16.100.10', ['web', 'not a name']);
  await look();
  await has(box1, '172.16.100.10 box1 box1.mac_net1 web web.mac_net1');
  expect((await text(box1)).startsWith(dockers)).toBe(true);
});

test('names of other hosts come from the server, are kept on disk, and are there after a restart without it', async () => {
  const box1 = await run('box1', '172.16.100.10');
  const { asked } = serve(sent(remote('box2', '172.16.100.20')));
  await look();
  await has(box1, '172.16.100.20 box2 box2.mac_net1');
  await writeFile(box1, dockers);
  names = await open();
  await look();
  await has(box1, '172.16.100.20 box2 box2.mac_net1');
  await vi.waitFor(async () => {
    await time.advance(1_000);
    expect(asked).toEqual([undefined, 'v1']);
  });
});

test('Docker wrote the file again: the next look puts the block back', async () => {
  const box1 = await run('box1', '172.16.100.10');
  await look();
  await has(box1, '172.16.100.10 box1 box1.mac_net1');
  await writeFile(box1, dockers);
  await look();
  await has(box1, '172.16.100.10 box1 box1.mac_net1');
  expect((await text(box1)).startsWith(dockers)).toBe(true);
});

test('switched off, the files are as Docker wrote them: also after a restart of the agent', async () => {
  const box1 = await run('box1', '172.16.100.10');
  serve(sent());
  await look();
  await has(box1, '172.16.100.10 box1 box1.mac_net1');
  await vi.waitFor(async () => expect(await text(join(folder.path, 'names.json'))).toContain('v0'));
  desired = document([network()], [], '2');
  names = await open();
  await look();
  await vi.waitFor(async () => expect(await text(box1)).toBe(dockers));
  expect(names.conditionsOf(network())).toEqual([]);
});

test('where names were never on, nothing is asked of the server or of Docker, and no file is looked at', async () => {
  desired = document([network()]);
  const { asked } = serve();
  const inspect = vi.spyOn(host.docker, 'container');
  const root = vi.spyOn(host.docker, 'dataRoot');
  const marked = `${dockers}# trunkline: end of names\n`;
  const box1 = await run('box1', '172.16.100.10');
  await writeFile(box1, marked);
  await look();
  await look();
  expect([asked, root.mock.calls]).toEqual([[], []]);
  expect(inspect.mock.calls.length).toBeLessThanOrEqual(2);
  expect(await text(box1)).toBe(marked);
});

test('a container is inspected once for each of its starts, and not with every look', async () => {
  const box1 = await run('box1', '172.16.100.10');
  await look();
  await has(box1, '172.16.100.10 box1 box1.mac_net1');
  const inspect = vi.spyOn(host.docker, 'container');
  await writeFile(box1, dockers);
  await look();
  await has(box1, '172.16.100.10 box1 box1.mac_net1');
  expect(inspect).not.toHaveBeenCalled();
  await host.docker.behindOurBack.restartContainer('box1', 0);
  await look();
  await vi.waitFor(() => expect(inspect).toHaveBeenCalled());
});

test('a file that is not in the place of Docker is left alone, and so is the network of the host', async () => {
  const box1 = await run('box1', '172.16.100.10');
  const other = join(folder.path, 'foreign');
  await writeFile(other, dockers);
  const { behindOurBack } = host.docker;
  vi.spyOn(host.docker, 'container').mockImplementation(async (one) => ({
    ...(await behindOurBack.container(one)),
    hostsPath: other,
  }));
  await look();
  await vi.waitFor(() => expect(names.conditionsOf(named)).toHaveLength(2));
  expect([await text(other), await text(box1)]).toEqual([dockers, dockers]);
});

test('conditions say that names are in place, that those of others have not arrived yet, and who shares a name', async () => {
  const reasons = () => names.conditionsOf(named).map(({ reason }) => reason);
  await run('web', '172.16.100.10');
  await look();
  await vi.waitFor(() => expect(reasons()).toEqual(['NamesNotHeard', 'NamesUnique']));
  serve(sent(remote('web', '172.16.100.20')));
  await vi.waitFor(() => expect(reasons()).toEqual(['NamesInPlace', 'NameTwice']));
  expect(names.conditionsOf(named)[1]?.message).toBe(
    'web is web on docker01 here, and also web on docker02; rename one of them',
  );
  expect(onNews).toHaveBeenCalled();
});

test('a file that cannot be written is a condition that names the container', async () => {
  const box1 = await run('box1', '172.16.100.10');
  await writeFile(box1, '#'.repeat(1024 * 1024 + 1));
  await look();
  await vi.waitFor(() =>
    expect(names.conditionsOf(named)[0]).toMatchObject({ status: 'False', reason: 'NamesNotWritten' }),
  );
  expect(names.conditionsOf(named)[0]?.message).toMatch(/^box1: .*larger/);
});

test('what is known of names says whether it is all', async () => {
  const known = () =>
    names.known()?.map(({ name, isComplete, containers }) => ({
      name,
      isComplete,
      containers: containers.map((one) => one.name),
    }));
  expect(known()).toBeUndefined();
  serve(sent(remote('box2', '172.16.100.20')));
  names.desiredChanged();
  // Nobody has looked at this host yet.
  await vi.waitFor(() =>
    expect(known()).toEqual([{ name: 'mac_net1', isComplete: false, containers: ['box2'] }]),
  );
  await run('box1', '172.16.100.10');
  await look();
  await vi.waitFor(() =>
    expect(known()).toEqual([{ name: 'mac_net1', isComplete: true, containers: ['box1', 'box2'] }]),
  );
  const before = names.known();
  await look();
  names.desiredChanged();
  await vi.waitFor(() => expect(names.known()?.[0]?.subnets).toEqual(['172.16.100.0/24']));
  expect(names.known()).toBe(before);
});

test('without the names of other hosts, those of this host are known, and not to be all', async () => {
  await run('box1', '172.16.100.10');
  await look();
  await vi.waitFor(() =>
    expect(names.known()).toMatchObject([{ isComplete: false, containers: [{ name: 'box1' }] }]),
  );
});

test('a host without networks with names knows that there are none', async () => {
  desired = document([network()]);
  await look();
  await vi.waitFor(() => expect(names.known()).toEqual([]));
});

test('aliases are known once a container was looked at, and never those that are no names', async () => {
  await run('box1', '172.16.100.10', ['web', 'a b']);
  const [container] = await host.docker.containers();
  const on = container!.endpoints[0]!.networkId;
  expect(names.aliasesOf(container!.id, on)).toBeNull();
  await look();
  await vi.waitFor(() => expect(names.aliasesOf(container!.id, on)).toEqual(['web']));
});
