import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { temporaryFolder } from '../lib/temporary-folder.fixture.ts';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import { emptyStackMemory, openStackStore, remembered } from './stack-memory.ts';
import type { StackSharer } from './stack-sharers.ts';

const log = pino({ level: 'silent' });
const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const detail = (
  id: string,
  status: DockerContainerDetail['status'],
  startedAt: string | null,
): DockerContainerDetail => ({ id, name: `n${id}`, status, startedAt }) as DockerContainerDetail;
const sharing = (
  sharer: DockerContainerDetail,
  owner: DockerContainerDetail | null,
): { stackSharers: StackSharer[] } => ({
  stackSharers: [{ sharer, owner, ownerId: 'o', ownerName: 'any', networks: [] }],
});
const owner = detail('o', 'running', at(50));

test('the name of a container whose stack is shared is kept when it goes, as long as something was made for it', () => {
  const first = remembered(emptyStackMemory, sharing(detail('s', 'running', at(60)), owner));
  expect(first.owners).toEqual({ o: 'no' });
  expect(remembered(first, sharing(detail('s', 'exited', at(60)), null)).owners).toEqual({ o: 'no' });
  expect(remembered(first, { stackSharers: [] })).toEqual(emptyStackMemory);
});

test.each<[string, DockerContainerDetail, DockerContainerDetail | null, boolean]>([
  ['still runs in the old namespace', detail('s', 'running', at(10)), owner, true],
  ['runs in the new one', detail('s', 'running', at(110)), owner, false],
  ['was stopped for it', detail('s', 'exited', at(10)), owner, true],
  ['was started since, and stopped by a person', detail('s', 'exited', at(110)), owner, false],
  [
    'was stopped for it, and the other ended meanwhile',
    detail('s', 'exited', at(10)),
    detail('o', 'exited', at(50)),
    true,
  ],
  ['never started', detail('s', 'created', null), owner, false],
])('a restart that began is remembered of one that %s: %#', (_, sharer, of, kept) => {
  const memory = { owners: {}, restarting: { s: 100_000 } };
  expect(Object.keys(remembered(memory, sharing(sharer, of)).restarting)).toEqual(kept ? ['s'] : []);
});

test('it outlives the agent, and a file that cannot be read counts as empty', async () => {
  await using folder = await temporaryFolder();
  const open = () => openStackStore(folder.path, { now: () => 7, log });
  const store = await open();
  await store.begin('s');
  store.onObservation({
    stackSharers: [{ ...sharing(detail('s', 'exited', at(0)), owner).stackSharers[0]! }],
  });
  await vi.waitFor(() => expect(store.all().owners).toEqual({ o: 'no' }));
  expect((await open()).all()).toEqual({ owners: { o: 'no' }, restarting: { s: 7 } });
  await store.end('s');
  expect((await open()).all()).toEqual({ owners: { o: 'no' }, restarting: {} });
  await writeFile(join(folder.path, 'stacks.json'), '{"owners": [1], "restarting": {"s": "x"}}');
  expect((await open()).all()).toEqual(emptyStackMemory);
  await writeFile(join(folder.path, 'stacks.json'), 'no JSON');
  expect((await open()).all()).toEqual(emptyStackMemory);
});
