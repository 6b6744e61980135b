import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { decode, encode, streamEncode, type Packet } from 'dns-packet';
import { pino } from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { realTiming } from '../host/spawn.ts';
import { createManualTime } from '../lib/manual-time.fake.ts';
import { createResponder, type Responder, type ResponderDeps } from './responder.ts';
import { zoneOf, type Zone } from './zone.ts';
import { named } from '../names/named.fixture.ts';
import { namedNetwork } from './zone.fixture.ts';

const many = Array.from({ length: 60 }, (_, at) =>
  named(`c${at}`, { ipv4: `172.16.100.${at + 100}`, aliases: ['all'], since: at }),
);
const zone = zoneOf([namedNetwork([named('box2'), ...many])], 'trunkline.internal', 1);
const name = 'box2.mac_net1.trunkline.internal';
const question = (more: Partial<Packet> = {}): Packet => ({
  type: 'query',
  id: 99,
  questions: [{ type: 'A', name }],
  ...more,
});
const all = question({ questions: [{ type: 'SRV', name: '_80._tcp.all.mac_net1.trunkline.internal' }] });
const rates = { perSource: 1e6, inTotal: 1e6 };
const bounds = { rates, connections: { perSource: 8, inTotal: 64 }, idleMs: 60_000 };
const ended: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
});

function start(more: Partial<ResponderDeps> = {}) {
  const stop = new AbortController();
  const onNews = vi.fn<() => void>();
  const responder = createResponder({
    listen: { host: '127.0.0.1', port: 0 },
    zone: () => zone,
    onNews,
    timing: { ...realTiming, now: Date.now },
    log: pino({ level: 'silent' }),
    bounds,
    ...more,
  });
  const done = responder.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await done;
  };
  ended.push(end);
  return { responder, onNews, end };
}

/** The port on which a responder listens, once it does. */
async function portOf(responder: Responder): Promise<number> {
  await expect.poll(() => responder.address()).not.toBeNull();
  return responder.address()!.port;
}

async function udp(port: number, host = '127.0.0.1') {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  ended.push(() => socket.close());
  const answers: Packet[] = [];
  socket.on('message', (message) => answers.push(decode(message)));
  socket.connect(port, host);
  await once(socket, 'connect');
  return { send: (message: Buffer) => socket.send(message), answers };
}

async function tcp(port: number) {
  const socket = connect({ port, host: '127.0.0.1' });
  ended.push(() => socket.destroy());
  socket.on('error', () => {});
  let bytes = Buffer.alloc(0);
  socket.on('data', (more) => (bytes = Buffer.concat([bytes, more])));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  return { socket, closed, answers: () => messagesOf(bytes) };
}

function messagesOf(bytes: Buffer): Packet[] {
  const found: Packet[] = [];
  for (let at = 0; at + 2 <= bytes.length && at + 2 + bytes.readUInt16BE(at) <= bytes.length;) {
    const length = bytes.readUInt16BE(at);
    found.push(decode(bytes.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return found;
}

describe('over UDP', () => {
  test('a question is answered, and what is none does not end the responder', async () => {
    const { responder } = start();
    const { send, answers } = await udp(await portOf(responder));
    for (const bad of [Buffer.alloc(0), Buffer.alloc(5), Buffer.alloc(12, 0xff), Buffer.alloc(2000, 0xc0)])
      send(bad);
    send(encode(question()));
    await expect.poll(() => answers).toMatchObject([{ id: 99, answers: [{ data: '172.16.100.20' }] }]);
  });

  test('over IPv6', async () => {
    const { responder } = start({ listen: { host: '::1', port: 0 } });
    const { send, answers } = await udp(await portOf(responder), '::1');
    send(encode(question()));
    await expect.poll(() => answers).toMatchObject([{ answers: [{ data: '172.16.100.20' }] }]);
  });

  test('who asks more than its share is not answered for the rest of the second, and over TCP is', async () => {
    const time = createManualTime();
    const { responder } = start({
      timing: time,
      bounds: { ...bounds, rates: { perSource: 3, inTotal: 100 } },
    });
    const port = await portOf(responder);
    const { send, answers } = await udp(port);
    for (let id = 1; id <= 10; id += 1) send(encode(question({ id })));
    await expect.poll(() => answers.length).toBe(3);
    const over = await tcp(port);
    over.socket.write(streamEncode(question()));
    await expect.poll(() => over.answers()).toHaveLength(1);
    // The datagrams before it have been read.
    expect(answers).toHaveLength(3);
    await time.advance(1000);
    send(encode(question({ id: 11 })));
    await expect.poll(() => answers.at(-1)?.id).toBe(11);
  });
});

describe('over TCP', () => {
  test('questions on one connection are answered in their order, also byte by byte and all at once', async () => {
    const { responder } = start();
    const { socket, answers } = await tcp(await portOf(responder));
    for (const byte of streamEncode(question({ id: 1 }))) socket.write(Buffer.from([byte]));
    socket.write(Buffer.concat([2, 3, 4].map((id) => streamEncode({ ...all, id }))));
    await expect
      .poll(() => answers().map(({ id, answers: found }) => [id, found?.length]))
      .toEqual([
        [1, 1],
        [2, 60],
        [3, 60],
        [4, 60],
      ]);
  });

  test('who sends and closes its side still gets the answer', async () => {
    const { responder } = start();
    const { socket, closed, answers } = await tcp(await portOf(responder));
    socket.end(streamEncode(question()));
    await closed;
    expect(answers()).toHaveLength(1);
  });

  test('what is no question in form is answered, and what can be no question ends the connection', async () => {
    const { responder } = start();
    const port = await portOf(responder);
    const bad = await tcp(port);
    bad.socket.write(Buffer.concat([Buffer.from([0, 12]), Buffer.alloc(12)]));
    await expect.poll(() => bad.answers()).toMatchObject([{ rcode: 'FORMERR' }]);
    for (const end of [Buffer.from([0xff, 0xff]), Buffer.from([0, 0]), Buffer.from([0, 1, 7])]) {
      const { socket, closed } = await tcp(port);
      socket.write(end);
      await closed;
    }
  });

  test('who takes no answers is not read, so that nothing piles up', async () => {
    const asked = vi.fn<() => Zone>(() => zone);
    const { responder } = start({ zone: asked });
    const socket = connect({ port: await portOf(responder), host: '127.0.0.1' });
    ended.push(() => socket.destroy());
    const questions = 6_000;
    for (let at = 0; at < questions; at += 1) socket.write(streamEncode(all));
    let before = -1;
    await expect
      .poll(() => asked.mock.calls.length > 0 && before === (before = asked.mock.calls.length), {
        interval: 200,
      })
      .toBe(true);
    // What the kernel keeps of answers, of 6 kB each.
    expect(before).toBeLessThan(questions / 2);
    socket.resume();
    await expect.poll(() => asked.mock.calls.length).toBe(questions);
  });

  test('a connection without a whole question ends, also when bytes keep coming', async () => {
    const { responder } = start({ bounds: { ...bounds, idleMs: 100 } });
    const port = await portOf(responder);
    const quiet = await tcp(port);
    const slow = await tcp(port);
    const drip = setInterval(() => slow.socket.write(Buffer.from([0])), 10);
    slow.socket.write(Buffer.from([4, 0]));
    ended.push(() => clearInterval(drip));
    await Promise.all([quiet.closed, slow.closed]);
    expect(quiet.answers()).toEqual([]);
  });

  test('a connection with questions stays, however long', async () => {
    const idleMs = 200;
    const { responder } = start({ bounds: { ...bounds, idleMs } });
    const { socket, answers } = await tcp(await portOf(responder));
    const began = Date.now();
    for (let asked = 1; Date.now() - began < 4 * idleMs; asked += 1) {
      socket.write(streamEncode(question()));
      await expect.poll(() => answers().length).toBe(asked);
    }
    expect(socket.destroyed).toBe(false);
  });

  test('a source has so many connections and no more; one that ends makes room', async () => {
    const { responder } = start({ bounds: { ...bounds, connections: { perSource: 2, inTotal: 64 } } });
    const port = await portOf(responder);
    const answered = async ({ socket, answers }: Awaited<ReturnType<typeof tcp>>): Promise<void> => {
      socket.write(streamEncode(question()));
      await expect.poll(() => answers().length).toBe(1);
    };
    const [first, second] = [await tcp(port), await tcp(port)];
    await answered(first);
    await answered(second);
    const third = await tcp(port);
    await third.closed;
    first.socket.destroy();
    await first.closed;
    await expect
      .poll(async () => {
        const next = await tcp(port);
        next.socket.write(streamEncode(question()));
        await Promise.race([next.closed, new Promise((resolve) => next.socket.once('data', resolve))]);
        return next.answers().length;
      })
      .toBe(1);
  });

  test('all together have so many connections and no more', async () => {
    const { responder } = start({ bounds: { ...bounds, connections: { perSource: 64, inTotal: 2 } } });
    const port = await portOf(responder);
    const open: Socket[] = [];
    for (let at = 0; at < 2; at += 1) {
      const one = await tcp(port);
      one.socket.write(streamEncode(question()));
      await expect.poll(() => one.answers().length).toBe(1);
      open.push(one.socket);
    }
    await (
      await tcp(port)
    ).closed;
    expect(open.every(({ destroyed }) => !destroyed)).toBe(true);
  });
});

async function taken(): Promise<{ port: number; free: () => Promise<void> }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const free = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  ended.push(free);
  return { port: (server.address() as AddressInfo).port, free };
}

describe('a port that is taken', () => {
  test('is a condition with what to do, and the responder listens once it is free', async () => {
    const time = createManualTime();
    const { port, free } = await taken();
    const { responder, onNews } = start({ listen: { host: '127.0.0.1', port }, timing: time });
    expect(responder.condition()).toBeNull();
    await expect
      .poll(() => responder.condition())
      .toMatchObject({
        type: 'NameServer',
        status: 'False',
        reason: 'CannotListen',
        weight: 'advisory',
        message: expect.stringMatching(/EADDRINUSE.*another program listens there: stop it/),
      });
    expect(onNews).toHaveBeenCalledTimes(1);
    await free();
    await expect
      .poll(async () => {
        await time.advance(30_000);
        return responder.condition();
      })
      .toMatchObject({
        status: 'True',
        message: `names of trunkline.internal are answered at 127.0.0.1:${port}`,
      });
    expect(onNews).toHaveBeenCalledTimes(2);
  });

  test('an address that the host does not have yet is waited for', async () => {
    const { responder, end } = start({ listen: { host: '192.0.2.1', port: 5353 } });
    await expect.poll(() => responder.condition()?.message).toMatch(/this host has no such address/);
    await end();
  });
});

test('ended while it begins, it leaves no socket', async () => {
  const probe = start();
  const port = await portOf(probe.responder);
  await probe.end();
  for (let turns = 0; turns < 6; turns += 1) {
    const { end } = start({ listen: { host: '127.0.0.1', port } });
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
    await end();
  }
  const { responder } = start({ listen: { host: '127.0.0.1', port } });
  expect(await portOf(responder)).toBe(port);
});

test('at the end nothing listens, and open connections are gone', async () => {
  const { responder, end } = start();
  const port = await portOf(responder);
  const { closed } = await tcp(port);
  await end();
  await closed;
  expect(responder.address()).toBeNull();
  const again = start({ listen: { host: '127.0.0.1', port } });
  expect(await portOf(again.responder)).toBe(port);
});
