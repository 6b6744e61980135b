import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server?.close());

const get = (name: string) => server.request('GET', `/v1/hosts/${name}`);
const patch = (name: string, labels: object | null, headers: Record<string, string> = { 'if-match': '*' }) =>
  server.request('PATCH', `/v1/hosts/${name}`, { labels }, headers);

/** A container with an address on a network of its own; answers their names. */
async function runContainer(
  agent: TestAgent,
  third: number,
): Promise<{ network: string; container: string; ip: string }> {
  const [network, container, ip] = [`net${third}`, `box${third}`, `172.16.${third}.10`];
  const made = await server.request('POST', '/v1/networks', {
    name: network,
    parent: 'ens33',
    hosts: { names: [agent.name] },
    subnets: [{ cidr: `172.16.${third}.0/24`, gateway: `172.16.${third}.1` }],
  });
  expect(made.status).toBe(201);
  const ran = await server.request('POST', '/v1/containers', {
    name: container,
    host: agent.name,
    image: 'busybox',
    attachments: [{ network, address: ip }],
  });
  expect(ran.status).toBe(201);
  return { network, container, ip };
}

test('a host that nobody joined is not found, whatever is asked of it', async () => {
  for (const answer of [
    await get('nobody'),
    await patch('nobody', {}),
    await server.request('DELETE', '/v1/hosts/nobody', undefined, { 'if-match': '*' }),
  ]) {
    expect([answer.status, answer.body.code]).toEqual([404, 'host_not_found']);
  }
  expect((await get('-bad-name')).status).toBe(400);
});

test('silence is said: the host is no longer online, Ready is unknown, and the last report and its age are shown', async () => {
  const agent = await server.joinHost('silent');
  await agent.report({
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Ready',
        message: 'fine',
        observedGeneration: 1,
        lastTransitionTime: server.clock.now().toISOString(),
      },
    ],
  });
  expect((await get('silent')).body.online).toBe(true);
  server.clock.advance(31_000);
  const { body } = await get('silent');
  expect(body.online).toBe(false);
  expect(body.conditions[0]).toMatchObject({ type: 'Ready', status: 'Unknown', reason: 'AgentSilent' });
  expect(body.conditions[0].message).toMatch(/silent for 3\d s; it last reported True \(Ready\)/);
  expect(body.conditions[1]).toMatchObject({
    type: 'AgentConnected',
    status: 'Unknown',
    reason: 'AgentSilent',
  });

  await agent.report();
  expect((await get('silent')).body.online).toBe(true);
});

test('a host that falls silent and comes back leaves an event of each', async () => {
  const own = await createTestServer();
  try {
    const agent = await own.joinHost('flaky');
    await agent.report();
    own.clock.advance(60_000);
    own.startSweeps();
    const events = async () =>
      (await own.request('GET', '/v1/events?host=flaky')).body.items.map(
        ({ type }: { type: string }) => type,
      );
    await expect.poll(events, { timeout: 15_000 }).toContain('host.silent');
    await agent.report();
    expect((await events()).slice(-2)).toEqual(['host.silent', 'host.connected']);
  } finally {
    await own.close();
  }
});

test('labels are merged: null removes one, null for all removes all, absent keeps', async () => {
  await server.joinHost('labelled');
  expect((await patch('labelled', { rack: 'a3', row: '7' })).body.labels).toEqual({ rack: 'a3', row: '7' });
  expect((await patch('labelled', { row: null, floor: '2' })).body.labels).toEqual({
    rack: 'a3',
    floor: '2',
  });
  const list = await server.request('GET', '/v1/hosts?label=rack=a3');
  expect(list.body.items.map(({ name }: { name: string }) => name)).toEqual(['labelled']);
  expect((await patch('labelled', null)).body.labels).toEqual({});
});

test('a change needs the version it was made for: 428 without, 412 with a stale one; reports do not raise it', async () => {
  const agent = await server.joinHost('versioned');
  const { headers } = await get('versioned');
  await agent.report();
  const [version] = headers['etag']!.split('.');
  expect((await get('versioned')).headers['etag']).toMatch(`${version!}.`);

  expect((await patch('versioned', { a: '1' }, {})).body.code).toBe('precondition_required');
  expect((await patch('versioned', { a: '1' }, { 'if-match': headers['etag']! })).status).toBe(200);
  const stale = await patch('versioned', { a: '2' }, { 'if-match': headers['etag']! });
  expect([stale.status, stale.body.code]).toEqual([412, 'precondition_failed']);
  const merge = { 'if-match': '*', 'content-type': 'application/merge-patch+json' };
  expect((await patch('versioned', { a: '3' }, merge)).body.labels).toEqual({ a: '3' });
});

test('labels that a network selects by bring it to the host and, when they go, take it off again', async () => {
  const agent = await server.joinHost('selected');
  await server.request('POST', '/v1/networks', {
    name: 'by-label',
    parent: 'ens33',
    hosts: { labels: { zone: 'dmz' } },
    subnets: [{ cidr: '10.99.0.0/24' }],
  });
  expect((await agent.document()).networks).toEqual([]);
  const { revision } = await agent.document();
  const poll = agent.desired(`?after=${revision}&wait=20`);
  await patch('selected', { zone: 'dmz' });
  expect((await poll).body.networks).toMatchObject([{ name: 'by-label', state: 'present' }]);
  await patch('selected', { zone: null });
  expect((await agent.document()).networks).toMatchObject([{ name: 'by-label', state: 'absent' }]);
});

test('hosts come in pages, each once', async () => {
  const own = await createTestServer();
  try {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await own.joinHost(name);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await own.request('GET', `/v1/hosts?limit=2${cursor}`);
      seen.push(...body.items.map(({ name }: { name: string }) => name));
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect((await own.request('GET', '/v1/hosts?cursor=nonsense')).body.code).toBe('invalid_cursor');
  } finally {
    await own.close();
  }
});

test('a host that holds nothing is retired, and its agent is not heard any more', async () => {
  const agent = await server.joinHost('leaving');
  await agent.report();
  const dry = await server.request('DELETE', '/v1/hosts/leaving?dryRun=true', undefined, { 'if-match': '*' });
  expect(dry.status).toBe(204);
  expect((await get('leaving')).status).toBe(200);
  expect((await server.request('DELETE', '/v1/hosts/leaving')).body.code).toBe('precondition_required');
  const gone = await server.request('DELETE', '/v1/hosts/leaving', undefined, { 'if-match': '*' });
  expect(gone.status).toBe(204);
  expect((await get('leaving')).status).toBe(404);
  const refused = await agent.desired();
  expect([refused.status, refused.body.code]).toEqual([401, 'host_not_joined']);
  expect(refused.body.detail).toMatch(/retired/);
  // The name is free again.
  expect((await server.joinHost('leaving')).hostId).not.toBe(agent.hostId);
});

test('a host that holds a container is not retired by accident: its silence frees nothing (promise 4)', async () => {
  const agent = await server.joinHost('holding');
  const { container, network, ip } = await runContainer(agent, 50);
  server.clock.advance(3_600_000);
  const refused = await server.request('DELETE', '/v1/hosts/holding', undefined, { 'if-match': '*' });
  expect([refused.status, refused.body.code]).toEqual([409, 'host_in_use']);
  expect(refused.body.data.containers).toEqual([`/v1/containers/${container}`]);
  const address = await server.request('GET', `/v1/networks/${network}/addresses/${ip}`);
  expect(address.body).toMatchObject({ state: 'reserved', container });
});

test('a silent host is not retired by accident while its warm pool is full: it may still give from it (promise 4)', async () => {
  const agent = await server.joinHost('cut-off');
  await server.request('POST', '/v1/networks', {
    name: 'held-there',
    parent: 'ens33',
    hosts: { names: [agent.name] },
    subnets: [{ cidr: '10.96.77.0/24' }],
  });
  const { id } = (await server.request('GET', '/v1/networks/held-there')).body;
  const wants = [{ networkId: id, family: 'ipv4', count: 2, onDemand: false }];
  const { status, body } = await agent.send('POST', '/agent/v1/leases', { held: null, returns: [], wants });
  expect([status, body.granted?.length ?? body]).toEqual([200, 2]);
  server.clock.advance(3_600_000);
  const retire = (query = '') =>
    server.request('DELETE', `/v1/hosts/cut-off${query}`, undefined, { 'if-match': '*' });
  const refused = await retire();
  expect([refused.status, refused.body.code]).toEqual([409, 'host_in_use']);
  expect(refused.body.data.addresses).toHaveLength(2);
  expect(refused.body.detail).toMatch(/2 addresses: the host is silent/);
  expect((await retire('?force=true')).status).toBe(204);
});

test('force retires a host with what it holds: containers are forgotten, addresses rest before they are reused', async () => {
  const agent = await server.joinHost('broken');
  const { container, network, ip } = await runContainer(agent, 51);
  const gone = await server.request('DELETE', '/v1/hosts/broken?force=true', undefined, { 'if-match': '*' });
  expect(gone.status).toBe(204);
  expect((await server.request('GET', `/v1/containers/${container}`)).status).toBe(404);
  const address = await server.request('GET', `/v1/networks/${network}/addresses/${ip}`);
  expect(address.body).toMatchObject({ state: 'quarantined', owner: null, container: null });
  const events = await server.request('GET', '/v1/events?host=broken');
  expect(events.body.items.map(({ type }: { type: string }) => type)).toEqual(
    expect.arrayContaining(['container.forgotten', 'host.retired']),
  );
});

test('a network that was only waiting for a retired host to take it down is gone with it', async () => {
  const agent = await server.joinHost('last-one');
  await server.request('POST', '/v1/networks', {
    name: 'waiting',
    parent: 'ens33',
    hosts: { names: [agent.name] },
    subnets: [{ cidr: '10.98.0.0/24' }],
  });
  await server.request('DELETE', '/v1/networks/waiting', undefined, { 'if-match': '*' });
  expect((await server.request('GET', '/v1/networks/waiting')).status).toBe(200);
  await server.request('DELETE', '/v1/hosts/last-one', undefined, { 'if-match': '*' });
  expect((await server.request('GET', '/v1/networks/waiting')).status).toBe(404);
});
