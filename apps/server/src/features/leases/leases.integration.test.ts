import type { Lease } from '@trunkline/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, freshSubnet, type NetworkCalls } from '../networks/network-calls.fixture.ts';
import { carryOut } from '../networks/reports.fixture.ts';
import {
  held,
  reportInventory,
  returning,
  seenContainer,
  syncLeases,
  takeLeases,
} from './lease-calls.fixture.ts';

let server: TestServer;
let call: NetworkCalls;
let one: TestAgent;
let two: TestAgent;
let three: TestAgent;
beforeAll(async () => {
  // Some of these take all of a subnet in advance.
  server = await createTestServer({ unusedLeases: 4096 });
  call = callNetworks(server);
  one = await server.joinHost('docker01');
  two = await server.joinHost('docker02');
  three = await server.joinHost('docker03');
});
afterAll(() => server?.close());

/** A network on all three hosts; `last` addresses from .2 on may be given out. */
async function network(name: string, more: Record<string, unknown> = {}, last?: number): Promise<string> {
  const subnet = freshSubnet();
  const base = subnet.cidr.replace('.0/24', '');
  const ranges = last === undefined ? [] : [`${base}.2-${base}.${last}`];
  const hosts = { names: ['docker01', 'docker02', 'docker03'] };
  return (await call.make(name, { hosts, subnets: [{ ...subnet, ranges }], ...more })).body.id as string;
}

const address = async (name: string, ip: string) =>
  server.request('GET', `/v1/networks/${name}/addresses/${ip}`);
const list = async (name: string, query = '') =>
  (await server.request('GET', `/v1/networks/${name}/addresses?limit=1000${query}`)).body.items as {
    ip: string;
    state: string;
    host: string | null;
  }[];

describe('promise 1: no address is held by two hosts', () => {
  test('three hosts that ask at once, many times, get different addresses', async () => {
    const id = await network('uniq');
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) => takeLeases([one, two, three][n % 3]!, id, 8)),
    );
    const ips = answers.flatMap(({ granted }) => granted.map(({ ip }) => ip));
    expect(ips).toHaveLength(240);
    expect(new Set(ips).size).toBe(240);
    const rows = await list('uniq', '&state=leased');
    expect(rows).toHaveLength(240);
    expect(new Set(rows.map(({ host }) => host))).toEqual(new Set(['docker01', 'docker02', 'docker03']));
  });
});

describe('both sides compare', () => {
  test('what was granted but not heard of comes back as unlisted, until it is listed', async () => {
    const id = await network('lost');
    const lost = (await takeLeases(one, id, 3)).granted;
    const again = await syncLeases(one, { held: [] });
    expect(again.unlisted).toEqual(expect.arrayContaining(lost));
    const listed = await syncLeases(one, { held: held(again.unlisted) });
    expect(listed.unlisted).toEqual([]);
    expect(listed.unknown).toEqual([]);
    // What is granted in the same breath is not unlisted.
    const more = await syncLeases(one, {
      held: held(again.unlisted),
      wants: [{ networkId: id, family: 'ipv4', count: 2, onDemand: false }],
    });
    expect([more.granted.length, more.unlisted.length]).toEqual([2, 0]);
  });

  test('what an operator released by force is unknown, and so is another generation, or an address of another host', async () => {
    const id = await network('forced');
    const [mine] = (await takeLeases(one, id, 1)).granted as [Lease];
    const [other] = (await takeLeases(two, id, 1)).granted as [Lease];
    const path = `/v1/networks/forced/addresses/${mine.ip}?force=true&unconfirmed=true`;
    expect((await server.request('DELETE', path)).status).toBe(204);
    const all = held((await syncLeases(one, { held: [] })).unlisted);
    const answer = await syncLeases(one, { held: [...all, ...held([mine, other])] });
    expect(answer.unknown).toEqual(
      expect.arrayContaining([mine, other].map(({ ip }) => ({ networkId: id, ip }))),
    );
    expect(answer.unknown).toHaveLength(2);
  });
});

describe('promise 4: nothing is freed but on a return that names the generation', () => {
  test('a stale return, a return by another host and a repeated one free nothing', async () => {
    const id = await network('stale', { quarantineSeconds: 0 });
    const [lease] = (await takeLeases(one, id, 1)).granted as [Lease];
    await syncLeases(two, { returns: returning([lease], 'released') });
    await syncLeases(one, { returns: returning([{ ...lease, generation: lease.generation - 1 }], 'unused') });
    expect((await address('stale', lease.ip)).body).toMatchObject({ state: 'leased', host: 'docker01' });
    await syncLeases(one, { returns: returning([lease], 'unused') });
    expect((await address('stale', lease.ip)).status).toBe(404);
    // The same address is given to another host; the first return arrives once more.
    const claimed = await takeAddress(two, id, lease.ip);
    expect(claimed.generation).toBeGreaterThan(lease.generation);
    await syncLeases(one, { returns: returning([lease], 'unused') });
    await syncLeases(two, { returns: returning([lease], 'unused') });
    expect((await address('stale', lease.ip)).body).toMatchObject({ state: 'leased', host: 'docker02' });
  });

  test('unused is free at once, released is quarantined, and so is one that was seen on a container, whatever the host says', async () => {
    const id = await network('ways');
    const [a, b, c] = (await takeLeases(one, id, 3)).granted as [Lease, Lease, Lease];
    await reportInventory(one, [seenContainer(id, 'web', c.ip)]);
    await reportInventory(one, []);
    await syncLeases(one, {
      returns: [...returning([a, c], 'unused'), ...returning([b], 'released')],
    });
    expect((await address('ways', a.ip)).status).toBe(404);
    for (const { ip } of [b, c])
      expect((await address('ways', ip)).body).toMatchObject({ state: 'quarantined', host: null });
    // Nothing in advance is taken out of quarantine.
    const rest = await takeLeases(two, id, 256);
    expect(rest.granted).toHaveLength(253 - 2);
    expect(rest.shortages[0]?.detail).toMatch(/251 of 253|253 of 253/);
  });

  test('a conflicted one is kept apart with the MAC seen, and is a candidate again after a while', async () => {
    const id = await network('conflict');
    const [lease] = (await takeLeases(one, id, 1)).granted as [Lease];
    await syncLeases(one, { returns: returning([lease], 'conflicted', '00-0C-29-00-00-01') });
    expect((await address('conflict', lease.ip)).body).toMatchObject({
      state: 'conflicted',
      mac: '00:0c:29:00:00:01',
      host: null,
    });
    const events = (await server.request('GET', '/v1/events?limit=1000')).body.items;
    expect(events.at(-1)).toMatchObject({
      type: 'address.conflicted',
      host: 'docker01',
      data: { mac: '00:0c:29:00:00:01' },
    });
    const released = await server.request('DELETE', `/v1/networks/conflict/addresses/${lease.ip}`);
    expect(released.body).toMatchObject({
      code: 'address_in_use',
      detail: expect.stringContaining('00:0c:29'),
    });
    expect((await takeLeases(two, id, 256)).granted.map(({ ip }) => ip)).not.toContain(lease.ip);
    await server.platform.database.pool.query(
      `UPDATE address SET recheck_at = now() WHERE state = 'conflicted'`,
    );
    server.startSweeps();
    await expect
      .poll(async () => (await address('conflict', lease.ip)).status, { timeout: 10_000 })
      .toBe(404);
    expect((await takeLeases(two, id, 1)).granted.map(({ ip }) => ip)).toEqual([lease.ip]);
  });
});

describe('promise 3: exact exhaustion, and unused leases are called back before anyone is refused', () => {
  test('12 addresses, three hosts with warm pools: all 12 are obtained, the 13th gets to know who holds them', async () => {
    const id = await network('exact', {}, 13);
    const warm = new Map<TestAgent, Lease[]>();
    for (const agent of [two, three]) {
      await carryOut(agent);
      warm.set(agent, (await takeLeases(agent, id, 4)).granted);
    }
    // Hosts that are asked return what they do not use, as soon as they hear of it.
    const stop = new AbortController();
    const listeners = [two, three].map(async (agent) => {
      let after = (await agent.document()).revision;
      while (!stop.signal.aborted) {
        const answer = await agent.desired(`?after=${after}&wait=1`);
        if (answer.status !== 200) continue;
        after = answer.body.revision as string;
        const recalled = (answer.body.recalls as { networkId: string }[]).some(
          ({ networkId }) => networkId === id,
        );
        if (recalled) await syncLeases(agent, { returns: returning(warm.get(agent) ?? [], 'unused') });
      }
    });
    const got: Lease[] = [];
    for (let n = 0; n < 12; n += 1) got.push(...(await takeLeases(one, id, 1, true)).granted);
    stop.abort();
    await Promise.all(listeners);
    expect(new Set(got.map(({ ip }) => ip)).size).toBe(12);
    // While a recall stands, nothing is given in advance.
    await syncLeases(one, { returns: returning(got.slice(0, 1), 'unused') });
    const ahead = await takeLeases(two, id, 1);
    expect(ahead.granted).toEqual([]);
    expect(ahead.shortages[0]?.detail).toContain('so warm pools get none');
    got.push(...(await takeLeases(two, id, 1, true)).granted);
    await reportInventory(two, [seenContainer(id, 'last', got.at(-1)!.ip)]);
    await reportInventory(
      one,
      got.slice(1, 12).map(({ ip }, n) => seenContainer(id, `c${n}`, ip)),
    );
    const refused = await takeLeases(three, id, 1, true);
    expect(refused.granted).toEqual([]);
    expect(refused.shortages).toEqual([
      {
        networkId: id,
        family: 'ipv4',
        missing: 1,
        detail: expect.stringMatching(
          /^10\.50\.\d+\.0\/24 is full: 12 of 12 addresses are held, 11 by docker01, 1 by docker02$/,
        ),
      },
    ]);
  });

  test('253 containers on the 253 addresses of a /24 over three hosts; the 254th is refused', async () => {
    const id = await network('full');
    const answers = await Promise.all(
      Array.from({ length: 253 }, (_, n) => takeLeases([one, two, three][n % 3]!, id, 1, true)),
    );
    expect(new Set(answers.flatMap(({ granted }) => granted.map(({ ip }) => ip))).size).toBe(253);
    for (const [n, agent] of [one, two, three].entries()) {
      const mine = answers.filter((_, i) => i % 3 === n).flatMap(({ granted }) => granted);
      await reportInventory(
        agent,
        mine.map(({ ip }) => seenContainer(id, `full-${ip}`, ip)),
      );
    }
    const refused = await takeLeases(one, id, 1, true);
    expect(refused.shortages[0]?.detail).toMatch(
      /is full: 253 of 253 .* 85 by docker01, 84 by docker02, 84 by docker03/,
    );
  });

  test('what is quarantined is given to a container that waits, when nothing else is left', async () => {
    const id = await network('rest', {}, 4);
    const got = (await takeLeases(one, id, 3)).granted;
    await syncLeases(one, { returns: returning(got, 'released') });
    expect((await takeLeases(two, id, 3)).granted).toEqual([]);
    expect((await takeLeases(two, id, 3, true)).granted).toHaveLength(3);
  });

  test('an on-demand want is met by the first return, and waits no longer than it must', async () => {
    const id = await network('wake', {}, 3);
    const got = (await takeLeases(two, id, 2)).granted;
    const waiting = takeLeases(one, id, 1, true);
    await expect
      .poll(async () => (await two.document()).recalls)
      .toEqual(expect.arrayContaining([{ networkId: id, family: 'ipv4' }]));
    await syncLeases(two, { returns: returning(got.slice(0, 1), 'unused') });
    expect((await waiting).granted.map(({ ip }) => ip)).toEqual([got[0]!.ip]);
    expect((await one.document()).recalls).not.toContainEqual({ networkId: id, family: 'ipv4' });
  });
});

describe('a want of one subnet', () => {
  test('is met of that one alone, is refused when it is full, and calls back what lies unused in it', async () => {
    const [first, second] = [freshSubnet(), freshSubnet()];
    const ranges = [`${second.cidr.replace('.0/24', '')}.2-${second.cidr.replace('.0/24', '')}.3`];
    const id = await network('subnets', { subnets: [first, { ...second, ranges }] });
    const want = { networkId: id, family: 'ipv4', subnet: second.cidr, count: 1 } as const;
    const [lease] = (await syncLeases(one, { wants: [{ ...want, onDemand: true }] })).granted as [Lease];
    expect(lease.subnet).toBe(second.cidr);
    const [theirs] = (await syncLeases(two, { wants: [{ ...want, count: 3, onDemand: false }] })).granted as [
      Lease,
    ];
    const waiting = syncLeases(one, { wants: [{ ...want, onDemand: true }] });
    await expect
      .poll(async () => (await two.document()).recalls)
      .toEqual(expect.arrayContaining([{ networkId: id, family: 'ipv4' }]));
    await syncLeases(two, { returns: returning([theirs], 'unused') });
    expect((await waiting).granted.map(({ ip }) => ip)).toEqual([theirs.ip]);
    await reportInventory(one, [seenContainer(id, 'a', lease.ip), seenContainer(id, 'b', theirs.ip)]);
    const { shortages } = await syncLeases(one, { wants: [{ ...want, onDemand: true }] });
    expect(shortages).toEqual([
      {
        networkId: id,
        family: 'ipv4',
        missing: 1,
        detail: `${second.cidr} is full: 2 of 2 addresses are held, 2 by docker01`,
      },
    ]);
    // The other one is as free as it was.
    expect((await takeLeases(three, id, 1, true)).granted).toMatchObject([{ subnet: first.cidr }]);
  });
});

const askFew = (body: unknown) => server.request('POST', '/v1/networks/api-few/addresses', body);

describe('promise 3 holds for those who ask through the API too', () => {
  test('a reservation and a container wait for what hosts hold in advance, and are refused when nobody does', async () => {
    const id = await network('api', {}, 3);
    const got = (await takeLeases(two, id, 2)).granted;
    const reserving = server.request('POST', '/v1/networks/api/addresses', { owner: 'db' });
    const running = call.runOn('docker01', 'api-box', 'api');
    await expect
      .poll(async () => (await two.document()).recalls)
      .toEqual(expect.arrayContaining([{ networkId: id, family: 'ipv4' }]));
    await syncLeases(two, { returns: returning(got, 'unused') });
    expect((await reserving).status).toBe(201);
    expect((await running).status).toBe(201);
    const started = Date.now();
    expect((await server.request('POST', '/v1/networks/api/addresses', {})).body.code).toBe('subnet_full');
    expect(Date.now() - started).toBeLessThan(4_000);
  });

  test('what no return could meet is refused at once, and no host gives up what it holds in advance', async () => {
    const id = await network('api-few', {}, 5);
    expect((await askFew({ count: 2 })).status).toBe(201);
    expect((await takeLeases(two, id, 2)).granted).toHaveLength(2);
    expect((await askFew({ count: 3 })).body).toMatchObject({ code: 'subnet_full', retryable: true });
    expect((await askFew({ count: 5 })).body).toMatchObject({
      code: 'address_not_allocatable',
      retryable: false,
      detail: expect.stringContaining('4 in total'),
    });
    const { recalls } = await two.document();
    expect(recalls.filter(({ networkId }) => networkId === id)).toEqual([]);
  });

  test('so do those who ask for one address that a host holds in advance; one that is in use there is refused', async () => {
    const id = await network('api-one');
    const [a, b, used] = (await takeLeases(two, id, 3)).granted as [Lease, Lease, Lease];
    await reportInventory(two, [seenContainer(id, 'web', used.ip)]);
    const reserving = server.request('POST', '/v1/networks/api-one/addresses', { address: a.ip });
    const attachments = [{ network: 'api-one', address: b.ip }];
    const running = call.runOn('docker01', 'one-box', 'api-one', { attachments });
    await expect
      .poll(async () => (await two.document()).recalls)
      .toEqual(expect.arrayContaining([{ networkId: id, family: 'ipv4' }]));
    await syncLeases(two, { returns: returning([a, b], 'unused') });
    expect((await reserving).body).toMatchObject({ ip: a.ip, state: 'reserved' });
    expect((await running).status).toBe(201);
    for (const request of [{}, { owner: 'db' }]) {
      const refused = await server.request('POST', '/v1/networks/api-one/addresses', {
        ...request,
        address: used.ip,
      });
      expect(refused.body).toMatchObject({
        code: 'address_taken',
        detail: expect.stringContaining('bound to container web on host docker02'),
        data: { host: 'docker02', container: 'web' },
      });
    }
  });

  test('what a host returned is quarantined for those who ask for it without an owner, as it does for every other', async () => {
    const id = await network('api-rest');
    const [lease] = (await takeLeases(two, id, 1)).granted as [Lease];
    await reportInventory(two, [seenContainer(id, 'web', lease.ip)]);
    await syncLeases(two, { returns: returning([lease], 'released') });
    for (const request of [{}, { owner: 'db' }])
      expect(
        (await server.request('POST', '/v1/networks/api-rest/addresses', { ...request, address: lease.ip }))
          .body.code,
      ).toBe('address_quarantined');
  });
});

describe('where nothing is granted', () => {
  test('of a network that is not on the host, is gone, or has no such IP version', async () => {
    const { body } = await call.make('elsewhere', { hosts: { names: ['docker02'] } });
    const [absent] = (await takeLeases(one, body.id, 1)).shortages;
    expect(absent?.detail).toMatch(/is not on docker01/);
    const [gone] = (await takeLeases(one, '0198c0de-0000-7000-8000-000000000000', 1)).shortages;
    expect(gone?.detail).toMatch(/there is no network/);
    const { shortages } = await syncLeases(two, {
      wants: [{ networkId: body.id, family: 'ipv6', count: 1, onDemand: true }],
    });
    expect(shortages[0]?.detail).toMatch(/no IPv6 subnet/);
  });

  test('a malformed address is the fault of the caller', async () => {
    const bad = { networkId: '0198c0de-0000-7000-8000-000000000000', ip: '10.0.0.300', generation: 1 };
    const answer = await one.send('POST', '/agent/v1/leases', { held: [bad], returns: [], wants: [] });
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
  });
});

describe('the end of a host and of a network', () => {
  test('unused leases keep no network; the agent learns from unknown', async () => {
    const id = await network('leaving');
    const got = (await takeLeases(one, id, 4)).granted;
    expect((await call.remove('leaving')).status).toBe(202);
    expect((await takeLeases(one, id, 1)).shortages[0]?.detail).toMatch(/is being removed/);
    for (const agent of [one, two, three]) await carryOut(agent);
    expect((await server.request('GET', '/v1/networks/leaving')).status).toBe(404);
    expect((await syncLeases(one, { held: held(got) })).unknown).toEqual(
      got.map(({ ip }) => ({ networkId: id, ip })),
    );
  });

  test('a container that some tool started keeps its network, and the refusal names it', async () => {
    const id = await network('busy');
    const [lease] = (await takeLeases(one, id, 1)).granted as [Lease];
    await reportInventory(one, [seenContainer(id, 'compose-web-1', lease.ip)]);
    expect((await call.remove('busy')).body).toMatchObject({
      code: 'network_in_use',
      detail: expect.stringContaining(`${lease.ip} (compose-web-1 on docker01)`),
    });
  });

  test('a retired host leaves nothing: what it held is quarantined, and reservations are reserved again', async () => {
    const four = await server.joinHost('docker04');
    const { body } = await call.make('retiring', { hosts: { names: ['docker04'] } });
    const [used, unused] = (await takeLeases(four, body.id, 2)).granted as [Lease, Lease];
    await server.request('PUT', '/v1/networks/retiring/addresses/by-owner/db', {});
    const claimed = await four.send('POST', '/agent/v1/leases/claim', {
      networkId: body.id,
      family: 'ipv4',
      ip: null,
      mac: null,
      name: 'db',
    });
    await reportInventory(four, [seenContainer(body.id, 'web', used.ip)]);
    const retire = (query: string) =>
      server.request('DELETE', `/v1/hosts/docker04${query}`, undefined, { 'if-match': '*' });
    expect((await retire('')).body).toMatchObject({ code: 'host_in_use' });
    expect((await retire('?force=true')).status).toBe(204);
    for (const { ip } of [used, unused])
      expect((await address('retiring', ip)).body).toMatchObject({ state: 'quarantined', host: null });
    expect((await address('retiring', claimed.body.lease.ip)).body).toMatchObject({
      state: 'reserved',
      owner: 'db',
      host: null,
    });
  });
});

async function takeAddress(agent: TestAgent, networkId: string, ip: string): Promise<Lease> {
  const claim = { networkId, family: 'ipv4', ip, mac: null, name: null };
  const { status, body } = await agent.send('POST', '/agent/v1/leases/claim', claim);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.lease as Lease;
}
