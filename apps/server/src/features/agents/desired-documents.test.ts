import { setImmediate } from 'node:timers/promises';
import type { DesiredDocument } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { createDesiredDocuments } from './desired-documents.ts';

const documentOf = (hostId: string, revision: string): DesiredDocument => ({
  hostId,
  revision,
  heartbeatSeconds: 10,
  networks: [],
  containers: [],
  recalls: [],
  checks: [],
});

/** Hosts with these revisions; `reads` are the hosts that were asked for together. */
function rig(revisions: Record<string, string>) {
  const reads: (readonly string[])[] = [];
  const failing = { next: undefined as Error | undefined };
  const open = { now: 0, most: 0 };
  const documents = createDesiredDocuments(async (hostIds) => {
    reads.push(hostIds);
    open.now += 1;
    open.most = Math.max(open.most, open.now);
    // As a statement, which takes the database more than a turn of the event loop.
    await setImmediate();
    open.now -= 1;
    if (failing.next !== undefined) throw failing.next;
    return new Map(
      hostIds.flatMap((hostId) => {
        const revision = revisions[hostId];
        return revision === undefined ? [] : [[hostId, documentOf(hostId, revision)] as const];
      }),
    );
  });
  return { documents, reads, failing, open };
}

test('hosts that ask in the same moment are answered by one read, each with its own', async () => {
  const { documents, reads } = rig({ a: '7', b: '8' });
  const [a, b, again] = await Promise.all([documents.read('a'), documents.read('b'), documents.read('a')]);
  expect(a).toMatchObject({ hostId: 'a', revision: '7' });
  expect(b).toMatchObject({ hostId: 'b', revision: '8' });
  expect(again).toBe(a);
  expect(reads).toEqual([['a', 'b']]);
  await documents.read('a');
  expect(reads).toHaveLength(2);
});

test('a thousand hosts are answered in reads of bounded length, a few at a time', async () => {
  const ids = Array.from({ length: 1000 }, (_, n) => `h${n}`);
  const { documents, reads, open } = rig(Object.fromEntries(ids.map((id) => [id, '1'])));
  const all = await Promise.all(ids.map((id) => documents.read(id)));
  expect(all.map((document) => document?.hostId)).toEqual(ids);
  expect(reads).toHaveLength(32);
  expect(Math.max(...reads.map(({ length }) => length))).toBe(32);
  expect(open.most).toBe(4);
});

test('a host that was retired gets no document, and is in nobody’s way', async () => {
  const { documents } = rig({ a: '7' });
  const [a, gone] = await Promise.all([documents.read('a'), documents.read('gone')]);
  expect(a?.revision).toBe('7');
  expect(gone).toBeUndefined();
});

test('the failure of a database reaches all who asked, and asked again by the next', async () => {
  const { documents, failing } = rig({ a: '7', b: '8' });
  failing.next = new Error('lost');
  const answers = await Promise.allSettled([documents.read('a'), documents.read('b')]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  failing.next = undefined;
  expect((await documents.read('a'))?.revision).toBe('7');
});
