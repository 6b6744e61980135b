import type {
  AddressFinding,
  CompareItem,
  Condition,
  DesiredDocument,
  Lease,
  Placement,
} from '@trunkline/contracts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestAgent } from '@trunkline/test/integration/agent-stub.ts';
import { copyDatabase, createTestDatabase, type TestDatabase } from '@trunkline/test/integration/database.ts';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import {
  claimLease,
  reportInventory,
  returning,
  seenContainer,
  syncLeases,
  takeLeases,
} from '../leases/lease-calls.fixture.ts';
import { callNetworks } from '../networks/network-calls.fixture.ts';

/** Each test starts several servers. */
const patientMs = 240_000;
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
});

let database: TestDatabase;
let server: TestServer;
let one: TestAgent;
let two: TestAgent;
let network: string;
let base: string;

/** A server on a database, as after its start; agents that have joined speak to it. */
async function open(on: TestDatabase): Promise<void> {
  server = await createTestServer({ connectionString: on.connectionString });
  ends.push(() => server.close());
  await server.checkPast();
}
const speaking = (agent: TestAgent): TestAgent =>
  createTestAgent(agent, { send: server.send, now: () => server.clock.now() }, agent.instance);

beforeEach(async () => {
  database = await createTestDatabase();
  ends.push(() => database.drop());
  await open(database);
  one = await server.joinHost('docker01');
  two = await server.joinHost('docker02');
  const made = await callNetworks(server).make('lan', { hosts: { all: true }, quarantineSeconds: 300 });
  network = made.body.id as string;
  base = (made.body.subnets[0].cidr as string).replace('.0/24', '');
}, patientMs);

/** Takes a backup, lets things happen, and puts the backup back. `shown`: whether the database itself shows it. */
async function restoredAfter(lostFuture: () => Promise<void>, shown = true): Promise<void> {
  await server.close();
  const backup = await copyDatabase(database);
  ends.push(() => backup.drop());
  await open(database);
  [one, two] = [speaking(one), speaking(two)];
  await lostFuture();
  await server.close();
  if (!shown) {
    const quiet = await createTestServer({ connectionString: backup.connectionString });
    // As a disk that was put back below a database: nothing in it is of another time.
    await quiet.platform.database.pool.query(
      `SELECT write_past(p.incarnation, 'open', NULL, NULL, NULL, NULL, NULL) FROM past p`,
    );
    await quiet.close();
  }
  await open(backup);
  [one, two] = [speaking(one), speaking(two)];
}

const phase = async (): Promise<string> => (await server.request('GET', '/v1/recovery')).body.phase as string;
const recovery = async () => (await server.request('GET', '/v1/recovery')).body;
const address = async (ip: string) => (await server.request('GET', `/v1/networks/lan/addresses/${ip}`)).body;
const poll = async (agent: TestAgent, query = ''): Promise<DesiredDocument> =>
  (await agent.desired(query)).body as DesiredDocument;
const pollAs = (agent: TestAgent, has: DesiredDocument, generation: number): Promise<DesiredDocument> =>
  poll(agent, `?after=${has.revision}&heard=${has.incarnation}&generation=${generation}`);
const item = ({ networkId, ip, generation }: Lease, container: string | null): CompareItem => ({
  networkId,
  ip,
  generation,
  use: container === null ? 'idle' : 'live',
  container,
  dockerId: container === null ? null : `docker-${container}`,
  mac: null,
});
async function compare(agent: TestAgent, items: CompareItem[]): Promise<Lease[]> {
  const answer = await agent.send('POST', '/agent/v1/compare', { items });
  if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body.held as Lease[];
}
const eventTypes = async (): Promise<string[]> =>
  (await server.request('GET', '/v1/events?limit=500')).body.items.map(({ type }: { type: string }) => type);

const make = (body: object) => server.request('POST', '/v1/networks/lan/addresses', body);

const at = (ip: string, container: string): CompareItem =>
  item({ networkId: network, ip, generation: 0 } as Lease, container);

const seen = (container: string, ip = `${base}.60`) => seenContainer(network, container, ip);

/** Claimed by both hosts, and by one although it is kept for somebody else; a minute ago. */
async function disputed(): Promise<void> {
  expect((await make({ address: `${base}.50`, owner: 'printer' })).status).toBe(201);
  await restoredAfter(async () => {});
  await compare(one, [at(`${base}.60`, 'a'), at(`${base}.50`, 'b')]);
  await compare(two, [at(`${base}.60`, 'c')]);
  server.startSweeps();
}

/** The conflicts are a minute old, and looked at; answers what became of the address. */
async function aMinuteLater(ip = `${base}.60`) {
  const { pool } = server.platform.database;
  await pool.query(
    `UPDATE address SET recheck_at = now(), updated_at = now() - interval '1 minute' WHERE state = 'conflicted'`,
  );
  await expect
    .poll(async () => (await pool.query('SELECT 1 FROM address WHERE recheck_at <= now()')).rows, {
      timeout: 20_000,
    })
    .toEqual([]);
  return await address(ip);
}

const release = (host: string) => server.request('POST', `/v1/recovery/hosts/${host}/release`);

const mark = (found: () => string, boot = 'boot-1') => ({
  read: async () => found(),
  write: async (incarnation: string) => `${incarnation} 1 1`,
  boot: async () => boot,
});

describe('an ordinary restart', () => {
  test(
    'delays nothing, and hosts that heard all of it are as before',
    async () => {
      const { granted } = await takeLeases(one, network, 2);
      const has = await poll(one);
      await server.close();
      await open(database);
      one = speaking(one);
      expect(await phase()).toBe('open');
      await takeLeases(one, network, 1);
      const again = await one.desired(
        `?after=${has.revision}&heard=${has.incarnation}&generation=${granted[1]!.generation}`,
      );
      expect(again.status).toBe(304);
      expect(await phase()).toBe('open');
    },
    patientMs,
  );
});

describe('a restored dump', () => {
  test(
    'asks a host that it waits for to compare where that has newer state, and the log names the host',
    async () => {
      await restoredAfter(async () => {});
      const has = await poll(one);
      await pollAs(one, { ...has, revision: String(Number(has.revision) + 1000) }, 0);
      const { items } = (await server.request('GET', '/v1/events?limit=500')).body;
      expect(items.filter(({ type }: { type: string }) => type === 'recovery.host-heard')).toMatchObject([
        {
          subject: '/v1/hosts/docker01',
          host: 'docker01',
          actor: 'server',
          data: { recovery: expect.any(String) },
        },
      ]);
    },
    patientMs,
  );

  test(
    'promise 1: gives nothing before every host has compared, then nothing twice, and takes in what runs',
    async () => {
      const [before] = (await takeLeases(one, network, 1)).granted;
      let has!: DesiredDocument;
      let lost: Lease[] = [];
      await restoredAfter(async () => {
        lost = (await takeLeases(two, network, 3)).granted;
        for (let n = 0; n < 20; n += 1)
          await server.request(
            'PATCH',
            '/v1/networks/lan',
            { labels: { n: `${n}` } },
            { 'if-match': '*', 'content-type': 'application/merge-patch+json' },
          );
        has = await poll(two);
      });
      expect(await phase()).toBe('recovering');
      expect((await server.request('GET', '/readyz')).body).toEqual({ status: 'recovering' });
      const refused = await server.request('POST', '/v1/networks/lan/addresses', {});
      expect(refused).toMatchObject({
        status: 503,
        body: { code: 'recovering', data: { waitingFor: ['docker01', 'docker02'] } },
        headers: { 'retry-after': '5' },
      });
      const waited = async () => {
        const { body } = await server.request('GET', '/v1/hosts/docker02');
        return (body.conditions as Condition[]).find(({ type }) => type === 'LeasesCompared');
      };
      const { since } = await recovery();
      // Perhaps it joined again after the backup, and is refused as a host that is not known.
      const message = expect.stringMatching(/was not heard since.*host_not_joined/);
      expect(await waited()).toMatchObject({ reason: 'WaitedFor', message, lastTransitionTime: since });
      await two.report();
      expect((await waited())?.message).toMatch(/was heard since/);

      const document = await pollAs(two, has, lost.at(-1)!.generation);
      expect(BigInt(document.revision)).toBeGreaterThan(BigInt(has.revision));
      expect(document.compare).toBe((await recovery()).recovery);
      // Two of three are on containers; of the third nobody knows.
      const held = await compare(two, [item(lost[0]!, 'web'), item(lost[1]!, 'db'), item(lost[2]!, null)]);
      expect(held.map(({ ip }) => ip)).toEqual([lost[0]!.ip, lost[1]!.ip]);
      expect(held.every(({ generation }) => generation > lost[2]!.generation)).toBe(true);
      expect(await phase()).toBe('recovering');
      expect((await compare(one, [item(before!, null)])).map(({ ip }) => ip)).toEqual([before!.ip]);

      expect(await phase()).toBe('open');
      expect(await address(lost[0]!.ip)).toMatchObject({
        state: 'bound',
        host: 'docker02',
        container: 'web',
      });
      const next = (await takeLeases(one, network, 5)).granted.map(({ ip }) => ip);
      expect(next).not.toContain(lost[0]!.ip);
      expect(next).not.toContain(lost[1]!.ip);
      expect(await poll(two)).toMatchObject({ compare: null, recovering: null });
      expect(await eventTypes()).toEqual(
        expect.arrayContaining(['recovery.started', 'address.taken-in', 'recovery.ended']),
      );
      // Compared once more, since the answer was lost: the same.
      expect(
        (
          await compare(
            two,
            held.map((lease) => item(lease, 'web')),
          )
        ).map(({ ip }) => ip),
      ).toEqual([lost[0]!.ip, lost[1]!.ip]);
    },
    patientMs,
  );

  test(
    'an address that a container had then, and that its host keeps for the next one now, is on no container',
    async () => {
      const [then] = (await takeLeases(one, network, 1)).granted;
      await reportInventory(one, [seen('web', then!.ip)]);
      expect(await address(then!.ip)).toMatchObject({ state: 'bound', container: 'web' });
      let now!: Lease;
      await restoredAfter(async () => {
        await reportInventory(one, []);
        await syncLeases(one, { returns: returning([then!], 'unused') });
        now = (await claimLease(one, network, { ip: then!.ip })).body.lease as Lease;
      });
      await compare(two, []);
      expect((await compare(one, [item(now, null)])).map(({ ip }) => ip)).toEqual([then!.ip]);
      expect(await address(then!.ip)).toMatchObject({ state: 'leased', host: 'docker01', container: null });
    },
    patientMs,
  );

  test(
    'promise 1: a container of the backup is the same one, and is not promised what another host has',
    async () => {
      const ip = `${base}.70`;
      const run = (name: string, host: string) =>
        server.request('POST', '/v1/containers', {
          name,
          host,
          image: 'busybox',
          attachments: [{ network: 'lan', address: ip }],
        });
      expect((await run('then', 'docker01')).status).toBe(201);
      const promised = async () => (await poll(one)).containers.map(({ attachments }) => attachments[0]);
      expect(await promised()).toEqual([expect.not.objectContaining({ withdrawn: expect.anything() })]);
      await restoredAfter(async () => {});
      await compare(two, [at(ip, 'now')]);
      await compare(one, []);
      expect(await address(ip)).toMatchObject({ state: 'conflicted', owner: 'container:then' });
      const document = await poll(one);
      expect(document.containers).toMatchObject([{ generation: 1001, sameAs: [1] }]);
      expect(await promised()).toEqual([expect.objectContaining({ withdrawn: [ip] })]);
      // The other one is gone: it is the container's again, and its host gets to know.
      server.startSweeps();
      await reportInventory(one, []);
      await reportInventory(two, []);
      expect(await aMinuteLater(ip)).toMatchObject({ state: 'reserved' });
      const after = await poll(one, `?after=${document.revision}`);
      expect(after.containers[0]?.attachments[0]).not.toHaveProperty('withdrawn');
    },
    patientMs,
  );

  test(
    'what a stopped container asks for by name is leased to its host, and bound once it runs',
    async () => {
      const [then] = (await takeLeases(one, network, 1)).granted;
      await reportInventory(one, [seen('web', then!.ip)]);
      const [free, mac] = [`${base}.60`, '02:42:ac:10:64:3c'];
      await restoredAfter(async () => {});
      await compare(two, [{ ...at(free, 'created'), use: 'asked', mac }]);
      await compare(one, [{ ...item(then!, 'another'), use: 'asked', mac: null }]);
      expect(await phase()).toBe('open');
      expect(await address(free)).toMatchObject({ state: 'leased', host: 'docker02', container: null });
      expect(await address(then!.ip)).toMatchObject({ state: 'leased', host: 'docker01', container: null });
      await reportInventory(one, []);
      await reportInventory(two, []);
      const { body } = await server.request('POST', '/v1/checks', { kind: 'addresses', network: 'lan' });
      expect(body.result.findings).toEqual([]);
      // It is kept for that container: nobody else is given it, and its host gives it to whoever names it there.
      expect((await make({ address: free })).body.code).toBe('address_taken');
      expect((await claimLease(one, network, { ip: free })).body.code).toBe('address_taken');
      expect((await claimLease(two, network, { ip: free, mac })).status).toBe(200);
      await reportInventory(two, [seen('created', free)]);
      expect(await address(free)).toMatchObject({ state: 'bound', host: 'docker02', container: 'created' });
    },
    patientMs,
  );

  test(
    'what is reserved for a MAC is leased to the host of the stopped container that has it, and stays reserved for it',
    async () => {
      const [ip, other, mac] = [`${base}.50`, `${base}.51`, '02:42:ac:10:64:32'];
      expect((await make({ address: ip, owner: 'printer', mac })).status).toBe(201);
      expect((await make({ address: other, owner: 'scanner', mac: '02:42:ac:10:64:33' })).status).toBe(201);
      await restoredAfter(async () => {});
      await compare(two, [
        { ...at(ip, 'a'), use: 'asked', mac },
        { ...at(other, 'b'), use: 'asked', mac },
      ]);
      await compare(one, []);
      expect(await address(ip)).toMatchObject({ state: 'leased', host: 'docker02', owner: 'printer' });
      // Another MAC has no right to it, and nobody is on it: what is reserved is told as disputed, as ever.
      expect(await address(other)).toMatchObject({ state: 'conflicted', owner: 'scanner' });
      const refused = await claimLease(two, network, { ip, mac: '02:42:ac:10:64:34' });
      expect(refused.body).toMatchObject({ code: 'address_taken', data: { owner: 'printer' } });
      const { lease } = (await claimLease(two, network, { ip, mac })).body;
      await syncLeases(two, { returns: returning([lease as Lease], 'released') });
      expect(await address(ip)).toMatchObject({ state: 'reserved', host: null, owner: 'printer', mac });
    },
    patientMs,
  );

  test(
    'promise 4: what moved from one host to the other is settled whichever compares first',
    async () => {
      const [moved] = (await takeLeases(one, network, 1)).granted;
      let there!: Lease;
      await restoredAfter(async () => {
        await syncLeases(one, { returns: returning([moved!], 'unused') });
        there = (await claimLease(two, network, { ip: moved!.ip })).body.lease as Lease;
      });
      await compare(two, [item(there, 'web')]);
      expect(await address(moved!.ip)).toMatchObject({ host: 'docker01' });
      await compare(one, []);
      expect(await address(moved!.ip)).toMatchObject({ state: 'bound', host: 'docker02', container: 'web' });
      expect(await phase()).toBe('open');
    },
    patientMs,
  );

  test(
    'what two hosts use, or what is reserved for somebody else, is a conflict and no silent winner',
    async () => {
      const reserved = `${base}.50`;
      expect((await make({ address: reserved, owner: 'printer' })).status).toBe(201);
      await restoredAfter(async () => {});
      await compare(one, [at(`${base}.60`, 'a'), at(reserved, 'b')]);
      await compare(two, [at(`${base}.60`, 'c')]);
      expect(await address(reserved)).toMatchObject({ state: 'conflicted', owner: 'printer' });
      // The first was taken in before the second said that it has it, too.
      expect(await address(`${base}.60`)).toMatchObject({ state: 'conflicted', host: null });
      expect((await make({ address: `${base}.60` })).body.code).toBe('address_taken');
      expect((await eventTypes()).filter((type) => type === 'address.conflicted')).toHaveLength(2);
    },
    patientMs,
  );

  describe('an address that two hosts claim', () => {
    test(
      'is of the one container that is left on it, once all of them have looked',
      async () => {
        await disputed();
        await reportInventory(one, [seen('a')]);
        expect(await aMinuteLater()).toMatchObject({ state: 'conflicted' });
        const { facts } = (await server.request('GET', '/v1/hosts/docker02')).body;
        const unseen = { ...facts, docker: { reachable: false, version: null, apiVersion: null } };
        await two.report({ observedRevision: '1', inventory: [], facts: unseen });
        expect(await aMinuteLater()).toMatchObject({ state: 'conflicted' });
        await reportInventory(two, [seen('c')]);
        expect(await aMinuteLater()).toMatchObject({ state: 'conflicted' });
        await reportInventory(two, []);
        const { labels, ...bound } = await aMinuteLater();
        expect(bound).toMatchObject({ state: 'bound', host: 'docker01', container: 'a' });
        expect(labels).toEqual({});
        expect((await eventTypes()).at(-1)).toBe('address.bound');
        // Its host may give it to that container again, and no other host may give it.
        expect((await claimLease(one, network, { ip: `${base}.60` })).status).toBe(200);
        expect((await claimLease(two, network, { ip: `${base}.60` })).body.code).toBe('address_taken');
      },
      patientMs,
    );

    test(
      'is told as one, and never as that of a foreign station, wherever it is shown; its owner cannot make it another',
      async () => {
        await disputed();
        const ip = `${base}.60`;
        await reportInventory(one, [seen('a')]);
        const claimed = 'since a backup was restored, containers of docker01, docker02 claim it';
        const { body: check } = await server.request('POST', '/v1/checks', {
          kind: 'addresses',
          network: 'lan',
        });
        const findings = (check.result.findings as AddressFinding[]).filter((finding) => finding.ip === ip);
        expect(findings.map(({ kind }) => kind)).toEqual(['conflicted', 'seen-not-bound']);
        const placements = (await server.request('GET', '/v1/networks/lan/placements')).body.items;
        const agree = (placements as Placement[])
          .flatMap(({ conditions }) => conditions)
          .find(({ type }) => type === 'AddressesAgree');
        const texts = [
          ...findings.map(({ message }) => message),
          agree?.message,
          (await claimLease(two, network, { ip })).body.detail,
          (await server.request('DELETE', `/v1/networks/lan/addresses/${ip}`)).body.detail,
          (await make({ address: ip })).body.detail,
        ];
        for (const text of texts) {
          expect(text).toContain(claimed);
          expect(text).not.toMatch(/foreign|station/);
        }
        const path = '/v1/networks/lan/addresses/by-owner/printer';
        expect((await server.request('PUT', path, { labels: { room: '1' } })).status).toBe(200);
        expect(await address(`${base}.50`)).toMatchObject({
          state: 'conflicted',
          labels: { room: '1', 'io.trunkline.claimed-by': 'docker01' },
        });
      },
      patientMs,
    );

    test(
      'is free once nothing is left on it, and what is kept for somebody else is never bound to another one',
      async () => {
        await disputed();
        await reportInventory(one, [seen('b', `${base}.50`)]);
        await reportInventory(two, []);
        expect(await aMinuteLater(`${base}.50`)).toMatchObject({ state: 'conflicted', owner: 'printer' });
        expect(await aMinuteLater()).toMatchObject({ code: 'address_not_found' });
        await reportInventory(one, []);
        expect(await aMinuteLater(`${base}.50`)).toMatchObject({ state: 'reserved', owner: 'printer' });
      },
      patientMs,
    );

    test(
      'waits for no host that was retired',
      async () => {
        await disputed();
        await reportInventory(one, [seen('a')]);
        await server.request('DELETE', '/v1/hosts/docker02?force=true', undefined, { 'if-match': '*' });
        expect(await aMinuteLater()).toMatchObject({ state: 'bound', container: 'a' });
      },
      patientMs,
    );
  });

  test(
    'a silent host is let go by name, and compares alone when it comes back; the backup put back again is noticed again',
    async () => {
      let has!: DesiredDocument;
      let lost: Lease[] = [];
      await restoredAfter(async () => {
        lost = (await takeLeases(two, network, 2)).granted;
        has = await poll(two);
      });
      await compare(one, []);
      expect((await release('docker09')).body.code).toBe('host_not_found');
      expect((await release('docker01')).body.code).toBe('host_not_waited_for');
      expect((await release('docker02')).body).toMatchObject({
        phase: 'open',
        hosts: [{ host: 'docker02', state: 'let_go', by: expect.stringContaining('token:') }],
      });
      const given = (await takeLeases(one, network, 1)).granted[0]!;
      expect(given.ip).toBe(lost[0]!.ip);

      const document = await pollAs(two, has, lost[1]!.generation);
      expect(document.compare).not.toBeNull();
      expect(await phase()).toBe('open');
      const held = await compare(two, [item(lost[0]!, 'web'), item(lost[1]!, 'db')]);
      expect(held.map(({ ip }) => ip)).toEqual([lost[1]!.ip]);
      expect(await address(lost[0]!.ip)).toMatchObject({ state: 'conflicted' });
      expect((await recovery()).hosts).toEqual([]);

      await restoredAgain();
      expect(await phase()).toBe('recovering');
    },
    patientMs,
  );
});

/** The same backup once more. */
async function restoredAgain(): Promise<void> {
  await server.close();
  const backup = await copyDatabase(database);
  ends.push(() => backup.drop());
  await open(backup);
}

describe('a backup that the database does not show', () => {
  test(
    'is noticed by the first host that has heard more',
    async () => {
      let has!: DesiredDocument;
      await restoredAfter(async () => {
        await callNetworks(server).make('later', { hosts: { all: true } });
        has = await poll(two);
      }, false);
      expect(await phase()).toBe('open');
      const document = await pollAs(two, has, 0);
      expect(await phase()).toBe('recovering');
      expect(document.compare).not.toBeNull();
      expect(BigInt(document.revision)).toBeGreaterThan(BigInt(has.revision));
      expect((await recovery()).reason).toContain('docker02');
    },
    patientMs,
  );

  test(
    'also where no revision moved, and only leases were given',
    async () => {
      let has!: DesiredDocument;
      let lost: Lease[] = [];
      await restoredAfter(async () => {
        has = await poll(two);
        lost = (await takeLeases(two, network, 2)).granted;
      }, false);
      expect((await pollAs(two, has, lost[1]!.generation)).compare).not.toBeNull();
      expect(await phase()).toBe('recovering');
    },
    patientMs,
  );
});

describe('the data directory of a server with its own PostgreSQL', () => {
  test(
    'that was copied back is noticed at the start; an ordinary one and a new boot are not taken for it',
    async () => {
      await server.close();
      const { connectionString } = database;
      const start = async (found: () => string, boot?: string): Promise<void> => {
        server = await createTestServer({ connectionString, pastMark: mark(found, boot) });
        ends.push(() => server.close());
        await server.checkPast();
      };
      const { rows } = await (async () => {
        const quiet = await createTestServer({ connectionString });
        const answer = await quiet.platform.database.pool.query<{ mark: string }>(
          `SELECT put_mark('kept 1 1') IS NULL, 'kept 1 1' AS mark`,
        );
        await quiet.close();
        return answer;
      })();
      const kept = rows[0]!.mark;
      await start(() => kept);
      expect(await phase()).toBe('open');
      await server.close();
      await start(() => kept, 'boot-2');
      expect(await phase()).toBe('open');
      await server.close();
      await start(() => 'kept 2 7');
      expect(await phase()).toBe('recovering');
      expect((await recovery()).reason).toContain('data directory');
    },
    patientMs,
  );
});

/** As if the row had been written under the PostgreSQL before. */
const startedAnew = (): Promise<unknown> =>
  server.platform.database.pool.query(
    `UPDATE past SET postmaster = 'epoch', written_by = pg_current_xact_id()`,
  );

describe('PostgreSQL that was started under a server', () => {
  test(
    'gives again once the hosts that were there have polled, and notices that nothing went back',
    async () => {
      const has = await poll(one);
      await poll(two);
      await startedAnew();
      const refused = await server.request('POST', '/v1/networks/lan/addresses', {});
      expect(refused).toMatchObject({
        status: 503,
        body: { code: 'recovering', data: { waitingFor: ['docker01', 'docker02'] } },
      });
      expect(await phase()).toBe('settling');
      // The new incarnation is notified at once.
      expect((await pollAs(one, has, 0)).incarnation).not.toBe(has.incarnation);
      await poll(two);
      expect(await phase()).toBe('open');
      expect((await server.request('POST', '/v1/networks/lan/addresses', {})).status).toBe(201);
    },
    patientMs,
  );
});
