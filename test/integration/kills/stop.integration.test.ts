import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { makeDataDirectory, postmasterOf, removeDataDirectory } from '@trunkline/lab/fleet/data-directory.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { createTestAgent, joinBody, newAgentKey, type Send, type TestAgent } from '../agent-stub.ts';
import { adminToken, spawnServer, type Answered, type SpawnedServer } from './spawned-server.ts';

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
});

const patientMs = 300_000;
const countOfEach = 200;

async function startServer(
  options: { stdout?: number } = {},
): Promise<{ server: SpawnedServer; dataDir: string }> {
  const dataDir = await makeDataDirectory();
  undo.push(() => removeDataDirectory(dataDir));
  const server = await spawnServer({ dataDir, ...options });
  undo.push(() => server.program.stop(10_000));
  return { server, dataDir };
}

/** Connections that sent this much and no more. */
async function halfSent(server: SpawnedServer, text: string): Promise<void> {
  const sockets = Array.from({ length: countOfEach }, () => connect(server.port, '127.0.0.1'));
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(
    sockets.map(async (socket: Socket) => {
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      if (text !== '') await new Promise((resolve) => socket.write(text, resolve));
    }),
  );
}

async function joinHost(server: SpawnedServer, name: string): Promise<TestAgent> {
  const send: Send = async (method, url, body, headers) => {
    const answer = await fetch(server.url + url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
      body: text.startsWith('{') ? JSON.parse(text) : text,
    };
  };
  const token = await server.ask('POST', '/v1/join-tokens', { body: { host: name } });
  const { privateKey, publicKey } = newAgentKey();
  const body = JSON.stringify(joinBody(name, (token.body as { secret: string }).secret, publicKey));
  const joined = await send('POST', '/agent/v1/join', body, { 'content-type': 'application/json' });
  return createTestAgent(
    { name, hostId: joined.body.hostId as string, privateKey },
    { send, now: () => new Date() },
  );
}

/** An event stream, and when it ends. */
async function openStream(server: SpawnedServer, token: string): Promise<{ ended: Promise<void> }> {
  const answer = await fetch(`${server.url}/v1/events`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
  });
  expect(answer.status).toBe(200);
  const read = async (): Promise<void> => {
    for await (const chunk of answer.body!) expect(chunk.length).toBeGreaterThan(0);
  };
  return { ended: read().catch(() => undefined) };
}

const head = (length: number): string =>
  `POST /v1/networks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${adminToken}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n`;

const network = {
  name: 'lan',
  parent: 'ens33',
  hosts: { all: true },
  subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
};

test(
  'SIGTERM with connections of every kind: waits are answered with what is, all is over in seconds, PostgreSQL too',
  async () => {
    const { server, dataDir } = await startServer();
    const agent = await joinHost(server, 'docker01');
    await agent.report();
    const made = await server.ask('POST', '/v1/networks', { body: network });
    expect(made.status).toBe(201);

    // Nobody makes any of this real: the agent is a stub.
    const waits: Promise<Answered>[] = [];
    waits.push(
      server.ask('PATCH', '/v1/networks/lan?wait=60s', {
        body: { warm: 2 },
        headers: { 'if-match': '*', 'content-type': 'application/merge-patch+json' },
        timeoutMs: 120_000,
      }),
    );
    for (let n = 0; n < 5; n += 1) {
      waits.push(
        server.ask('POST', '/v1/containers?wait=60s', {
          body: { name: `box${n}`, host: 'docker01', image: 'busybox', attachments: [{ network: 'lan' }] },
          timeoutMs: 120_000,
        }),
      );
    }
    await waitFor(
      'the containers being there',
      async () =>
        ((await server.ask('GET', '/v1/containers')).body as { items: unknown[] }).items.length === 5,
      60_000,
    );
    /** As an agent does: what it is answered is where the next poll begins; answers how the last one was. */
    const pollUntilUnchanged = async (): Promise<number> => {
      for (let after = '0'; ;) {
        const answer = await agent.desired(`?after=${after}&wait=60`);
        if (answer.status !== 200) return answer.status;
        after = answer.body.revision as string;
      }
    };
    const polls = Array.from({ length: 5 }, () => pollUntilUnchanged());
    const streams = await Promise.all(Array.from({ length: 20 }, () => openStream(server, adminToken)));
    await halfSent(server, '');
    await halfSent(server, 'GET /v1/hosts HTTP/1.1\r\nhost: x\r\nauthor');
    await halfSent(server, `${head(500)}\r\n{"name":`);
    await waitFor(
      'the polls being open',
      async () => /trunkline_agent_polls [1-9]/.test((await server.ask('GET', '/metrics')).body as string),
      60_000,
    );

    const began = performance.now();
    process.kill(server.program.pid!, 'SIGTERM');
    const answers = await Promise.all(waits);
    expect(answers.map(({ status }) => status).filter((status) => status >= 300)).toEqual([]);
    await Promise.all(streams.map(({ ended }) => ended));
    expect(await Promise.all(polls)).toEqual(polls.map(() => 304));
    await waitFor('the end of the server', () => !server.program.running, 20_000, 5);
    // 3 s where the machine is not busy with other things.
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(server.program.lines().join('\n')).toContain('trunkline server has stopped');
    expect(await postmasterOf(dataDir)).toBeUndefined();
  },
  patientMs,
);

test(
  'a log on a full disk: the server starts, answers and stops as ever',
  async () => {
    const full = await open('/dev/full', 'w');
    undo.push(() => full.close());
    const { server, dataDir } = await startServer({ stdout: full.fd });
    for (let n = 0; n < 20; n += 1) expect((await server.ask('GET', '/v1/no-such-route')).status).toBe(404);
    process.kill(server.program.pid!, 'SIGTERM');
    await waitFor('the end of the server', () => !server.program.running, 20_000, 5);
    expect(await postmasterOf(dataDir)).toBeUndefined();
  },
  patientMs,
);

test(
  'a second SIGTERM, at once: PostgreSQL is stopped all the same',
  async () => {
    const { server, dataDir } = await startServer();
    await halfSent(server, '');
    process.kill(server.program.pid!, 'SIGTERM');
    process.kill(server.program.pid!, 'SIGTERM');
    await waitFor('the end of the server', () => !server.program.running, 20_000, 5);
    expect(await postmasterOf(dataDir)).toBeUndefined();
  },
  patientMs,
);

test(
  'a token that is revoked, or expires, ends its event stream within seconds',
  async () => {
    const { server } = await startServer();
    const makeToken = async (
      name: string,
      expiresAt: string | null,
    ): Promise<{ id: string; secret: string }> => {
      const made = await server.ask('POST', '/v1/tokens', {
        body: { name, role: 'viewer', ...(expiresAt === null ? {} : { expiresAt }) },
      });
      expect(made.status).toBe(201);
      return made.body as { id: string; secret: string };
    };
    const revoked = await makeToken('revoked', null);
    const expiring = await makeToken('expiring', new Date(Date.now() + 4_000).toISOString());
    const kept = await makeToken('kept', null);
    const streams = {
      revoked: await openStream(server, revoked.secret),
      expiring: await openStream(server, expiring.secret),
      kept: await openStream(server, kept.secret),
    };
    let keptEnded = false;
    void streams.kept.ended.then(() => {
      keptEnded = true;
      return undefined;
    });
    const began = performance.now();
    expect((await server.ask('DELETE', `/v1/tokens/${revoked.id}`)).status).toBe(204);
    await streams.revoked.ended;
    expect(performance.now() - began).toBeLessThan(10_000);
    await streams.expiring.ended;
    expect(keptEnded).toBe(false);
  },
  patientMs,
);
