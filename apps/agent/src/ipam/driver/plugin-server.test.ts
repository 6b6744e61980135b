/** Docker's calls have no bound of their own: each is answered in time, and nothing that was not heard stays given. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../lib/temporary-folder.fixture.ts';
import type { Driver } from './driver.ts';
import { createPluginServer } from './plugin-server.ts';
import { handedOverSocket, listenForDocker, SocketPathTaken } from './plugin-socket.ts';
import { refuseDocker } from './refuse-docker.ts';
import { DriverRefusal } from '../allocation/refusal.ts';

const log = pino({ level: 'silent' });
const cleanup: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of cleanup.splice(0)) await one();
});

async function serve(driver: Driver, maxMs = 10_000): Promise<string> {
  const folder = await temporaryFolder();
  const path = join(folder.path, 'plugins/trunkline.sock');
  const server = createPluginServer({ driver, maxMs, log });
  const close = await listenForDocker(server, { path, descriptor: null });
  cleanup.push(async () => {
    server.closeAllConnections();
    await close();
    await folder[Symbol.asyncDispose]();
  });
  return path;
}

interface Answer {
  status: number;
  type: string | undefined;
  connection: string | undefined;
  body: unknown;
}

async function post(socketPath: string, path: string, body = '', method = 'POST'): Promise<Answer> {
  const asked = request({ socketPath, path, method, headers: { host: '' } });
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of answer as AsyncIterable<Buffer>) text += part.toString();
  const { 'content-type': type, connection } = answer.headers;
  return { status: answer.statusCode ?? 0, type, connection, body: JSON.parse(text) as unknown };
}

const echo: Driver = {
  '/Plugin.Activate': { body: false, call: () => ({ body: { Implements: ['IpamDriver'] } }) },
  '/Echo': { body: true, call: (body) => ({ body: { got: body } }) },
  '/Refuse': {
    body: true,
    call: () => {
      throw new DriverRefusal('the pool is empty');
    },
  },
  '/Quote': {
    body: true,
    call: (body) => {
      throw new DriverRefusal(String(body['a']));
    },
  },
  '/Break': { body: true, call: () => Promise.reject(new Error('a bug')) },
  '/Hang': { body: true, call: () => new Promise(() => {}) },
};

describe('a call', () => {
  test('without a body is answered where none is wanted, over a connection that is not kept', async () => {
    expect(await post(await serve(echo), '/Plugin.Activate')).toEqual({
      status: 200,
      type: 'application/vnd.docker.plugins.v1.1+json',
      connection: 'close',
      body: { Implements: ['IpamDriver'] },
    });
  });

  test.each<[string, string, string, object]>([
    ['with a body is carried out', '/Echo', '{"a":1}', { got: { a: 1 } }],
    ['whose body was lost is refused', '/Echo', '', { Error: expect.stringContaining('start it again') }],
    ['that is not JSON is refused', '/Echo', '{', { Error: expect.stringContaining('not JSON') }],
    [
      'that is too long is refused',
      '/Echo',
      'x'.repeat(70_000),
      { Error: expect.stringContaining('longer') },
    ],
    [
      'that is far too long is refused, and hears it',
      '/Echo',
      'x'.repeat(8_000_000),
      { Error: expect.stringContaining('longer') },
    ],
    [
      'that is refused with what it sent is refused in few words',
      '/Quote',
      JSON.stringify({ a: 'x'.repeat(60_000) }),
      { Error: expect.stringMatching(/^.{1,1001}$/) },
    ],
    ['that is refused gets the reason, as Docker wants it', '/Refuse', '{}', { Error: 'the pool is empty' }],
    ['that breaks is answered all the same', '/Break', '{}', { Error: expect.stringContaining('a bug') }],
  ])('%s', async (_, path, body, expected) => {
    expect(await post(await serve(echo), path, body)).toMatchObject({ status: 200, body: expected });
  });

  test('of another driver or by another method is none of ours, however long it is', async () => {
    const path = await serve(echo);
    const long = ' '.repeat(200_000);
    for (const [call, method, body] of [
      ['/NetworkDriver.Join', 'POST', ''],
      ['/NetworkDriver.Join', 'POST', long],
      ['/Echo', 'GET', ''],
      ['/Echo', 'PATCH', long],
      ['/constructor', 'POST', ''],
    ] as const) {
      expect((await post(path, call, body, method)).status).toBe(404);
    }
  });

  test.each<[string, string, string]>([
    ['that is no HTTP', 'hello\r\n\r\n', 'HTTP/1.1 400 '],
    ['that wants a tunnel', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', 'HTTP/1.1 404 '],
  ])('%s is answered in the form of the protocol, and its connection ends', async (_, text, status) => {
    const socket = connect(await serve(echo));
    socket.write(text);
    let answer = '';
    for await (const part of socket as AsyncIterable<Buffer>) answer += part.toString();
    expect(answer).toContain(status);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toEqual({ Error: expect.stringContaining('call') });
  });

  test('behind another one on its connection is none', async () => {
    let calls = 0;
    const driver: Driver = {
      '/Count': {
        body: true,
        call: () => {
          calls += 1;
          return { body: {} };
        },
      },
    };
    const socket = connect(await serve(driver));
    socket.on('error', () => {});
    socket.resume();
    socket.write('POST /Count HTTP/1.1\r\nHost:\r\nContent-Length: 2\r\n\r\n{}'.repeat(50));
    await once(socket, 'close');
    expect(calls).toBe(1);
  });

  test('that hangs is answered within its bound', async () => {
    const began = performance.now();
    const { body } = await post(await serve(echo, 100), '/Hang', '{}');
    expect(body).toEqual({ Error: expect.stringContaining('try again') });
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

function slow() {
  const [asked, answered, taken] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  const driver: Driver = {
    '/Give': {
      body: true,
      call: async () => {
        asked.resolve();
        await answered.promise;
        return { body: { Address: '172.16.100.2/24' }, rollback: async () => taken.resolve() };
      },
    },
  };
  return { asked, answered, taken, driver };
}

describe('an address that Docker does not hear of is taken back', () => {
  test('because it was answered too late', async () => {
    const { answered, taken, driver } = slow();
    await post(await serve(driver, 50), '/Give', '{}');
    answered.resolve();
    await expect(taken.promise).resolves.toBeUndefined();
  });

  test('because Docker was gone', async () => {
    const { asked, answered, taken, driver } = slow();
    const socket = connect(await serve(driver));
    socket.write('POST /Give HTTP/1.1\r\nHost: \r\nContent-Length: 2\r\n\r\n{}');
    await asked.promise;
    socket.destroy();
    await once(socket, 'close');
    // The server hears of it a moment later than this side.
    await new Promise((resolve) => setTimeout(resolve, 50));
    answered.resolve();
    await expect(taken.promise).resolves.toBeUndefined();
  });
});

test('an agent that cannot run tells Docker so', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'trunkline.sock');
  const refusing = refuseDocker({ path, descriptor: null }, 'TRUNKLINE_SERVER is not set', log, 500);
  await vi.waitFor(() => stat(path), 5000);
  const pool = '"PoolID":"0192f0c1-6d7e-7a52-9c1b-000000000001/172.16.100.0/24"';
  expect((await post(path, '/Plugin.Activate')).body).toEqual({ Implements: ['IpamDriver'] });
  expect((await post(path, '/IpamDriver.RequestAddress', `{${pool}}`)).body).toEqual({
    Error: 'the Trunkline agent cannot run: TRUNKLINE_SERVER is not set',
  });
  expect((await post(path, '/IpamDriver.ReleaseAddress', `{${pool},"Address":"172.16.100.2"}`)).body).toEqual(
    {},
  );
  await refusing;
});

describe('the socket', () => {
  test('is for root alone, in a folder that is made', async () => {
    const path = await serve(echo);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('of a dead agent is replaced; what is no socket is not touched', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'trunkline.sock');
    // A process that dies leaves its socket behind.
    const left = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    await once(left, 'exit');
    expect((await stat(path)).isSocket()).toBe(true);
    const server = createPluginServer({ driver: echo, maxMs: 1000, log });
    const close = await listenForDocker(server, { path, descriptor: null });
    expect((await post(path, '/Plugin.Activate')).status).toBe(200);
    await close();
    await mkdir(folder.path, { recursive: true });
    await writeFile(path, 'mine');
    await expect(listenForDocker(server, { path, descriptor: null })).rejects.toThrow(SocketPathTaken);
    expect(await readFile(path, 'utf8')).toBe('mine');
  });

  const activate = '/usr/bin/systemd-socket-activate';
  test.skipIf(!existsSync(activate))(
    'that systemd holds is used, and what came before the agent listened is answered (skipped without systemd)',
    async () => {
      await using folder = await temporaryFolder();
      const path = join(folder.path, 'trunkline.sock');
      const program = join(folder.path, 'program.ts');
      await writeFile(
        program,
        `import { createPluginServer } from ${JSON.stringify(join(import.meta.dirname, 'plugin-server.ts'))};
        import { handedOverSocket, listenForDocker } from ${JSON.stringify(join(import.meta.dirname, 'plugin-socket.ts'))};
        const driver = { '/Plugin.Activate': { body: false, call: () => ({ body: { pid: process.pid } }) } } as const;
        const server = createPluginServer({ driver, maxMs: 1000, log: { debug() {} } as never });
        await listenForDocker(server, { path: '/nowhere', descriptor: handedOverSocket(process.env) });`,
      );
      const systemd = spawn(activate, ['-l', path, process.execPath, program], { stdio: 'ignore' });
      try {
        await vi.waitFor(() => stat(path), 5000);
        // Nobody listens yet: this very call has the agent started.
        expect(await post(path, '/Plugin.Activate')).toMatchObject({ body: { pid: systemd.pid } });
      } finally {
        systemd.kill('SIGKILL');
        await once(systemd, 'exit');
      }
      expect((await stat(path)).isSocket()).toBe(true);
    },
    20_000,
  );

  test.each<[string, Record<string, string>, number | null]>([
    ['for this process', { LISTEN_FDS: '1', LISTEN_PID: '77' }, 3],
    ['for another process', { LISTEN_FDS: '1', LISTEN_PID: '78' }, null],
    ['without one', { LISTEN_FDS: '0', LISTEN_PID: '77' }, null],
    ['by nobody', {}, null],
  ])('handed over %s', (_, env, expected) => {
    expect(handedOverSocket(env, 77)).toBe(expected);
    expect(env).toEqual({});
  });
});
