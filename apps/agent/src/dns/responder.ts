import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import { messageOf } from '@trunkline/log';
import type { Logger } from 'pino';
import { backoffMs, type Timing } from '../lib/timing.ts';
import { advises, holds, type ConditionDraft } from '../plan/conditions.ts';
import { replyTo, type Transport } from './message.ts';
import { createRateLimit, type Rates } from './rate-limit.ts';
import { serveConnection } from './tcp-questions.ts';
import type { Zone } from './zone.ts';

/** What a responder may spend. */
export interface ResponderBounds {
  /** Questions a second over UDP, and as many over TCP: an address that was made up does not keep those from asking who have one. */
  readonly rates: Rates;
  readonly connections: { readonly perSource: number; readonly inTotal: number };
  /** How long a connection may be without a whole question, in milliseconds. */
  readonly idleMs: number;
}

/** What a responder is made of. */
export interface ResponderDeps {
  /** Where it listens, over UDP and TCP. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly zone: () => Zone;
  /** There is something new to report. */
  readonly onNews: () => void;
  readonly timing: Timing;
  readonly log: Logger;
  readonly bounds?: ResponderBounds;
}

/** The DNS responder of a host. */
export interface Responder {
  /** Whether it can be asked; null before that is known. */
  readonly condition: () => ConditionDraft | null;
  /** Where it listens now; null: nowhere. */
  readonly address: () => AddressInfo | null;
  /** Listens until aborted. What prevents it is a condition, and is tried again. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

const defaultBounds: ResponderBounds = {
  rates: { perSource: 500, inTotal: 2000 },
  connections: { perSource: 8, inTotal: 64 },
  idleMs: 10_000,
};
const retry = { firstMs: 1_000, maxMs: 30_000 };

/** Wires the sockets and the zone. Starts with {@link Responder.run}. */
export function createResponder(deps: ResponderDeps): Responder {
  const { listen, timing, log } = deps;
  const bounds = deps.bounds ?? defaultBounds;
  const limits = {
    udp: createRateLimit(bounds.rates, timing.now),
    tcp: createRateLimit(bounds.rates, timing.now),
  };
  const place = `${isIPv6(listen.host) ? `[${listen.host}]` : listen.host}:${listen.port}`;
  let listening: AddressInfo | null = null;
  let failure: string | null = null;

  /** Null: there is no answer, because there were too many questions, or it is none. */
  function reply(message: Buffer, transport: Transport, source: string): Buffer | null {
    if (!limits[transport].take(source)) return null;
    try {
      return replyTo(message, transport, deps.zone);
    } catch (error) {
      log.warn({ err: error, source, transport }, 'a DNS question could not be answered');
      return null;
    }
  }

  function onDatagram(socket: UdpSocket, message: Buffer, { address, port }: RemoteInfo): void {
    // Nobody can be answered at port 0.
    const answer = port === 0 ? null : reply(message, 'udp', address);
    // An answer that cannot be sent is one that was lost on the way: who asked asks again.
    if (answer !== null) socket.send(answer, port, address, () => {});
  }

  const perSource = new Map<string, number>();
  const sockets = new Set<Socket>();

  function onConnection(socket: Socket): void {
    const source = socket.remoteAddress;
    const open = perSource.get(source ?? '') ?? 0;
    if (source === undefined || open >= bounds.connections.perSource) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    perSource.set(source, open + 1);
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      const left = (perSource.get(source) ?? 1) - 1;
      if (left === 0) perSource.delete(source);
      else perSource.set(source, left);
    });
    serveConnection(socket, {
      replyTo: (message) => reply(message, 'tcp', source),
      idleMs: bounds.idleMs,
    });
  }

  /** Listens until aborted; fails when it cannot, or not any more. */
  async function serve(signal: AbortSignal): Promise<void> {
    const udp = createSocket({ type: isIPv6(listen.host) ? 'udp6' : 'udp4' });
    const tcp = createServer({ allowHalfOpen: true }, onConnection);
    tcp.maxConnections = bounds.connections.inTotal;
    udp.on('message', (message, from) => onDatagram(udp, message, from));
    const ended = Promise.withResolvers<void>();
    const over = new AbortController();
    const onAbort = (): void => ended.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    udp.on('error', ended.reject);
    tcp.on('error', ended.reject);
    try {
      await Promise.race([begin(udp, tcp, over.signal), ended.promise]);
      await ended.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      over.abort();
      listening = null;
      await closed(udp, tcp);
    }
  }

  async function begin(udp: UdpSocket, tcp: Server, signal: AbortSignal): Promise<void> {
    listening = await bound(udp, tcp, signal);
    failure = null;
    log.info({ listen: place }, 'the DNS responder listens');
    deps.onNews();
  }

  /** Both sockets on one port: the one of UDP decides, where any will do. */
  async function bound(udp: UdpSocket, tcp: Server, signal: AbortSignal): Promise<AddressInfo> {
    udp.bind({ address: listen.host, port: listen.port });
    await once(udp, 'listening', { signal });
    const address = udp.address();
    tcp.listen({ host: listen.host, port: address.port });
    await once(tcp, 'listening', { signal });
    return address;
  }

  async function closed(udp: UdpSocket, tcp: Server): Promise<void> {
    for (const socket of sockets) socket.destroy();
    // One that is just beginning to listen is not closed by that.
    tcp.once('listening', () => tcp.close());
    await Promise.all([
      new Promise<void>((done) => tcp.close(() => done())),
      new Promise<void>((done) => udp.close(() => done())),
    ]);
  }

  function noteFailure(error: unknown): void {
    const why = `${messageOf(error)}; ${remedyOf(error)}`;
    if (why !== failure) {
      log.warn({ listen: place, why }, 'the DNS responder cannot listen, trying again');
      failure = why;
      deps.onNews();
    }
  }

  return {
    address: () => listening,
    condition: () => {
      if (listening !== null)
        return holds('NameServer', 'Listening', `names of ${deps.zone().name} are answered at ${place}`);
      if (failure === null) return null;
      return advises('NameServer', 'CannotListen', `names are not answered at ${place}: ${failure}`);
    },
    run: async (signal) => {
      for (let failures = 1; !signal.aborted; failures += 1) {
        const began = timing.now();
        try {
          await serve(signal);
        } catch (error) {
          noteFailure(error);
          if (timing.now() - began > retry.maxMs) failures = 1;
          await timing.delay(backoffMs(failures, retry, timing.random), signal);
        }
      }
    },
  };
}

/** What to do about an error of bind(2). */
function remedyOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return 'another program listens there: stop it, or set TRUNKLINE_DNS_LISTEN to one address of this host or to another port';
    case 'EADDRNOTAVAIL':
      return 'this host has no such address: give it the address, or set TRUNKLINE_DNS_LISTEN to one that it has';
    case 'EACCES':
      return 'a port below 1024 needs CAP_NET_BIND_SERVICE: give it to the agent, or set TRUNKLINE_DNS_LISTEN to a higher port';
    default:
      return 'set TRUNKLINE_DNS_LISTEN to an address of this host and a free port';
  }
}
