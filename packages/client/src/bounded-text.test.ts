import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { createAgentClient } from './agent-client.ts';
import { createApiClient } from './api-client.ts';
import { UnexpectedAnswer } from './errors.ts';
import { readSse } from './sse.ts';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
});

/** Tens of megabytes take a while on a busy machine. */
const patientMs = 120_000;
const chunk = Buffer.alloc(256 * 1024, ' ');

/** A server that goes on answering white space, which is JSON so far, up to 1.5 GiB; says how much it got rid of. */
async function endless(
  status: number,
): Promise<{ baseUrl: string; sent: () => number; gone: Promise<void> }> {
  let sent = 0;
  const gone = Promise.withResolvers<void>();
  server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.on('close', gone.resolve);
    const more = (): void => {
      while (sent < 1.5 * 1024 ** 3 && !response.destroyed) {
        sent += chunk.length;
        if (response.write(chunk)) continue;
        response.once('drain', more);
        return;
      }
      response.end();
    };
    more();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: () => sent,
    gone: gone.promise,
  };
}

const { privateKey } = generateKeyPairSync('ed25519');

test.each([
  ['a desired document', 200, 64],
  ['an error', 500, 1],
])(
  'an agent that is answered 1.5 GiB as %s gives up at its bound',
  async (_what, status, mebibytes) => {
    const { baseUrl, sent, gone } = await endless(status);
    const client = createAgentClient({ baseUrl, identity: { hostId: 'id', privateKey }, instance: 'one' });
    const failure = await client.desired().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UnexpectedAnswer);
    expect(String(failure)).toMatch(
      `GET ${baseUrl}/agent/v1/desired: the answer is longer than ${mebibytes} MiB and was not read`,
    );
    await gone;
    // Beside what was read there is what lies in the buffers of two sockets.
    expect(sent()).toBeLessThan((mebibytes + 32) * 1024 ** 2);
    await client.close();
  },
  patientMs,
);

test(
  'a client of the API gives up at its bound',
  async () => {
    const { baseUrl, gone } = await endless(200);
    const client = createApiClient({ baseUrl, token: 'tl_x' });
    await expect(client.hosts.list()).rejects.toThrow(/longer than 16 MiB/);
    await gone;
    await client.close();
  },
  patientMs,
);

test.each([
  ['a line without end', chunk],
  ['a message without end', Buffer.concat([Buffer.from('data:'), chunk.subarray(5), Buffer.from('\n')])],
])(
  'an event stream with %s is given up',
  async (_what, piece) => {
    async function* stream(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 1_000; n += 1) yield piece;
    }
    const read = async (): Promise<void> => {
      for await (const item of readSse(stream())) expect(item).toBeUndefined();
    };
    await expect(read()).rejects.toBeInstanceOf(UnexpectedAnswer);
  },
  patientMs,
);
