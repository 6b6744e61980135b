import { expect, test, vi } from 'vitest';
import type { Database } from '../../platform/database/database.ts';
import { createDesiredDocuments, type DesiredParts } from './desired-documents.ts';

const none = (): Promise<Map<string, never[]>> => Promise.resolve(new Map());

/** Hosts with these revisions; `transactions` are the hosts that each transaction was asked for. */
function rig(revisions: Record<string, bigint>) {
  const transactions: string[][] = [];
  const failing = { next: undefined as Error | undefined };
  const hostDesired = {
    findMany: ({ where }: { where: { hostId: { in: string[] } } }) => {
      transactions.push(where.hostId.in);
      if (failing.next !== undefined) return Promise.reject(failing.next);
      return Promise.resolve(
        where.hostId.in.flatMap((hostId) => {
          const revision = revisions[hostId];
          return revision === undefined ? [] : [{ hostId, revision }];
        }),
      );
    },
  };
  const open = { now: 0, most: 0 };
  const prisma = {
    $transaction: async (work: (db: unknown) => Promise<unknown>) => {
      open.now += 1;
      open.most = Math.max(open.most, open.now);
      return work({ hostDesired }).finally(() => (open.now -= 1));
    },
  };
  const networks = vi.fn<DesiredParts['networks']>(none);
  const parts = { networks, containers: none, recalls: none, checks: none, heartbeatSeconds: async () => 10 };
  const documents = createDesiredDocuments({ prisma: prisma as unknown as Database['prisma'] }, parts);
  return { documents, transactions, networks, failing, open };
}

test('hosts that ask in the same moment are answered by one transaction, each with its own', async () => {
  const { documents, transactions, networks } = rig({ a: 7n, b: 8n });
  const [a, b, again] = await Promise.all([documents.read('a'), documents.read('b'), documents.read('a')]);
  expect(a).toMatchObject({ hostId: 'a', revision: '7', heartbeatSeconds: 10, networks: [] });
  expect(b).toMatchObject({ hostId: 'b', revision: '8' });
  expect(again).toBe(a);
  expect(transactions).toEqual([['a', 'b']]);
  expect(networks).toHaveBeenCalledTimes(1);
  await documents.read('a');
  expect(transactions).toHaveLength(2);
});

test('a thousand hosts are answered in transactions of bounded length, a few at a time', async () => {
  const ids = Array.from({ length: 1000 }, (_, n) => `h${n}`);
  const { documents, transactions, open } = rig(Object.fromEntries(ids.map((id) => [id, 1n])));
  const all = await Promise.all(ids.map((id) => documents.read(id)));
  expect(all.map((document) => document?.hostId)).toEqual(ids);
  expect(transactions).toHaveLength(32);
  expect(Math.max(...transactions.map(({ length }) => length))).toBe(32);
  expect(open.most).toBe(4);
});

test('a host that was retired gets no document, and is in nobody’s way', async () => {
  const { documents } = rig({ a: 7n });
  const [a, gone] = await Promise.all([documents.read('a'), documents.read('gone')]);
  expect(a?.revision).toBe('7');
  expect(gone).toBeUndefined();
});

test('a database that fails is told to all who asked, and asked again by the next', async () => {
  const { documents, failing } = rig({ a: 7n, b: 8n });
  failing.next = new Error('lost');
  const answers = await Promise.allSettled([documents.read('a'), documents.read('b')]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  failing.next = undefined;
  expect((await documents.read('a'))?.revision).toBe('7');
});
