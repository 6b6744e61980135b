import { generateKeyPairSync } from 'node:crypto';
import { instanceHeader, instanceOf } from '@trunkline/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { joinBody, newAgentKey, type SignedRequest } from '@trunkline/test/integration/agent-stub.ts';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';

let server: TestServer;
let agent: TestAgent;
let other: TestAgent;
beforeAll(async () => {
  server = await createTestServer();
  agent = await server.joinHost('docker01');
  other = await server.joinHost('docker02');
});
afterAll(() => server?.close());

const join = (name: string, secret: string, publicKey = newAgentKey().publicKey) =>
  server.request('POST', '/agent/v1/join', joinBody(name, secret, publicKey), { authorization: '' });
const joinToken = async (body: Record<string, unknown> = {}) =>
  (await server.request('POST', '/v1/join-tokens', body)).body as { id: string; secret: string };
const sendSigned = ({ method, url, body, headers }: SignedRequest) => server.send(method, url, body, headers);
const hostNames = async (): Promise<string[]> =>
  (await server.request('GET', '/v1/hosts')).body.items.map((host: { name: string }) => host.name);

async function refused(name: string, secret: string, why: RegExp): Promise<void> {
  const answer = await join(name, secret);
  expect([answer.status, answer.body.code]).toEqual([401, 'join_token_invalid']);
  expect(answer.body.detail).toMatch(why);
  expect(answer.body.detail).not.toContain(secret);
  expect(await hostNames()).not.toContain(name);
}

async function accepted(request: SignedRequest): Promise<string> {
  const answer = await sendSigned(request);
  return answer.status === 200 ? 'accepted' : (answer.body.code as string);
}

const report = () => agent.sign('POST', '/agent/v1/report', {});

describe('a join token', () => {
  test('lets one host join, and is refused when it was used', async () => {
    const { secret } = await joinToken();
    expect((await join('first', secret)).status).toBe(201);
    await refused('second', secret, /was used by first/);
  });

  test('is refused when nobody knows it', async () => {
    await refused('stranger', 'tlj_never_made_by_anybody', /unknown/);
    expect(await hostNames()).toContain('docker01');
  });

  test('is refused when it was revoked', async () => {
    const { id, secret } = await joinToken();
    expect((await server.request('DELETE', `/v1/join-tokens/${id}`)).status).toBe(204);
    await refused('revoked', secret, /was revoked at/);
  });

  test('is refused by the hour at the latest', async () => {
    const own = await createTestServer();
    try {
      const { body } = await own.request('POST', '/v1/join-tokens', {});
      expect(Date.parse(body.expiresAt) - Date.parse(body.createdAt)).toBe(3_600_000);
      own.clock.advance(3_600_001);
      const late = await own.request(
        'POST',
        '/agent/v1/join',
        joinBody('late', body.secret, newAgentKey().publicKey),
      );
      expect([late.status, late.body.code]).toEqual([401, 'join_token_invalid']);
      expect(late.body.detail).toMatch(/expired at/);
      expect((await own.request('POST', '/v1/join-tokens', { expiresInSeconds: 3601 })).status).toBe(400);
    } finally {
      await own.close();
    }
  });

  test('made for one host lets no other one join, and stays good for its own', async () => {
    const { secret } = await joinToken({ host: 'docker09' });
    await refused('docker10', secret, /is for host docker09, not for docker10/);
    expect((await join('docker09', secret)).status).toBe(201);
  });

  test('is worth one host when ten ask with it at once (promise 8)', async () => {
    const { secret } = await joinToken();
    const names = Array.from({ length: 10 }, (_, n) => `racer${n}`);
    const answers = await Promise.all(names.map((name) => join(name, secret)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect((await hostNames()).filter((name) => name.startsWith('racer'))).toHaveLength(1);
  });

  test('is not spent by a join that failed: the token and the host are one transaction', async () => {
    const { id, secret } = await joinToken();
    const twin = await join('docker01', secret);
    expect([twin.status, twin.body.code]).toEqual([409, 'host_exists']);
    const list = await server.request('GET', '/v1/join-tokens');
    expect(list.body.items.find((token: { id: string }) => token.id === id).state).toBe('unused');
    expect((await join('not-docker01', secret)).status).toBe(201);
  });

  test('answers the same join again to the same key, whose answer was lost', async () => {
    const { secret } = await joinToken();
    const { publicKey } = newAgentKey();
    const [first, again] = [await join('lost', secret, publicKey), await join('lost', secret, publicKey)];
    expect(again.status).toBe(201);
    expect(again.body.hostId).toBe(first.body.hostId);
    expect((await join('lost', secret)).body.code).toBe('join_token_invalid');
  });

  test('does not help an agent that is too old', async () => {
    const { secret } = await joinToken();
    const body = { ...joinBody('old', secret, newAgentKey().publicKey), protocol: 0 };
    expect((await server.request('POST', '/agent/v1/join', body)).status).toBe(400);
    const strange = await server.request('POST', '/agent/v1/join', { ...body, protocol: 1, extra: 1 });
    expect(strange.body.errors[0].pointer).toBe('/extra');
  });
});

describe('a signed request', () => {
  test('is taken once: the very same one again is a replay', async () => {
    const request = await agent.sign('GET', '/agent/v1/desired');
    expect(await accepted(request)).toBe('accepted');
    expect(await accepted(request)).toBe('signature_replayed');
  });

  test('is taken once, also when both copies arrive together', async () => {
    const request = await agent.sign('GET', '/agent/v1/desired');
    const answers = await Promise.all(Array.from({ length: 8 }, () => accepted(request)));
    expect(answers.sort()).toEqual(['accepted', ...Array.from({ length: 7 }, () => 'signature_replayed')]);
  });

  const forgeries: [string, () => Promise<SignedRequest>][] = [
    [
      'without any signature',
      async () => ({ ...(await report()), headers: { 'content-type': 'application/json' } }),
    ],
    [
      'with an API token instead',
      async () => ({
        ...(await report()),
        headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      }),
    ],
    [
      'with another method',
      async () => ({ ...(await agent.sign('POST', '/agent/v1/desired')), method: 'GET' }),
    ],
    [
      'with another path',
      async () => ({ ...(await agent.sign('GET', '/agent/v1/report')), url: '/agent/v1/desired' }),
    ],
    [
      'with another query',
      async () => ({ ...(await agent.sign('GET', '/agent/v1/desired')), url: '/agent/v1/desired?wait=1' }),
    ],
    ['with another body', async () => ({ ...(await report()), body: '{"x":1}' })],
    [
      'with another body and a digest to match',
      async () => {
        const [one, two] = [await report(), await agent.sign('POST', '/agent/v1/report', { x: 1 })];
        return {
          ...one,
          body: two.body,
          headers: { ...one.headers, 'content-digest': two.headers['content-digest']! },
        };
      },
    ],
    [
      'with another instance',
      async () => {
        const one = await report();
        return { ...one, headers: { ...one.headers, [instanceHeader]: 'somebody-else' } };
      },
    ],
    [
      'with the signature headers of another request',
      async () => {
        const [one, two] = [await report(), await agent.sign('GET', '/agent/v1/desired')];
        const { signature, 'signature-input': input } = two.headers;
        return { ...one, headers: { ...one.headers, signature: signature!, 'signature-input': input! } };
      },
    ],
    [
      'with a signature over a constant',
      async () => {
        const one = await report();
        const input = one.headers['signature-input']!.replace(/\(.*\)/, '("content-digest")');
        return { ...one, headers: { ...one.headers, 'signature-input': input } };
      },
    ],
    [
      'with fewer components signed',
      async () => {
        const one = await report();
        const input = one.headers['signature-input']!.replace('"@query" ', '');
        return { ...one, headers: { ...one.headers, 'signature-input': input } };
      },
    ],
    [
      'with a fresh nonce on an old signature',
      async () => {
        const one = await report();
        const input = one.headers['signature-input']!.replace(
          /nonce="[^"]+"/,
          'nonce="AAAAAAAAAAAAAAAAAAAAAA"',
        );
        return { ...one, headers: { ...one.headers, 'signature-input': input } };
      },
    ],
    [
      'with the key of another host',
      () => agent.sign('GET', '/agent/v1/desired', undefined, { privateKey: other.privateKey }),
    ],
    [
      'with a key of nobody',
      () =>
        agent.sign('GET', '/agent/v1/desired', undefined, {
          privateKey: generateKeyPairSync('ed25519').privateKey,
        }),
    ],
    [
      'on a path that reads otherwise once normalized',
      async () => ({ ...(await agent.sign('GET', '/agent/v1/desired')), url: "/agent/v1/desired?a=%27'" }),
    ],
  ];
  test.each(forgeries)('%s is refused', async (_what, forge) => {
    expect(await accepted(await forge())).toBe('signature_invalid');
  });

  test('is refused in the name of a host that does not exist, by a code of its own', async () => {
    const hostId = '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11';
    const signed = await agent.sign('GET', '/agent/v1/desired', undefined, { hostId });
    expect(await accepted(signed)).toBe('host_not_joined');
  });

  test('is refused when it is older or newer than the clocks may differ', async () => {
    for (const seconds of [-62, 62]) {
      const created = new Date(server.clock.now().getTime() + seconds * 1000);
      expect(await accepted(await agent.sign('GET', '/agent/v1/desired', undefined, { created }))).toBe(
        'signature_expired',
      );
    }
    for (const seconds of [-55, 55]) {
      const created = new Date(server.clock.now().getTime() + seconds * 1000);
      expect(await accepted(await agent.sign('GET', '/agent/v1/desired', undefined, { created }))).toBe(
        'accepted',
      );
    }
  });

  test('of a host whose clock is off is refused, and the host is said to have that clock, and not to be silent', async () => {
    const connected = async () =>
      (await server.request('GET', `/v1/hosts/${agent.name}`)).body.conditions.find(
        ({ type }: { type: string }) => type === 'AgentConnected',
      ) as { status: string; reason: string; message: string };
    await agent.report();
    const late = async (ms: number) => {
      const created = new Date(server.clock.now().getTime() + ms);
      return await accepted(await agent.sign('GET', '/agent/v1/desired', undefined, { created }));
    };
    // An old request that somebody sends again says nothing of a host that reports.
    expect(await late(-3_600_000)).toBe('signature_expired');
    expect((await connected()).status).toBe('True');

    const wrong = await server.joinHost('wrongclock');
    await wrong.report();
    server.clock.advance(31_000);
    const created = new Date(server.clock.now().getTime() + 3_600_000);
    const signed = await wrong.sign('GET', '/agent/v1/desired', undefined, { created });
    expect(await accepted(signed)).toBe('signature_expired');
    const { body } = await server.request('GET', '/v1/hosts/wrongclock');
    expect(body.conditions).toContainEqual(
      expect.objectContaining({
        type: 'AgentConnected',
        status: 'Unknown',
        reason: 'ClockOff',
        message: expect.stringMatching(/(3599|3600) s ahead of that of the server/),
      }),
    );
    await wrong.report();
    expect((await server.request('GET', '/v1/hosts/wrongclock')).body.conditions).toContainEqual(
      expect.objectContaining({ type: 'AgentConnected', status: 'True' }),
    );
  });

  test('of an agent opens nothing of the public API', async () => {
    const answer = await agent.send('GET', '/v1/hosts');
    expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated']);
  });

  test('is refused unread when its signature is wrong, however large its body', async () => {
    const body = JSON.stringify({ x: 'y'.repeat(2_000_000) });
    const answer = await server.send('POST', '/agent/v1/report', body, {
      'content-type': 'application/json',
    });
    expect(answer.body.code).toBe('signature_invalid');
  });
});

describe('two live agents with one identity', () => {
  test('are distinguished: the one that was superseded is refused, and the host says so', async () => {
    const first = await server.joinHost('copied');
    expect((await first.report()).status).toBe(200);
    const second = first.restarted();
    expect((await second.report()).status).toBe(200);

    const late = await first.report();
    expect([late.status, late.body.code]).toEqual([409, 'agent_superseded']);
    expect((await first.desired()).body.code).toBe('agent_superseded');
    expect((await second.report()).status).toBe(200);

    const { body } = await server.request('GET', '/v1/hosts/copied');
    expect(body.conditions).toContainEqual(
      expect.objectContaining({ type: 'IdentityUnique', status: 'False', reason: 'TwoAgents' }),
    );
    const events = await server.request('GET', '/v1/events?host=copied');
    const conflicts = events.body.items.filter(
      ({ type }: { type: string }) => type === 'host.identity-conflict',
    );
    expect(conflicts).toHaveLength(1);
  });

  test('are not suspected when an agent merely restarts', async () => {
    const first = await server.joinHost('restarted');
    await first.report();
    const second = first.restarted();
    await second.report();
    await second.restarted().report();
    const { body } = await server.request('GET', '/v1/hosts/restarted');
    expect(body.conditions.map(({ type }: { type: string }) => type)).not.toContain('IdentityUnique');
  });

  const marks = { machineId: 'aaaaaaaa', productId: 'bbbbbbbb', macs: ['cccccccc'] };
  const elsewhere = { machineId: 'aaaaaaaa', productId: 'dddddddd', macs: ['eeeeeeee'] };

  test('on two machines: the copy is refused, whichever spoke last, and the rightful one goes on', async () => {
    const first = (await server.joinHost('original')).restarted(instanceOf('first', marks, false));
    expect((await first.report()).status).toBe(200);
    const copy = first.restarted(instanceOf('copy', elsewhere, false));
    expect((await copy.desired()).body.code).toBe('identity_copied');
    expect((await copy.report()).body).toMatchObject({
      code: 'identity_copied',
      detail: expect.stringContaining('--accept-machine'),
    });
    expect((await first.report()).status).toBe(200);
    const { body } = await server.request('GET', '/v1/hosts/original');
    expect(body.conditions).toContainEqual(
      expect.objectContaining({
        type: 'IdentityUnique',
        status: 'False',
        message: expect.stringContaining('copy'),
      }),
    );
    // A restart on the machine itself, with a NIC more.
    const again = { ...marks, macs: ['ffffffff', 'cccccccc'] };
    expect((await first.restarted(instanceOf('second', again, false)).report()).status).toBe(200);
  });

  test('that an operator accepted on other hardware are taken, and then what was before is the copy', async () => {
    const first = (await server.joinHost('rebuilt')).restarted(instanceOf('old', marks, false));
    expect((await first.report()).status).toBe(200);
    const rebuilt = first.restarted(instanceOf('new', elsewhere, true));
    expect((await rebuilt.report()).status).toBe(200);
    expect((await first.restarted(instanceOf('late', marks, false)).report()).body.code).toBe(
      'identity_copied',
    );
  });
});
