/** What is given out is on disk before; what the disk says is believed, or nothing of it. */
import { appendFile, readdir, readFile, writeFile, chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/temporary-folder.fixture.ts';
import { journalLine, readJournal, DamagedJournal, type LeaseChange } from './lease-journal.ts';
import { admitted, arrived, given, keyOf, type LeaseRecord } from './lease-record.ts';
import { openLeaseStore } from './lease-store.ts';

const log = pino({ level: 'silent' });
const nobody = { mac: null, name: null };

function lease(last: number): LeaseRecord {
  const networkId = '0192f0c1-6d7e-7a52-9c1b-000000000001';
  const ip = `172.16.100.${last}`;
  return arrived(
    { networkId, ip, subnet: '172.16.100.0/24', generation: last, owner: null, mac: null, bound: false },
    'probing',
    1,
  );
}

test('everything that was taken is there again when the store is opened again without having been closed', async () => {
  await using folder = await temporaryFolder();
  const store = await openLeaseStore(folder.path, log);
  await Promise.all([store.apply([lease(2), lease(3)]), store.apply([lease(4)])]);
  await store.apply([given(lease(2), nobody, 5), { drop: keyOf(lease(3)) }]);
  const again = await openLeaseStore(folder.path, log);
  expect(again.all()).toEqual(store.all());
  expect([...again.all().values()].map(({ ip, use }) => [ip, use])).toEqual([
    ['172.16.100.2', 'used'],
    ['172.16.100.4', 'probing'],
  ]);
  await store.close();
});

test('what was written by a clock that has been set back since is of now, and not of the future', async () => {
  await using folder = await temporaryFolder();
  const store = await openLeaseStore(folder.path, log);
  await store.apply([given(lease(2), nobody, 7_200_000), given(lease(3), nobody, 500)]);
  await store.close();
  const again = await openLeaseStore(folder.path, log, () => 1000);
  expect(again.get(keyOf(lease(2)))).toMatchObject({ use: 'used', since: 1000 });
  expect(again.get(keyOf(lease(3)))).toMatchObject({ use: 'used', since: 500 });
  await again.close();
});

test('a change is seen at once and given to nobody before it is on disk', async () => {
  await using folder = await temporaryFolder();
  const store = await openLeaseStore(folder.path, log);
  const done = store.apply([lease(2)]);
  expect(store.get(keyOf(lease(2)))).toBeDefined();
  await done;
  expect(await readFile(join(folder.path, 'leases.jsonl'), 'utf8')).toContain('172.16.100.2');
  await store.close();
});

test('a last line that was cut off counts for nothing; everything before it holds', async () => {
  await using folder = await temporaryFolder();
  const store = await openLeaseStore(folder.path, log);
  await store.apply([lease(2)]);
  await store.close();
  await appendFile(join(folder.path, 'leases.jsonl'), journalLine(lease(3)).slice(0, -10));
  const again = await openLeaseStore(folder.path, log);
  expect([...again.all().keys()]).toEqual([keyOf(lease(2))]);
  await again.apply([lease(4)]);
  expect((await openLeaseStore(folder.path, log)).all().size).toBe(2);
  await again.close();
});

test('a damaged file is kept aside and nothing of it is believed', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'leases.jsonl');
  const text = [lease(2), lease(3), lease(4)].map((one) => journalLine(one)).join('');
  await writeFile(path, text.replace('172.16.100.3', '172.16.100.9'));
  const lines: string[] = [];
  const store = await openLeaseStore(
    folder.path,
    pino({}, { write: (line: string) => void lines.push(line) }),
    () => 77,
  );
  expect(store.all().size).toBe(0);
  expect(await readdir(folder.path)).toEqual(['leases.jsonl.damaged-77']);
  expect(lines.join('')).toContain('set aside');
});

test('no byte of a whole line can change unnoticed', () => {
  const text = journalLine(lease(2)) + journalLine(lease(3));
  fc.assert(
    fc.property(fc.nat(text.length - 2), fc.integer({ min: 33, max: 126 }), (at, code) => {
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      fc.pre(changed !== text);
      expect(() => readJournal(changed)).toThrow(DamagedJournal);
    }),
  );
});

test('a disk that takes nothing undoes what was not written, and works again when it does', async () => {
  await using folder = await temporaryFolder();
  const inside = join(folder.path, 'state');
  await mkdir(inside);
  const store = await openLeaseStore(inside, log);
  await store.apply([lease(2)]);
  await store.close();
  // A file where the folder was: nothing can be written, also by root.
  const noted: boolean[] = [];
  const broken = await openLeaseStore(inside, log, Date.now, () => {
    noted.push(broken.whyNotWritten() === null);
  });
  await rm(inside, { recursive: true });
  await writeFile(inside, '');
  const first = broken.apply([given(lease(2), nobody, 5)]);
  const second = broken.apply([lease(3)]);
  await expect(first).rejects.toThrow('ENOTDIR');
  await expect(second).rejects.toThrow('ENOTDIR');
  expect([...broken.all().values()].map(({ ip, use }) => [ip, use])).toEqual([['172.16.100.2', 'probing']]);
  await broken.writeAgain();
  expect(broken.whyNotWritten()).toContain('ENOTDIR');
  expect(noted).toEqual([false]);
  await rm(inside);
  await mkdir(inside);
  await chmod(inside, 0o700);
  await broken.writeAgain();
  expect(broken.whyNotWritten()).toBeNull();
  expect(noted).toEqual([false, true]);
  await broken.apply([lease(3)]);
  expect((await openLeaseStore(inside, log)).all().size).toBe(2);
  await broken.close();
});

test('the file does not grow with the number of changes', async () => {
  await using folder = await temporaryFolder();
  const store = await openLeaseStore(folder.path, log);
  const record = lease(2);
  for (let round = 0; round < 30; round += 1) {
    const changes: LeaseChange[] = Array.from({ length: 200 }, (_, n) =>
      n % 2 === 0 ? given(record, nobody, n) : admitted(record, n),
    );
    await store.apply(changes);
  }
  const { lines, records } = readJournal(await readFile(join(folder.path, 'leases.jsonl'), 'utf8'));
  expect(lines).toBeLessThan(2500);
  expect(records).toEqual(store.all());
  await store.close();
});

test('promise 1: a hold that was taken away comes back by no change; a later one does, and what a container uses stays known', async () => {
  await using folder = await temporaryFolder();
  const store = await openLeaseStore(folder.path, log);
  await store.apply([lease(2), given(lease(3), nobody, 5)]);
  const { networkId } = lease(2);
  await store.revoke([2, 3, 4].map((last) => ({ networkId, ip: `172.16.100.${last}`, generation: last })));
  // A question on the wire that was under way, a look, and an answer of the server.
  await store.apply([admitted(lease(2), 6), given(lease(3), nobody, 6), lease(4)]);
  expect([...store.all().values()]).toMatchObject([{ ip: '172.16.100.3', use: 'used', generation: 0 }]);
  expect([lease(2), lease(4), lease(5)].map((one) => store.isOver(one))).toEqual([true, true, false]);
  const later = { ...lease(4), generation: 9 };
  await store.apply([later]);
  await store.apply([lease(4)]);
  expect(store.get(keyOf(later))).toEqual(later);
  const again = await openLeaseStore(folder.path, log);
  expect(again.all()).toEqual(store.all());
  await store.close();
});
