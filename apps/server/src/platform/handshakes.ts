import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { sourceOf } from './source-limits.ts';

/** What goes wrong before there is a request, between a client and this server. */
export type HandshakeFaultKind =
  'plain-http' | 'tls-to-plain' | 'unknown-authority' | 'expired' | 'abandoned';

/** Each fault: how it is noticed, and what is the matter, and what to do. */
const handshakeFaults: Readonly<
  Record<HandshakeFaultKind, { readonly codes: readonly string[]; readonly why: string }>
> = {
  'plain-http': {
    codes: ['ERR_SSL_HTTP_REQUEST'],
    why: 'it speaks plain HTTP to a port that speaks TLS: write https:// in its URL (TRUNKLINE_SERVER of an agent), and replace a token that it sent',
  },
  'tls-to-plain': {
    codes: [],
    why: 'it speaks TLS to a port that speaks plain HTTP: write http:// in its URL, or give this server TLS (TRUNKLINE_TLS=own)',
  },
  'unknown-authority': {
    codes: [
      'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
      'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN',
      'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
    ],
    why: 'it does not trust the certificate of this server: give it the authority (tls/ca.pem of the data directory); an agent learns it from a new join token (trunkline-agent join)',
  },
  expired: {
    codes: ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED'],
    why: 'the certificate of this server has ended by its clock: set that clock (NTP) if it is wrong, else renew the certificate',
  },
  abandoned: {
    codes: [],
    why: 'it left when it saw the certificate of this server, without a word: it trusts nobody who signed it, or finds it ended, not valid yet or for another name; its own log says which (of an agent also trunkline-agent doctor)',
  },
};

const kinds = Object.entries(handshakeFaults) as readonly [
  HandshakeFaultKind,
  (typeof handshakeFaults)[HandshakeFaultKind],
][];
/** First byte of a TLS record with a handshake (RFC 8446 section 5.1). */
const tlsHandshake = 0x16;

/** What kind of fault ended a connection before its first request; null for one that the table does not have. Pure. */
export function handshakeFaultOf(error: {
  readonly code?: string | undefined;
  readonly rawPacket?: unknown;
}): HandshakeFaultKind | null {
  const { code = '', rawPacket } = error;
  if (code.startsWith('HPE_') && rawPacket instanceof Uint8Array && rawPacket[0] === tlsHandshake)
    return 'tls-to-plain';
  return kinds.find(([, { codes }]) => codes.includes(code))?.[0] ?? null;
}

/** The handshakes of one server. */
export interface Handshakes {
  /** Looks at every connection of a server from now on. */
  watch(server: EventEmitter, stopping: AbortSignal): void;
  /** Logs a fault, once for each source in ten minutes. */
  note(kind: HandshakeFaultKind, from: string): void;
  /** The connection below a TLS connection that never came to be: what is written to it is not encrypted. */
  below(socket: Socket): Socket | undefined;
}

const quietMs = 600_000;
/** Sources that are remembered; a further one makes all be forgotten. */
const maxNoted = 1000;

const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

export function createHandshakes(log: Pick<FastifyBaseLogger, 'warn'>): Handshakes {
  const connections = new Map<string, Socket>();
  const greeted = new WeakSet<Socket>();
  const noted = new Map<string, number>();

  const note: Handshakes['note'] = (kind, from) => {
    const source = sourceOf(from);
    const now = performance.now();
    const key = `${kind} ${source}`;
    if (now - (noted.get(key) ?? -Infinity) < quietMs) return;
    if (noted.size >= maxNoted) noted.clear();
    noted.set(key, now);
    log.warn({ source, fault: kind, why: handshakeFaults[kind].why }, 'a client cannot talk to this server');
  };

  return {
    note,
    below: (socket) => connections.get(keyOf(socket)),
    watch(server, stopping) {
      server.on('connection', (socket: Socket) => {
        const key = keyOf(socket);
        const from = socket.remoteAddress ?? '';
        connections.set(key, socket);
        socket.once('close', () => {
          connections.delete(key);
          // One that sent nothing is a probe of the port.
          if (!greeted.has(socket) && socket.bytesRead > 0 && !stopping.aborted) note('abandoned', from);
        });
      });
      server.on('secureConnection', (socket: Socket) => {
        const below = connections.get(keyOf(socket));
        if (below !== undefined) greeted.add(below);
      });
      // What is said of it already is not said again.
      server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
        const below = connections.get(keyOf(socket));
        if (error.code !== 'ECONNRESET' && below !== undefined) greeted.add(below);
      });
    },
  };
}
